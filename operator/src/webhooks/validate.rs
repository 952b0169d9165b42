//! What no schema sees: two objects that claim one thing in AWS, or one source. Pure. The controllers judge again, so
//! this may be late, or away; it only says it sooner.

use crds::{EventBus, EventRule, InboxQueue, SigningKey};
use kube::ResourceExt as _;

/// The objects there are.
#[derive(Debug, Default)]
pub struct Others<'a> {
    /// EventBuses.
    pub buses: Vec<&'a EventBus>,
    /// EventRules.
    pub rules: Vec<&'a EventRule>,
    /// InboxQueues.
    pub inboxes: Vec<&'a InboxQueue>,
    /// SigningKeys.
    pub signing_keys: Vec<&'a SigningKey>,
}

/// Why this bus may not be, if so.
pub fn bus(candidate: &EventBus, others: &Others<'_>) -> Option<String> {
    let name = &candidate.spec.bus_name;
    let mut others = others.buses.iter().filter(|other| is_other(candidate, **other));
    let other = others.find(|other| other.spec.bus_name == *name)?;
    Some(format!("spec.busName: EventBus {} has '{name}' already; choose another", full_name(*other)))
}

/// Why this inbox may not be, if so.
pub fn inbox(candidate: &InboxQueue, others: &Others<'_>) -> Option<String> {
    let name = &candidate.spec.queue_name;
    let mut others = others.inboxes.iter().filter(|other| is_other(candidate, **other));
    let other = others.find(|other| other.spec.queue_name == *name)?;
    Some(format!("spec.queueName: InboxQueue {} has '{name}' already; choose another", full_name(*other)))
}

/// Why this rule may not be, if so.
pub fn rule(candidate: &EventRule, others: &Others<'_>) -> Option<String> {
    let name = rule_name(candidate);
    let mut others = others.rules.iter().filter(|other| is_other(candidate, **other));
    let other = others.find(|other| bus_of(other) == bus_of(candidate) && rule_name(other) == name)?;
    Some(format!("spec.ruleName: EventRule {} of the same bus has '{name}' already; choose another", full_name(*other)))
}

/// Why this key may not be, if so.
pub fn signing_key(candidate: &SigningKey, others: &Others<'_>) -> Option<String> {
    let of_bus = |other: &&&SigningKey| {
        other.namespace() == candidate.namespace() && other.spec.bus_ref == candidate.spec.bus_ref
    };
    for other in others.signing_keys.iter().filter(|other| is_other(candidate, **other)).filter(of_bus) {
        if let Some(source) = candidate.spec.sources.iter().find(|source| other.spec.sources.contains(source)) {
            let name = other.name_any();
            return Some(format!(
                "spec.sources: SigningKey {name} of the same bus has '{source}' already; name it in one of the two"
            ));
        }
    }
    None
}

/// Another object, which is not on its way out.
fn is_other<K: crds::Eventing>(candidate: &K, other: &K) -> bool {
    let same = candidate.namespace() == other.namespace() && candidate.name_any() == other.name_any();
    !same && other.meta().deletion_timestamp.is_none()
}

fn full_name<K: crds::Eventing>(object: &K) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

fn rule_name(rule: &EventRule) -> String {
    rule.spec.rule_name.clone().unwrap_or_else(|| rule.name_any())
}

fn bus_of(rule: &EventRule) -> (String, String) {
    let own = rule.namespace().unwrap_or_default();
    (rule.spec.bus_ref.namespace_or(&own).to_owned(), rule.spec.bus_ref.name.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;

    fn object<T: serde::de::DeserializeOwned>(kind: &str, namespace: &str, name: &str, spec: &Value) -> T {
        let metadata = json!({"name": name, "namespace": namespace});
        let object =
            json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn one_name_in_aws_has_one_object() {
        let one: EventBus = object("EventBus", "a", "one", &json!({"busName": "stock"}));
        let two: EventBus = object("EventBus", "b", "two", &json!({"busName": "stock"}));
        let others = Others { buses: vec![&one], ..Others::default() };
        assert_eq!(bus(&one, &others), None, "an object is not in its own way");
        assert!(bus(&two, &others).unwrap().contains("EventBus a/one"));
        let one: InboxQueue = object("InboxQueue", "a", "one", &json!({"queueName": "stock"}));
        let two: InboxQueue = object("InboxQueue", "a", "two", &json!({"queueName": "stock"}));
        assert!(inbox(&two, &Others { inboxes: vec![&one], ..Others::default() }).unwrap().contains("a/one"));
    }

    #[test]
    fn a_rule_s_name_is_its_bus_s_alone() {
        let spec = |bus: &str| json!({"busRef": {"name": bus, "namespace": "platform"}, "ruleName": "all", "eventPattern": {}});
        let one: EventRule = object("EventRule", "a", "one", &spec("stock"));
        let others = Others { rules: vec![&one], ..Others::default() };
        assert!(rule(&object("EventRule", "b", "all", &spec("stock")), &others).is_some());
        assert!(rule(&object("EventRule", "b", "all", &spec("goods")), &others).is_none());
    }

    #[test]
    fn a_source_has_one_key() {
        let spec = |sources: &[&str]| json!({"busRef": {"name": "stock"}, "sources": sources});
        let one: SigningKey = object("SigningKey", "a", "one", &spec(&["qsl.stock"]));
        let others = Others { signing_keys: vec![&one], ..Others::default() };
        assert!(signing_key(&object("SigningKey", "a", "two", &spec(&["qsl.goods", "qsl.stock"])), &others).is_some());
        assert!(signing_key(&object("SigningKey", "a", "two", &spec(&["*"])), &others).is_none());
        assert!(signing_key(&object("SigningKey", "b", "two", &spec(&["qsl.stock"])), &others).is_none());
    }
}
