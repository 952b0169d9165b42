//! `qsl-operator check`: what `helm test` asks, from a pod inside: whether what is installed answers. It asks for the four
//! kinds, for the validating webhook (by an object that no schema refuses, and that is never stored), and for the pods.
//! What is in AWS, and what services need, `kubectl qsl check` looks at.

use crds::{EventBus, EventRule, Eventing, InboxQueue, SigningKey};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::json;

/// The programs that are ready whatever objects there are. The others wait for an inbox of theirs.
const ALWAYS_READY: [&str; 2] = ["qsl-operator", "qsl-signature-service"];
/// The label that names a pod's program.
const PROGRAM: &str = "app.kubernetes.io/name";
/// What the API server says where our validating webhook refused.
const REFUSED: &str = "admission webhook \"validate.eventing.qsl.dev\" denied the request";

/// The word after the program's name.
pub const COMMAND: &str = "check";

/// Asks whether what is installed answers: the four kinds, the validating webhook, the pods.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "qsl-operator check", version)]
pub struct Args {
    /// Namespace that the release is installed in.
    #[arg(long, env = "QSL_RELEASE_NAMESPACE", default_value = "qsl-system")]
    pub release_namespace: String,
    /// Name of the release.
    #[arg(long, env = "QSL_RELEASE_NAME", default_value = "qsl-eventing")]
    pub release_name: String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What is as it should be, or will be when there are objects.
    pub good: Vec<String>,
    /// What is not, and what to do.
    pub bad: Vec<String>,
}

impl Findings {
    fn add(&mut self, finding: Result<String, String>) {
        match finding {
            Ok(good) => self.good.push(good),
            Err(bad) => self.bad.push(bad),
        }
    }
}

/// Looks at everything, whatever it finds on its way.
pub async fn run(client: &Client, settings: &Args) -> Findings {
    let mut findings = Findings::default();
    let namespace = &settings.release_namespace;
    findings.add(kind::<EventBus>(client, namespace).await);
    findings.add(kind::<EventRule>(client, namespace).await);
    findings.add(kind::<InboxQueue>(client, namespace).await);
    findings.add(kind::<SigningKey>(client, namespace).await);
    findings.add(webhook(client, namespace).await);
    pods(client, settings, &mut findings).await;
    findings
}

/// Whether the API server serves the kind.
async fn kind<K: Eventing>(client: &Client, namespace: &str) -> Result<String, String> {
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    match api.list(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(format!("{} is served", K::KIND)),
        Err(error) => {
            Err(format!("{} is not served: {error}. The definitions come with the chart: helm upgrade", K::KIND))
        }
    }
}

/// Whether the validating webhook refuses what it alone refuses: an operator that EventBridge's patterns have not.
async fn webhook(client: &Client, namespace: &str) -> Result<String, String> {
    let pattern = json!({"source": ["qsl.check"], "detail": {"check": [{"no-such-operator": true}]}});
    let rule = json!({
        "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventRule", "metadata": {"name": "qsl-check"},
        "spec": {
            "busRef": {"name": "qsl-check"}, "eventPattern": pattern, "targets": [{"inboxRef": {"name": "qsl-check"}}],
        },
    });
    let rule: EventRule = serde_json::from_value(rule).map_err(|error| format!("no EventRule: {error}"))?;
    let api: Api<EventRule> = Api::namespaced(client.clone(), namespace);
    match api.create(&PostParams { dry_run: true, field_manager: None }, &rule).await {
        Err(error) if error.to_string().contains(REFUSED) => Ok("the validating webhook answers".to_owned()),
        Err(error) => Err(format!("the validating webhook was not asked: {error}")),
        // It fails open.
        Ok(_) => Err("the validating webhook does not answer: see whether the operator's pods run, whether the API \
                      server reaches their port 9443, and whether ValidatingWebhookConfiguration qsl-eventing has a \
                      caBundle"
            .to_owned()),
    }
}

/// Whether the release's pods are ready.
async fn pods(client: &Client, settings: &Args, findings: &mut Findings) {
    let labels = format!("app.kubernetes.io/part-of=qsl-eventing,app.kubernetes.io/instance={}", settings.release_name);
    let api: Api<Pod> = Api::namespaced(client.clone(), &settings.release_namespace);
    let pods = match api.list(&ListParams::default().labels(&labels)).await {
        Ok(list) => list.items,
        Err(error) => return findings.bad.push(format!("cannot list the release's pods: {error}")),
    };
    // A hook's own pod belongs to nobody, or to a Job.
    let is_service = |pod: &Pod| pod.owner_references().iter().any(|owner| owner.kind != "Job");
    let mut running = pods.iter().filter(|pod| is_service(pod) && pod.metadata.deletion_timestamp.is_none()).peekable();
    if running.peek().is_none() {
        let Args { release_namespace, release_name } = settings;
        findings.bad.push(format!("no pod of release {release_name} is in namespace {release_namespace}"));
    }
    for pod in running {
        let (name, program) = (pod.name_any(), pod.labels().get(PROGRAM).cloned().unwrap_or_default());
        if is_ready(pod) {
            findings.good.push(format!("pod {name} is ready"));
        } else if ALWAYS_READY.contains(&program.as_str()) {
            findings.bad.push(format!("pod {name} is not ready: {}", why(pod)));
        } else {
            findings.good.push(format!("pod {name} is not ready, as is right before its InboxQueue is: {}", why(pod)));
        }
    }
}

fn is_ready(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// What its containers wait for, or the way to find out.
fn why(pod: &Pod) -> String {
    let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let waiting = containers.filter_map(|container| container.state.as_ref()?.waiting.as_ref());
    let reasons: Vec<String> = waiting
        .map(|waiting| [waiting.reason.clone(), waiting.message.clone()].into_iter().flatten().collect::<Vec<_>>())
        .map(|words| words.join(", "))
        .collect();
    if reasons.is_empty() { "its /readyz on port 8081 says why".to_owned() } else { reasons.join("; ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn pod(status: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()
    }

    #[test]
    fn a_pod_is_ready_by_its_condition_and_otherwise_says_what_it_waits_for() {
        assert!(is_ready(&pod(&json!({"conditions": [{"type": "Ready", "status": "True"}]}))));
        assert!(!is_ready(&pod(&json!({"conditions": [{"type": "Ready", "status": "False"}]}))));
        assert!(!is_ready(&pod(&json!({"conditions": [{"type": "Initialized", "status": "True"}]}))));
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
        let container =
            json!({"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": waiting});
        assert_eq!(why(&pod(&json!({"containerStatuses": [container]}))), "ImagePullBackOff, no such image");
        assert!(why(&pod(&json!({}))).contains("/readyz"));
    }
}
