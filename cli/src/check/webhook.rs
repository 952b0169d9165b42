//! The webhooks: whether the API server knows them, trusts them, and reaches the injector.

use eventing::time::Millis;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, PostParams};
use kube::core::Status;
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use x509_parser::pem::Pem;

use super::findings::{INJECT, INJECTED};
use super::report::{Finding, Looked, Stop, Verdict, stop};
use crate::failure::Failure;

/// Both configurations.
const NAME: &str = "qsl-eventing";
/// The injector's webhook.
const INJECTOR: &str = "inject.eventing.qsl.dev";

/// Whether both configurations are there, with an authority that holds and a Service that somebody stands behind.
pub async fn configured(client: &Client, release: &str) -> Looked {
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let mutating = mutating.get_opt(NAME).await.map_err(stop("read the webhook configurations"))?;
    let mutating = mutating.map(|found| found.webhooks.unwrap_or_default().into_iter().map(|one| one.client_config));
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let validating = validating.get_opt(NAME).await.map_err(stop("read the webhook configurations"))?;
    let validating =
        validating.map(|found| found.webhooks.unwrap_or_default().into_iter().map(|one| one.client_config));
    let kinds = [
        ("MutatingWebhookConfiguration", mutating.map(Iterator::collect::<Vec<_>>)),
        ("ValidatingWebhookConfiguration", validating.map(Iterator::collect::<Vec<_>>)),
    ];
    let mut found = Vec::new();
    for (kind, configs) in &kinds {
        found.extend(configuration(kind, configs.as_deref(), release, Millis::now()));
    }
    let mut services =
        kinds.iter().flat_map(|(_, configs)| configs.iter().flatten()).filter_map(|config| config.service.as_ref());
    let service = services.find(|service| service.namespace == release);
    if let Some(service) = service
        && !has_endpoints(client, release, &service.name).await?
    {
        let fix = "have the operator run: each of its replicas serves the webhooks, ready or not".to_owned();
        let note = "no pod stands behind it, so annotated pods are refused".to_owned();
        found.push(Finding::about("Service", release, &service.name, "WebhookWithoutPods", note, fix));
    }
    Ok(Verdict::of(found, "both configurations have an authority that holds"))
}

async fn has_endpoints(client: &Client, namespace: &str, service: &str) -> Result<bool, Stop> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let of = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
    let slices = slices.list(&of).await.map_err(stop("list the webhooks' EndpointSlices"))?;
    Ok(slices.iter().any(|slice| slice.endpoints.iter().any(|one| !one.addresses.is_empty())))
}

fn configuration(kind: &str, configs: Option<&[WebhookClientConfig]>, release: &str, now: Millis) -> Option<Finding> {
    let ill = |reason, note: String, fix: String| Some(Finding::about(kind, "", NAME, reason, note, fix));
    let Some(first) = configs.and_then(<[_]>::first) else {
        let fix = "bring it back: helm upgrade; the operator writes its authority into it".to_owned();
        return ill("WebhookMissing", "it is not there, so no pod gets a sidecar".to_owned(), fix);
    };
    if let Some(other) = first.service.as_ref().map(|service| &service.namespace).filter(|one| *one != release) {
        let fix = format!("name that namespace (--release-namespace {other}); a cluster has one release");
        return ill("WebhookElsewhere", format!("it is of a release in namespace {other}"), fix);
    }
    let renew = || {
        format!(
            "the operator writes and renews it (or cert-manager, by webhook.certManager.enabled): see kubectl -n {release} \
             logs deployment/qsl-operator"
        )
    };
    let bundle = first.ca_bundle.as_ref().map(|bundle| bundle.0.as_slice()).unwrap_or_default();
    if bundle.is_empty() {
        return ill("AuthorityMissing", "it has no caBundle, so the API server trusts no answer".to_owned(), renew());
    }
    match last_day(bundle) {
        None => ill("AuthorityUnreadable", "its caBundle holds no certificate".to_owned(), renew()),
        Some(end) if end <= now => {
            let note = format!("the authority in its caBundle ran out at {}", crate::out::rfc3339(end));
            ill("AuthorityExpired", note, renew())
        }
        Some(_) => None,
    }
}

/// When the last of these certificates runs out.
fn last_day(bundle: &[u8]) -> Option<Millis> {
    let pems: Vec<Pem> = Pem::iter_from_buffer(bundle).collect::<Result<_, _>>().ok()?;
    let ends =
        pems.iter().map(|pem| Some(Millis::from_seconds(pem.parse_x509().ok()?.validity().not_after.timestamp())));
    ends.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Whether the API server reaches the injector: an annotated pod is made in `namespace`, but for the making.
pub async fn answers(client: &Client, namespace: &str) -> Looked {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "qsl-check-", "annotations": {
            INJECT: "true", "eventing.qsl.dev/inbox": "qsl-check", "eventing.qsl.dev/app-port": "8080"}},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65_533, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "app", "image": "qsl-check",
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1m", "memory": "1Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]},
    });
    let pod: Pod = serde_json::from_value(pod).map_err(|error| Failure::Usage(error.to_string()))?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let made = pods.create(&PostParams { dry_run: true, field_manager: None }, &pod).await;
    match made {
        Ok(pod) if pod.labels().contains_key(INJECTED) => {
            Ok(Verdict::Well(format!("a pod of namespace {namespace} would get its sidecar")))
        }
        Ok(_) => Ok(Verdict::Ill(vec![Finding::about(
            "MutatingWebhookConfiguration",
            "",
            NAME,
            "InjectorNotAsked",
            format!("a pod of namespace {namespace} that asks for a sidecar would be made without one"),
            "bring the configuration to what the chart says (helm upgrade), and see its namespaceSelector".to_owned(),
        )])),
        Err(kube::Error::Api(answer)) => Ok(refused(&answer, namespace)),
        Err(error) => Err(stop("make a pod, as a dry run")(error)),
    }
}

/// The injector did not answer, or it refused; or somebody else did.
fn refused(answer: &Status, namespace: &str) -> Verdict {
    let said = answer.message.trim().to_owned();
    let ill = |reason, fix: &str| {
        let about = Finding::about("MutatingWebhookConfiguration", "", NAME, reason, said.clone(), fix.to_owned());
        Verdict::Ill(vec![about])
    };
    if !said.contains(INJECTOR) {
        return Verdict::Unseen(format!("no pod can be made in namespace {namespace} even without a sidecar: {said}"));
    }
    if said.contains("denied the request") {
        return ill("InjectorRefuses", "do what the injector says; at a first start it waits for the operator");
    }
    let fix = if ["x509", "certificate", "tls:"].iter().any(|word| said.contains(word)) {
        "the caBundle is not of the authority that the operator serves with: delete what else writes it, and have the \
         operator write it again (kubectl rollout restart deployment/qsl-operator in the release's namespace)"
    } else {
        "let the API server reach the operator's port 9443: its pods run (kubectl get pods), and no NetworkPolicy, firewall or \
         security group between control plane and nodes is in the way"
    };
    ill("InjectorUnreachable", fix)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use k8s_openapi::ByteString;

    use super::*;

    fn config(namespace: &str, bundle: &str) -> WebhookClientConfig {
        let config = json!({"service": {"name": "qsl-webhook", "namespace": namespace}});
        let mut config: WebhookClientConfig = serde_json::from_value(config).unwrap();
        config.ca_bundle = Some(ByteString(bundle.as_bytes().to_vec()));
        config
    }

    #[test]
    fn an_authority_that_is_missing_unreadable_or_over_is_told() {
        let mut params = rcgen::CertificateParams::new(["webhook.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2026, 11, 27);
        let bundle = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem();
        let end = Millis::parse_rfc3339("2026-11-27T00:00:00Z").unwrap();
        let reason = |configs: Option<&[WebhookClientConfig]>, now: Millis| {
            configuration("MutatingWebhookConfiguration", configs, "ops", now).map(|found| found.reason)
        };
        let held = [config("ops", &bundle)];
        assert_eq!(reason(Some(&held), end.plus_millis(-1)), None);
        assert_eq!(reason(Some(&held), end), Some("AuthorityExpired"));
        assert_eq!(reason(Some(&[config("ops", "")]), end), Some("AuthorityMissing"));
        assert_eq!(reason(Some(&[config("ops", "no PEM")]), end), Some("AuthorityUnreadable"));
        assert_eq!(reason(Some(&[config("other", &bundle)]), end), Some("WebhookElsewhere"));
        assert_eq!(reason(None, end), Some("WebhookMissing"));
    }

    #[test]
    fn who_refused_a_pod_and_why_is_told_apart() {
        let reason = |message: &str| {
            let answer = Status { message: message.to_owned(), ..Status::default() };
            match refused(&answer, "shop") {
                Verdict::Ill(found) => found.into_iter().map(|one| (one.reason, one.fix)).next(),
                _ => None,
            }
        };
        let failed =
            "Internal error occurred: failed calling webhook \"inject.eventing.qsl.dev\": failed to call webhook: ";
        let (untrusted, fix) = reason(&format!("{failed}tls: failed to verify certificate: x509: unknown")).unwrap();
        assert!(untrusted == "InjectorUnreachable" && fix.starts_with("the caBundle"), "{fix}");
        let (away, fix) = reason(&format!("{failed}dial tcp 10.0.0.1:443: connect: connection refused")).unwrap();
        assert!(away == "InjectorUnreachable" && fix.contains("9443"), "{fix}");
        let denied = "admission webhook \"inject.eventing.qsl.dev\" denied the request: the operator has not started";
        assert_eq!(reason(denied).unwrap().0, "InjectorRefuses");
        assert_eq!(reason("pods \"qsl-check-x\" is forbidden: exceeded quota"), None);
    }
}
