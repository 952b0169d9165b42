//! What an inbox says of its consumers: whether copies are recognised at every replica, and what consumers of this
//! version cannot do. Pure.

use crds::{
    InboxQueue,
    conditions::{self, REPLAY_PROTECTED, reason},
    inbox_parts::{DeduplicationStore, WhenUnavailable},
};
use eventing::config::Unsupported;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::runner::Wait;

/// Condition `ReplayProtected`.
pub(super) fn replay_protection(object: &InboxQueue, now: &Time) -> Condition {
    let deduplication = &object.spec.deduplication;
    let (status, reason, message) = match (deduplication.store, deduplication.when_unavailable) {
        (DeduplicationStore::Memory, _) => (
            false,
            reason::MEMORY_OF_ONE_REPLICA,
            "deduplication.store is Memory: each replica remembers the last 100,000 events since its own start, for an \
             hour at most; a copy that reaches another replica, or comes later, is handed on again"
                .to_owned(),
        ),
        (DeduplicationStore::Journal, WhenUnavailable::DeliverAnyway) => (
            false,
            reason::DELIVERS_ANYWAY,
            "deduplication.whenUnavailable is DeliverAnyway: while the journal is away copies are handed on".to_owned(),
        ),
        (DeduplicationStore::Journal, WhenUnavailable::Wait) => (true, reason::SHARED_STORE, String::new()),
    };
    let generation = object.metadata.generation;
    conditions::condition(REPLAY_PROTECTED, status, reason, &message, generation, now.clone())
}

/// What keeps the spec from being in effect at consumers of this version, if anything.
pub(super) fn not_supported(unsupported: &[Unsupported]) -> Option<Wait> {
    let sentences: Vec<String> = unsupported.iter().map(|one| format!("spec.{one}")).collect();
    let message = format!(
        "{}; until then they keep the last configuration that they could read, and new ones wait",
        sentences.join("; ")
    );
    let wait = Wait { condition: conditions::READY, reason: reason::NOT_SUPPORTED, message, again: None };
    (!unsupported.is_empty()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        controllers::tests::{at, object},
        publication::entries,
    };

    fn judged(deduplication: &Value) -> (String, String) {
        let spec = json!({"queueName": "lamp", "deduplication": deduplication});
        let inbox: InboxQueue = object("InboxQueue", "pier", "lamp", &spec);
        let Condition { status, reason, .. } = replay_protection(&inbox, &at(1));
        (status, reason)
    }

    #[test]
    fn only_a_store_that_all_replicas_share_and_wait_for_protects() {
        let said = |status: &str, reason: &str| (status.to_owned(), reason.to_owned());
        let memory = said("False", reason::MEMORY_OF_ONE_REPLICA);
        assert_eq!(judged(&json!({})), memory);
        assert_eq!(judged(&json!({"store": "Memory"})), memory);
        assert_eq!(judged(&json!({"store": "Journal"})), said("True", reason::SHARED_STORE));
        let anyway = json!({"store": "Journal", "whenUnavailable": "DeliverAnyway"});
        assert_eq!(judged(&anyway), said("False", reason::DELIVERS_ANYWAY));
    }

    #[test]
    fn what_consumers_cannot_do_is_said_with_the_field_and_the_way_out() {
        let spec = json!({"queueName": "lamp", "forward": {"format": "DetailCore", "batch": {"maxEvents": 10}}});
        let inbox: InboxQueue = object("InboxQueue", "pier", "lamp", &spec);
        let message = not_supported(&entries::unsupported(&inbox.spec)).map(|wait| wait.message).unwrap_or_default();
        assert!(
            message.starts_with(
                "spec.forward.batch: consumers of this version cannot do several events in one POST of format DetailCore; they can with"
            ),
            "{message}"
        );
        let plain: InboxQueue = object("InboxQueue", "pier", "lamp", &json!({"queueName": "lamp"}));
        assert_eq!(not_supported(&entries::unsupported(&plain.spec)), None);
    }
}
