//! Which buses fed an inbox and do so no more: what they let in may still wait in its queues, or among its dead
//! letters, and has to verify. Kept in an annotation on the inbox.
//!
//! Nothing is written while a bus feeds: that it did is read from the signed entry that pods were given last.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crds::{InboxQueue, names::FED_BY};
use eventing::types::BusId;
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::keys::UnixSeconds;

/// The buses that fed an inbox, each with the moment from which on it did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory(BTreeMap<BusId, UnixSeconds>);

impl Memory {
    /// As the annotation has it; what in it is no bus with a moment is left out.
    pub fn of(inbox: &InboxQueue) -> Self {
        let text = inbox.annotations().get(FED_BY).map_or("{}", String::as_str);
        let noted: BTreeMap<String, UnixSeconds> = serde_json::from_str(text).unwrap_or_default();
        Self(noted.into_iter().filter_map(|(bus, since)| Some((bus.parse().ok()?, since))).collect())
    }

    /// Whether that bus is in it.
    pub fn knows(&self, bus: &BusId) -> bool {
        self.0.contains_key(bus)
    }

    /// What to remember next. `listed` are the buses that pods were told of last, `feeding` those of now. A bus that
    /// feeds again is no memory, and one is kept for `keep`.
    #[must_use]
    pub fn next(&self, listed: &BTreeSet<BusId>, feeding: &BTreeSet<BusId>, now: UnixSeconds, keep: Duration) -> Self {
        let news = listed.iter().filter(|bus| !self.knows(bus)).map(|bus| (bus.clone(), now));
        let all = self.0.iter().map(|(bus, since)| (bus.clone(), *since)).chain(news);
        Self(all.filter(|(bus, since)| !feeding.contains(bus) && now < since.plus(keep)).collect())
    }

    /// The buses whose keys the inbox trusts: those that feed it, and those remembered.
    pub fn with(&self, feeding: &BTreeSet<BusId>) -> BTreeSet<BusId> {
        feeding.iter().chain(self.0.keys()).cloned().collect()
    }

    /// Writes it to the inbox, by the uid: another of its name has another past.
    pub async fn write(&self, client: &Client, inbox: &InboxQueue) -> Result<(), kube::Error> {
        let noted: BTreeMap<String, UnixSeconds> =
            self.0.iter().map(|(bus, since)| (bus.to_string(), *since)).collect();
        let text = (!noted.is_empty()).then(|| json!(noted).to_string());
        let patch = json!({"metadata": {"uid": inbox.uid(), "annotations": {FED_BY: text}}});
        let api: Api<InboxQueue> = Api::namespaced(client.clone(), &inbox.namespace().unwrap_or_default());
        match api.patch_metadata(&inbox.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// How long a bus that feeds no more is remembered: as long as a message of its may be in the queue, and then among the
/// dead letters (a FIFO queue's dead letters start anew there).
pub fn keep(inbox: &InboxQueue) -> Duration {
    let seconds = |seconds: i32| u64::try_from(seconds).unwrap_or(0);
    let spec = &inbox.spec;
    Duration::from_secs(seconds(spec.message_retention_seconds) + seconds(spec.dead_letter.retention_seconds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const KEEP: Duration = Duration::from_secs(100);

    fn set(names: &[&str]) -> BTreeSet<BusId> {
        names.iter().map(|name| BusId::new("platform", name).unwrap()).collect()
    }

    fn at(second: i64) -> UnixSeconds {
        UnixSeconds(second)
    }

    #[test]
    fn a_bus_that_feeds_no_more_is_remembered_for_the_retention_and_not_longer() {
        let none = Memory::default();
        assert_eq!(none.next(&set(&["one", "two"]), &set(&["one", "two"]), at(10), KEEP), none);
        let left = none.next(&set(&["one", "two"]), &set(&["two"]), at(20), KEEP);
        assert_eq!(left.with(&set(&["two"])), set(&["one", "two"]));
        // The entry lists it because of the memory: that is no news, and does not make it younger.
        let later = left.next(&set(&["one", "two"]), &set(&["two"]), at(119), KEEP);
        assert_eq!(later, left);
        let over = later.next(&set(&["one", "two"]), &set(&["two"]), at(120), KEEP);
        assert_eq!(over.with(&set(&["two"])), set(&["two"]));
    }

    #[test]
    fn a_bus_that_feeds_again_is_no_memory() {
        let left = Memory::default().next(&set(&["one"]), &set(&[]), at(0), KEEP);
        assert!(left.knows(&BusId::new("platform", "one").unwrap()));
        assert_eq!(left.next(&set(&["one"]), &set(&["one"]), at(1), KEEP), Memory::default());
    }

    #[test]
    fn what_somebody_else_wrote_there_is_left_out() {
        let with = |text: &str| {
            let object = json!({
                "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "InboxQueue",
                "metadata": {"name": "stock", "namespace": "warehouse", "annotations": {FED_BY: text}},
                "spec": {"queueName": "stock-inbox"},
            });
            Memory::of(&serde_json::from_value(object).unwrap())
        };
        assert_eq!(with("rubbish"), Memory::default());
        assert_eq!(with(r#"{"no bus": 1}"#), Memory::default());
        assert!(with(r#"{"platform/one": 7}"#).knows(&BusId::new("platform", "one").unwrap()));
    }
}
