//! An operator as it is installed: first start, webhooks and publication, with the controllers that a test gives it.

use std::{
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use k8s_openapi::api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::ConfigMap};
use kube::{Api, Client};
use operator::{
    installation::{Installation, WebhookCertificates},
    pods::{PodMetrics, Rounds, Told},
    publication::{Publisher, PublisherSettings, metrics::SigningMetrics},
    runner::{Hub, record::Events},
    webhooks::{
        WebhookServer, WebhookSettings,
        api::{Answers, router},
        inject,
    },
};
use operator_core::Tenancy;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{apply, define, eventually, make_namespace, place};

pub const RELEASE: &str = "qsl-system";
pub const KEYS: &str = "qsl-keys";
/// A label: the validating webhook does not see the object.
pub const UNJUDGED: &str = "tests/unjudged";
pub const KEEP: Duration = Duration::from_hours(28 * 24);

/// The definitions, and the namespaces of the release and of the keys.
pub async fn install(client: &Client) {
    define(client).await;
    for namespace in [RELEASE, KEYS] {
        make_namespace(client, namespace, &json!({})).await;
    }
}

pub fn installation(client: &Client, namespace: &str) -> Installation {
    Installation {
        client: client.clone(),
        namespace: namespace.to_owned(),
        key_namespace: KEYS.to_owned(),
        webhook_configuration: "qsl-eventing".to_owned(),
        webhook_hosts: vec!["127.0.0.1".to_owned()],
        webhook_certificates: WebhookCertificates::Operator,
        events: Events::new(client.clone(), None),
        told: Told::default(),
    }
}

/// Runs first start, webhooks (their certificates in `tls`), publication (which names that signature service), and
/// `controllers` once everything was listed.
pub async fn operate<F: Future<Output = ()>>(
    client: Client,
    tls: PathBuf,
    signature_service: String,
    tenancy: Arc<Tenancy>,
    controllers: impl FnOnce(Hub, CancellationToken) -> F,
) {
    let stop = CancellationToken::new();
    let (hub, watches) = Hub::new();
    let (sender, installed) = watch::channel(None);
    let readiness = eventing_service::admin::Readiness::new();
    let certificates = WebhookCertificates::Operator;
    let settings = WebhookSettings { listen: "127.0.0.1:0".parse().unwrap(), folder: tls, certificates };
    let template = inject::Settings {
        image: "sidecar.test/image".into(),
        image_pull_policy: "IfNotPresent".into(),
        root_sha256: Vec::new(),
        region: "eu-central-1".into(),
        aws_endpoint: None,
        aws_audience: "sts.amazonaws.com".into(),
        log_level: "info".into(),
        otlp_endpoint: None,
    };
    let answers = Answers { template: Arc::new(template), installed: installed.clone(), hub: hub.clone() };
    let (configuring, runtime) = (client.clone(), tokio::runtime::Handle::current());
    let configure = move |address| drop(runtime.spawn(async move { configure(&configuring, address).await }));
    let serving = WebhookServer::new(settings, installed.clone()).run(router(answers), configure, stop.clone());

    let publisher = PublisherSettings {
        key_namespace: KEYS.into(),
        lifetime: Duration::from_hours(72),
        keep: KEEP,
        signature_service,
        journal: "https://journal.test".into(),
        tenancy,
    };
    let (events, metrics) = (Events::new(client.clone(), None), SigningMetrics::default());
    let publisher =
        Publisher::new(client.clone(), hub.clone(), Arc::new(place()), installed, publisher, events, metrics);
    let rounds = Rounds {
        client: client.clone(),
        hub: hub.clone(),
        published: publisher.published(),
        events: Events::new(client.clone(), None),
        metrics: pod_metrics(),
        release_namespace: RELEASE.to_owned(),
        period: Duration::from_secs(1),
    };
    let controllers = async {
        hub.filled().await;
        controllers(hub.clone(), stop.clone()).await;
    };
    let ((), (), served, (), (), ()) = tokio::join!(
        installation(&client, RELEASE).run(sender, stop.clone()),
        watches.run(client.clone(), &readiness, stop.clone()),
        serving,
        controllers,
        publisher.run(readiness.check("publication's watches", ""), stop.clone()),
        rounds.run(stop.clone()),
    );
    served.unwrap();
}

/// What the running operator counts of pods.
pub fn pod_metrics() -> PodMetrics {
    static METRICS: OnceLock<PodMetrics> = OnceLock::new();
    METRICS.get_or_init(PodMetrics::default).clone()
}

/// Which pods meet the injector, as the chart has it.
pub const ANNOTATED: &str = "has(object.metadata.annotations) && 'eventing.qsl.dev/inject' in object.metadata.annotations && object.metadata.annotations['eventing.qsl.dev/inject'] != 'false'";

/// The injector's configuration as the chart has it, but reached by address, for the pods of `namespaces`.
pub fn injector(configuration: &str, address: SocketAddr, namespaces: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": configuration},
        "webhooks": [{
            "name": "inject.eventing.qsl.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded", "timeoutSeconds": 10,
            "clientConfig": {"url": format!("https://{address}/inject")},
            "rules": rule("", "v1", &json!(["CREATE"]), &json!(["pods"])),
            "namespaceSelector": {"matchExpressions": [namespaces]},
            "matchConditions": [{"name": "annotated", "expression": ANNOTATED}],
        }],
    })
}

fn rule(group: &str, version: &str, operations: &Value, resources: &Value) -> Value {
    json!([{"apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": resources, "scope": "Namespaced"}])
}

/// The webhook configurations as the chart has them, but reached by address.
async fn configure(client: &Client, address: SocketAddr) {
    let others = json!({"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", RELEASE]});
    let mutating = injector("qsl-eventing", address, &others);
    let validating = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "qsl-eventing"},
        "webhooks": [{
            "name": "validate.eventing.qsl.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Ignore", "timeoutSeconds": 5,
            // Objects with that label are judged as if the webhook were away.
            "objectSelector": {"matchExpressions": [{"key": UNJUDGED, "operator": "DoesNotExist"}]},
            "clientConfig": {"url": format!("https://{address}/validate")},
            "rules": rule("eventing.qsl.dev", "v1alpha1", &json!(["CREATE", "UPDATE"]),
                &json!(["eventbuses", "eventrules", "inboxqueues", "signingkeys"])),
        }],
    });
    for object in [validating, mutating] {
        apply(client, &object).await.unwrap();
    }
}

/// Waits until the API server has what it trusts the webhooks by.
pub async fn until_trusted(client: &Client) {
    let api: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    eventually("the webhooks are trusted", || async {
        let found = api.get("qsl-eventing").await.map_err(|error| error.to_string())?;
        let bundle = found.webhooks.unwrap_or_default().remove(0).client_config.ca_bundle;
        bundle.map(drop).ok_or_else(|| "no bundle".to_owned())
    })
    .await;
}

/// The hash of the root that the running operator signs with.
pub async fn roots(client: &Client) -> eventing::root::RootHashes {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), RELEASE);
    maps.get("qsl-root").await.unwrap().data.unwrap()["root.sha256"].parse().unwrap()
}
