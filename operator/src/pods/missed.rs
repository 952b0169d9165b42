//! Pods that the injector missed: annotated, and without a sidecar. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::webhooks::inject::annotations::INJECT;

/// The namespace of Kubernetes' own, which no webhook of ours may hold up.
const KUBE_SYSTEM: &str = "kube-system";

/// Why a pod that asks for a sidecar has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// It is in kube-system.
    #[error(
        "annotation eventing.qsl.dev/inject asks for a sidecar and this pod has none: pods of namespace kube-system get none, so that the operator cannot hold it up; run the pod in another namespace, or remove the annotation"
    )]
    KubeSystem,
    /// It is in the release's namespace.
    #[error(
        "annotation eventing.qsl.dev/inject asks for a sidecar and this pod has none: pods of the namespace that QSL Eventing is installed in get none, so that the operator cannot hold itself up; run the pod in another namespace, or remove the annotation"
    )]
    ReleaseNamespace,
    /// The webhook did not see it with the annotation.
    #[error(
        "annotation eventing.qsl.dev/inject asks for a sidecar and this pod has none: it was made while the webhook was not there, or annotated afterwards; annotate the pod template of its controller and have the pod made again (kubectl rollout restart)"
    )]
    Unseen,
}

impl Missed {
    /// Whether a pod without a sidecar is one that asked for it.
    pub fn of(pod: &ObjectMeta, release_namespace: &str) -> Option<Self> {
        // As the webhook's matchConditions have it.
        let asked = pod.annotations.as_ref().and_then(|notes| notes.get(INJECT)).is_some_and(|value| value != "false");
        if !asked || pod.deletion_timestamp.is_some() {
            return None;
        }
        Some(match pod.namespace.as_deref() {
            Some(KUBE_SYSTEM) => Self::KubeSystem,
            Some(namespace) if namespace == release_namespace => Self::ReleaseNamespace,
            _ => Self::Unseen,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn missed(namespace: &str, annotations: &Value) -> Option<Missed> {
        let meta = json!({"name": "till-0", "namespace": namespace, "annotations": annotations});
        Missed::of(&serde_json::from_value(meta).unwrap(), "qsl-system")
    }

    #[test]
    fn who_asked_and_got_none_was_missed_and_is_told_why() {
        let asks = json!({"eventing.qsl.dev/inject": "true"});
        assert_eq!(missed("shop", &asks), Some(Missed::Unseen));
        assert_eq!(missed("kube-system", &asks), Some(Missed::KubeSystem));
        assert_eq!(missed("qsl-system", &asks), Some(Missed::ReleaseNamespace));
        // The webhook would have refused it.
        assert_eq!(missed("shop", &json!({"eventing.qsl.dev/inject": "yes"})), Some(Missed::Unseen));
    }

    #[test]
    fn who_did_not_ask_or_is_leaving_was_not() {
        assert_eq!(missed("shop", &json!({})), None);
        assert_eq!(missed("kube-system", &json!({"eventing.qsl.dev/inject": "false"})), None);
        let meta = json!({
            "name": "till-0", "namespace": "shop", "annotations": {"eventing.qsl.dev/inject": "true"},
            "deletionTimestamp": "2026-01-01T00:00:00Z",
        });
        assert_eq!(Missed::of(&serde_json::from_value(meta).unwrap(), "qsl-system"), None);
    }
}
