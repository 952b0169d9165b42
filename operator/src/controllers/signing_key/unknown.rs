//! Revocations of kids that the bus does not have: most likely misspelt, and then the key meant signs on.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use crds::SigningKey;
use kube::ResourceExt;

use crate::runner::record::Events;

/// What was said, by the key's uid: it is said once, and again after a restart.
#[derive(Debug, Default)]
pub(super) struct Warned(Mutex<HashMap<String, BTreeSet<String>>>);

impl Warned {
    /// Says which kids of `revokedKids` the bus, whose kids are `known`, does not have.
    pub(super) async fn tell(&self, events: &Events, object: &SigningKey, known: &BTreeSet<String>) {
        for kid in self.news(object, known) {
            let bus = &object.spec.bus_ref.name;
            let note = format!(
                "spec.revokedKids: EventBus {bus} has no key '{kid}', so nothing is revoked by it; the kids of its keys are in status.keys of its SigningKeys and, the grant key's too, in its key set"
            );
            tracing::warn!(name = object.name_any(), namespace = object.namespace(), kid, "an unknown kid is revoked");
            events.warning(object, "UnknownKid", note).await;
        }
    }

    fn news(&self, object: &SigningKey, known: &BTreeSet<String>) -> Vec<String> {
        let revoked: BTreeSet<String> = object.spec.revoked_kids.iter().cloned().collect();
        let unknown: BTreeSet<String> = revoked.difference(known).cloned().collect();
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if unknown.is_empty() {
            said.remove(&object.uid().unwrap_or_default())
        } else {
            said.insert(object.uid().unwrap_or_default(), unknown.clone())
        };
        unknown.difference(&before.unwrap_or_default()).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controllers::tests::object;

    fn key(revoked: &[&str]) -> SigningKey {
        let spec = json!({"busRef": {"name": "b"}, "sources": ["*"], "revokedKids": revoked});
        object("SigningKey", "a", "stock", &spec)
    }

    #[test]
    fn an_unknown_kid_is_said_once_and_again_when_it_comes_again() {
        let (warned, known) = (Warned::default(), BTreeSet::from(["stock-1".to_owned()]));
        assert_eq!(warned.news(&key(&["stock-1", "stokc-1"]), &known), ["stokc-1"]);
        assert!(warned.news(&key(&["stock-1", "stokc-1"]), &known).is_empty());
        assert_eq!(warned.news(&key(&["stokc-1", "other"]), &known), ["other"]);
        assert!(warned.news(&key(&["stock-1"]), &known).is_empty());
        assert_eq!(warned.news(&key(&["stokc-1"]), &known), ["stokc-1"]);
    }
}
