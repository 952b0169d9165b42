//! Which objects name another, found without looking at all of them: what an object costs must not grow with how many
//! there are.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crds::{EventRule, Eventing, InboxQueue};
use kube::{Resource, ResourceExt, runtime::reflector::ObjectRef};
use operator_core::subscription::SubscriptionId;

use super::watch::digest;

/// What an object names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// An inbox, by namespace and name: a rule that targets it, or that it owns.
    Inbox(String, String),
    /// A rule in EventBridge, by its ARN: an inbox whose policy lets it send, as its status says.
    RuleArn(String),
    /// An EventRule, by namespace and name: an inbox that has a subscription of which it is, or would be, the rule.
    Rule(String, String),
}

/// What a rule names.
pub(super) fn words_of_rule(rule: &EventRule) -> Vec<Word> {
    let own = rule.namespace().unwrap_or_default();
    let targets = rule.spec.targets.iter().filter_map(|target| target.inbox_ref.as_ref());
    let targets = targets.map(|inbox| Word::Inbox(inbox.namespace_or(&own).to_owned(), inbox.name.clone()));
    let owners = rule.owner_references().iter().filter(|owner| owner.kind == InboxQueue::KIND);
    targets.chain(owners.map(|owner| Word::Inbox(own.clone(), owner.name.clone()))).collect()
}

/// What an inbox names.
pub(super) fn words_of_inbox(inbox: &InboxQueue) -> Vec<Word> {
    let (namespace, name) = (inbox.namespace().unwrap_or_default(), inbox.name_any());
    let let_in = inbox.status.iter().flat_map(|status| &status.allowed_rules);
    let subscribed = inbox.spec.subscriptions.iter().map(|one| {
        let rule = SubscriptionId { namespace: &namespace, inbox: &name, name: &one.name };
        Word::Rule(namespace.clone(), rule.object_name())
    });
    let_in.map(|rule| Word::RuleArn(rule.rule_arn.clone())).chain(subscribed).collect()
}

/// Objects by what they name. Words are kept as digests: who finds an object looks whether it does name the thing.
pub(super) struct Index<K: Resource<DynamicType = ()>> {
    words: fn(&K) -> Vec<Word>,
    entries: Mutex<Entries<K>>,
}

struct Entries<K: Resource<DynamicType = ()>> {
    by_word: HashMap<u64, Vec<ObjectRef<K>>>,
    said: HashMap<u64, Vec<u64>>,
}

impl<K: Resource<DynamicType = ()>> Index<K> {
    pub(super) fn new(words: fn(&K) -> Vec<Word>) -> Self {
        Self { words, entries: Mutex::new(Entries { by_word: HashMap::new(), said: HashMap::new() }) }
    }

    /// The object is there, new or changed.
    pub(super) fn put(&self, object: &K) {
        let mut now: Vec<u64> = (self.words)(object).iter().map(digest).collect();
        now.sort_unstable();
        now.dedup();
        let object = reference(object);
        let mut entries = self.entries();
        if entries.said.get(&digest(&object)).is_some_and(|said| *said == now) {
            return;
        }
        entries.remove(&object);
        if now.is_empty() {
            return;
        }
        for word in &now {
            entries.by_word.entry(*word).or_default().push(object.clone());
        }
        entries.said.insert(digest(&object), now);
    }

    /// The object is gone.
    pub(super) fn remove(&self, object: &K) {
        self.entries().remove(&reference(object));
    }

    /// The objects that name it, and perhaps others.
    pub(super) fn who_say(&self, word: &Word) -> Vec<ObjectRef<K>> {
        self.entries().by_word.get(&digest(word)).cloned().unwrap_or_default()
    }

    fn entries(&self) -> MutexGuard<'_, Entries<K>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Resource<DynamicType = ()>> Entries<K> {
    fn remove(&mut self, object: &ObjectRef<K>) {
        for word in self.said.remove(&digest(object)).unwrap_or_default() {
            if let Some(objects) = self.by_word.get_mut(&word) {
                objects.retain(|known| known != object);
                if objects.is_empty() {
                    self.by_word.remove(&word);
                }
            }
        }
    }
}

/// Without uid and version, which would be kept for nothing.
fn reference<K: Resource<DynamicType = ()>>(object: &K) -> ObjectRef<K> {
    ObjectRef::new(&object.name_any()).within(&object.namespace().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::tests::object;

    fn inbox(name: &str) -> Word {
        Word::Inbox("books".to_owned(), name.to_owned())
    }

    fn found(index: &Index<EventRule>, word: &Word) -> Vec<String> {
        index.who_say(word).into_iter().map(|rule| rule.name).collect()
    }

    fn rule(name: &str, targets: &Value) -> EventRule {
        let spec = json!({"busRef": {"name": "core"}, "eventPattern": {"source": ["a"]}, "targets": targets});
        object("EventRule", "books", name, &spec)
    }

    #[test]
    fn a_rule_is_found_by_the_inboxes_it_targets_and_no_longer_by_those_it_left() {
        let index = Index::new(words_of_rule);
        let ledger = json!({"inboxRef": {"name": "ledger"}});
        index.put(&rule("paid", &json!([ledger, ledger, {"inboxRef": {"name": "stock", "namespace": "shop"}}])));
        index.put(&rule("sent", &json!([ledger])));
        assert_eq!(found(&index, &inbox("ledger")), ["paid", "sent"]);
        assert_eq!(found(&index, &Word::Inbox("shop".into(), "stock".into())), ["paid"]);
        assert!(found(&index, &inbox("stock")).is_empty());
        index.put(&rule("paid", &json!([{"inboxRef": {"name": "stock"}}])));
        assert_eq!(found(&index, &inbox("ledger")), ["sent"]);
        index.remove(&rule("sent", &json!([])));
        assert!(found(&index, &inbox("ledger")).is_empty());
        index.remove(&rule("paid", &json!([])));
        assert!(index.entries().by_word.is_empty() && index.entries().said.is_empty());
    }

    #[test]
    fn a_rule_is_found_by_the_inbox_that_owns_it() {
        let mut owned = rule("ledger-paid", &json!([]));
        owned.metadata.owner_references = Some(vec![OwnerReference {
            kind: InboxQueue::KIND.to_owned(),
            name: "ledger".to_owned(),
            ..OwnerReference::default()
        }]);
        assert_eq!(words_of_rule(&owned), [inbox("ledger")]);
    }

    #[test]
    fn an_inbox_names_the_rules_it_lets_in_and_those_of_its_subscriptions() {
        let subscriptions = json!([{"name": "paid", "busRef": {"name": "core"}, "sources": ["a"]}]);
        let spec = json!({"queueName": "ledger", "subscriptions": subscriptions});
        let mut ledger: InboxQueue = object("InboxQueue", "books", "ledger", &spec);
        let id = SubscriptionId { namespace: "books", inbox: "ledger", name: "paid" };
        let rule = Word::Rule("books".into(), id.object_name());
        assert_eq!(words_of_inbox(&ledger), std::slice::from_ref(&rule));
        let allowed = json!({"allowedRules": [{"ruleArn": "arn:1", "policySettledAt": "2026-01-01T00:00:00Z"}]});
        ledger.status = serde_json::from_value(allowed).ok();
        assert_eq!(words_of_inbox(&ledger), [Word::RuleArn("arn:1".into()), rule]);
    }
}
