//! Tells people what was done to keys: an Event each, on the object that the keys are of.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::EventType;

use super::KeyChange;
use crate::runner::record::Events;

/// Publishes an Event for each change, on `owner`. Each is about another Secret of `key_namespace`, so that none is
/// counted as another's repetition.
pub async fn tell(events: &Events, owner: &ObjectReference, key_namespace: &str, changes: &[KeyChange]) {
    for change in changes {
        tracing::info!(
            kind = owner.kind,
            namespace = owner.namespace,
            name = owner.name,
            kid = change.kid,
            reason = change.reason(),
            "a key changed"
        );
        let about = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Secret".to_owned()),
            namespace: Some(key_namespace.to_owned()),
            name: Some(change.secret.clone()),
            ..ObjectReference::default()
        };
        let type_ = if change.is_warning() { EventType::Warning } else { EventType::Normal };
        events.tell(owner, Some(about), type_, change.reason(), change.to_string()).await;
    }
}
