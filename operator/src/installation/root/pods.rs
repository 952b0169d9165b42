//! The pods that would refuse everything a new root signs: those whose sidecar was not given its hash.

use eventing::root::RootHashes;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, Resource, ResourceExt, api::ListParams, runtime::events::EventType};

use crate::{
    pods::{Told, pages::walk},
    runner::record::Events,
    webhooks::inject::{INJECTED, sidecar::ROOT_VARIABLE},
};

/// How many are named at a time, in the log and by Events.
const NAMED: usize = 20;

/// All pods with a sidecar, still running or yet to run, that do not know the root of that hash.
pub async fn lacking(client: &Client, hash: &str) -> Result<Vec<Pod>, kube::Error> {
    let api: Api<Pod> = Api::all(client.clone());
    let list = |params: ListParams| {
        let api = api.clone();
        async move { api.list(&params).await }
    };
    let mut lacking = Vec::new();
    let injected = ListParams::default().labels(&format!("{INJECTED}=true"));
    walk(list, injected, |pod| lacking.extend(Some(pod).filter(|pod| lacks(pod, hash)))).await?;
    Ok(lacking)
}

/// Whether the pod may still receive something, and was not given that hash.
fn lacks(pod: &Pod, hash: &str) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return false;
    }
    let spec = pod.spec.as_ref();
    let containers = spec.into_iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    let variables = containers.flat_map(|container| container.env.iter().flatten());
    let given =
        variables.filter(|variable| variable.name == ROOT_VARIABLE).filter_map(|variable| variable.value.as_deref());
    // Compared as hashes, whatever stands between them.
    let Ok(wanted) = hash.parse::<RootHashes>() else { return true };
    let knows = |text: &str| text.split(',').any(|one| one.parse::<RootHashes>().is_ok_and(|one| one == wanted));
    !given.into_iter().any(knows)
}

/// Says which pods the root of that hash waits for: in the log, and by an Event on each.
pub async fn tell(told: &Told, events: &Events, hash: &str, lacking: &[Pod]) {
    if lacking.is_empty() {
        return;
    }
    let named: Vec<_> = lacking.iter().take(NAMED).map(full_name).collect();
    tracing::warn!(
        root_sha256 = hash,
        count = lacking.len(),
        pods = ?named,
        "the new root does not sign yet: these pods do not know it; restart them"
    );
    let key = |pod: &&Pod| (pod.uid().unwrap_or_default(), hash.to_owned());
    for pod in told.news(lacking.iter().collect(), key, NAMED) {
        let note = format!(
            "the root key rotates, and this pod's sidecar does not know the new one ({hash}): the rotation waits for the pod to be replaced (kubectl rollout restart)"
        );
        events.tell(&pod.object_ref(&()), None, EventType::Warning, "RootUnknown", note).await;
    }
}

fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn pod(name: &str, phase: &str, given: &str) -> Pod {
        let sidecar = json!({"name": "qsl-eventing", "env": [{"name": ROOT_VARIABLE, "value": given}]});
        let app = json!({"name": "app"});
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-of-{name}")},
            "spec": {"initContainers": [sidecar], "containers": [app]}, "status": {"phase": phase},
        }))
        .unwrap()
    }

    #[test]
    fn pods_that_may_still_receive_and_were_not_given_the_hash_lack_it() {
        let (old, new) = ("aa".repeat(32), "bb".repeat(32));
        assert!(lacks(&pod("one", "Running", &old), &new));
        assert!(lacks(&pod("one", "Pending", &old), &new));
        assert!(!lacks(&pod("one", "Running", &format!("{old},{new}")), &new));
        assert!(!lacks(&pod("one", "Succeeded", &old), &new), "it receives nothing any more");
        let mut without = pod("one", "Running", &new);
        without.spec.as_mut().unwrap().init_containers = None;
        assert!(lacks(&without, &new), "what cannot be told is not taken for well");
    }
}
