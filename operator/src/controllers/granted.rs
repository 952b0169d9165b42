//! What the installation grants an object (chart value `tenancy`): its names, its sources, what it may adopt. Pure.
//! What is outside is `Terminal`, naming the value to set.

use crds::{AdoptionPolicy, EventBus, EventBusSpec, EventRule, Eventing, InboxQueue, ManagementPolicy, SigningKey};
use kube::ResourceExt;
use operator_core::{Claim, Tenancy, names::RuleName};

use crate::runner::Terminal;

/// How a bus lays claim to what it finds, or what of it is not granted.
pub(super) fn bus(tenancy: &Tenancy, object: &EventBus) -> Result<Claim, Terminal> {
    let namespace = object.namespace().unwrap_or_default();
    let claim = claim(tenancy, object, "busName", &object.spec.bus_name)?;
    for (field, source) in sources(object) {
        tenancy.source(&namespace, source).map_err(|refusal| Terminal::not_granted(&field, &refusal))?;
    }
    for (field, arn) in arns(object) {
        tenancy.arn(&namespace, arn).map_err(|refusal| Terminal::not_granted(&field, &refusal))?;
    }
    Ok(claim)
}

/// How a rule of that name in EventBridge lays claim to what it finds, or what of it is not granted.
pub(super) fn rule(tenancy: &Tenancy, object: &EventRule, name: &RuleName) -> Result<Claim, Terminal> {
    let namespace = object.namespace().unwrap_or_default();
    for (number, target) in object.spec.targets.iter().enumerate() {
        for (field, arn) in [("queueArn", &target.queue_arn), ("deadLetterArn", &target.dead_letter_arn)] {
            let granted = arn.as_ref().map_or(Ok(()), |arn| tenancy.arn(&namespace, arn));
            granted.map_err(|refusal| Terminal::not_granted(&format!("targets[{number}].{field}"), &refusal))?;
        }
    }
    claim(tenancy, object, "ruleName", name.as_str())
}

/// How an inbox lays claim to what it finds, or what of it is not granted.
pub(super) fn inbox(tenancy: &Tenancy, object: &InboxQueue) -> Result<Claim, Terminal> {
    let namespace = object.namespace().unwrap_or_default();
    let key = object.spec.encryption.kms_key_id.iter().map(|key| ("encryption.kmsKeyId".to_owned(), key));
    let actions = object.spec.alarms.actions.iter().enumerate();
    let actions = actions.map(|(index, arn)| (format!("alarms.actions[{index}]"), arn));
    for (field, arn) in key.chain(actions) {
        tenancy.arn(&namespace, arn).map_err(|refusal| Terminal::not_granted(&field, &refusal))?;
    }
    claim(tenancy, object, "queueName", &object.spec.queue_name)
}

/// What of a key of that bus is not granted. A key for all sources of a bus is one for each of them.
pub(super) fn signing_key(tenancy: &Tenancy, object: &SigningKey, bus: &EventBus) -> Result<(), Terminal> {
    let namespace = object.namespace().unwrap_or_default();
    let granted =
        |source: &str| tenancy.source(&namespace, source).map_err(|refusal| Terminal::not_granted("sources", &refusal));
    for source in &object.spec.sources {
        match source.as_str() {
            "*" => sources(bus).try_for_each(|(_, source)| granted(source))?,
            source => granted(source)?,
        }
    }
    Ok(())
}

/// Whether a key takes over the private keys that an earlier SigningKey of its name left behind.
pub(super) fn adopts_keys(tenancy: &Tenancy, object: &SigningKey) -> Result<bool, Terminal> {
    match object.spec.adoption_policy {
        AdoptionPolicy::Never => Ok(false),
        AdoptionPolicy::AdoptOrCreate => {
            let granted = tenancy.adoption(&object.namespace().unwrap_or_default(), &object.name_any());
            granted.map(|_| true).map_err(|refusal| Terminal::not_granted("adoptionPolicy", &refusal))
        }
    }
}

/// What a bus names by hand, and where each stands in the spec.
fn arns(object: &EventBus) -> impl Iterator<Item = (String, &str)> {
    let EventBusSpec { kms_key_id, dead_letter, alarms, .. } = &object.spec;
    let key = kms_key_id.iter().map(|key| ("kmsKeyId".to_owned(), key.as_str()));
    let queue = dead_letter.iter().map(|queue| ("deadLetter.queueArn".to_owned(), queue.queue_arn.as_str()));
    let actions = alarms.actions.iter().enumerate();
    let actions = actions.map(|(index, arn)| (format!("alarms.actions[{index}]"), arn.as_str()));
    key.chain(queue).chain(actions)
}

/// The sources of a bus, and where each stands in the spec.
fn sources(object: &EventBus) -> impl Iterator<Item = (String, &str)> {
    object.spec.publishers.iter().enumerate().flat_map(|(index, publisher)| {
        let field = move |at| format!("publishers[{index}].sources[{at}]");
        publisher.sources.iter().enumerate().map(move |(at, source)| (field(at), source.as_str()))
    })
}

fn claim<K: Eventing>(tenancy: &Tenancy, object: &K, field: &str, name: &str) -> Result<Claim, Terminal> {
    let namespace = object.namespace().unwrap_or_default();
    tenancy.name(&namespace, name).map_err(|refusal| Terminal::not_granted(field, &refusal))?;
    match (object.management_policy(), object.adoption_policy()) {
        (ManagementPolicy::Observe, _) => Ok(Claim::Look),
        (ManagementPolicy::Manage, AdoptionPolicy::Never) => Ok(Claim::Own),
        (ManagementPolicy::Manage, AdoptionPolicy::AdoptOrCreate) => {
            tenancy.adoption(&namespace, name).map_err(|refusal| Terminal::not_granted("adoptionPolicy", &refusal))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::tests;

    /// Namespace `red` has one of each; nobody else has anything.
    fn tenancy() -> Tenancy {
        let entry = json!({"namespaces": ["red"], "namePrefixes": ["red-"], "sources": ["qsl.red"]});
        Tenancy::parse(&json!([entry]).to_string()).unwrap()
    }

    fn a_bus(namespace: &str, name: &str, source: &str) -> EventBus {
        let publishers = json!([{"serviceAccountRef": {"name": "desk"}, "sources": [source]}]);
        tests::object("EventBus", namespace, "core", &json!({"busName": name, "publishers": publishers}))
    }

    fn an_inbox(namespace: &str, more: &Value) -> InboxQueue {
        let mut spec = json!({"queueName": "red-ledger"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tests::object("InboxQueue", namespace, "ledger", &spec)
    }

    fn a_rule(namespace: &str, name: &str) -> EventRule {
        let spec = json!({"busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.red"]}});
        tests::object("EventRule", namespace, name, &spec)
    }

    fn a_key(namespace: &str, sources: &[&str]) -> SigningKey {
        tests::object("SigningKey", namespace, "coins", &json!({"busRef": {"name": "core"}, "sources": sources}))
    }

    fn said<T: std::fmt::Debug>(judged: Result<T, Terminal>) -> String {
        judged.map_or_else(|terminal| format!("{}: {}", terminal.reason, terminal.message), |ok| format!("{ok:?}"))
    }

    #[test]
    fn what_a_bus_names_by_hand_is_granted_one_by_one() {
        let topic = "arn:aws:sns:eu-central-1:000000000000:pager";
        let queue = "arn:aws:sqs:eu-central-1:000000000000:lost";
        let spec = json!({"busName": "red-core", "kmsKeyId": "alias/red", "deadLetter": {"queueArn": queue},
            "alarms": {"actions": [topic]}});
        let object: EventBus = tests::object("EventBus", "red", "core", &spec);
        let judged = |arns: &[&str]| {
            let entry = json!({"namespaces": ["red"], "namePrefixes": ["red-"], "sources": [], "arns": arns});
            said(bus(&Tenancy::parse(&json!([entry]).to_string()).unwrap(), &object))
        };
        assert_eq!(judged(&["alias/red", queue, topic]), "Own");
        for (arns, field) in [
            (&[queue, topic][..], "spec.kmsKeyId"),
            (&["alias/*", topic], "spec.deadLetter.queueArn"),
            (&["alias/red", queue], "spec.alarms.actions[0]"),
        ] {
            let said = judged(arns);
            assert!(said.starts_with(&format!("NotGranted: {field}: ")) && said.contains("arns"), "{said}");
        }
    }

    #[test]
    fn names_are_granted_to_namespaces_for_each_kind() {
        let tenancy = tenancy();
        let name = |rule: &EventRule| RuleName::parse(rule.name_any()).unwrap();
        let (good, bad, foreign) = (a_rule("red", "red-all"), a_rule("red", "all"), a_rule("blue", "red-all"));
        for (judged, expected) in [
            (bus(&tenancy, &a_bus("red", "red-core", "qsl.red")), "Own"),
            (bus(&tenancy, &a_bus("red", "core", "qsl.red")), "NotGranted: spec.busName: namespace red may not"),
            (bus(&tenancy, &a_bus("blue", "red-core", "qsl.red")), "NotGranted: spec.busName: namespace blue"),
            (inbox(&tenancy, &an_inbox("red", &json!({}))), "Own"),
            (inbox(&tenancy, &an_inbox("blue", &json!({}))), "NotGranted: spec.queueName: namespace blue"),
            (rule(&tenancy, &good, &name(&good)), "Own"),
            (rule(&tenancy, &bad, &name(&bad)), "NotGranted: spec.ruleName: namespace red"),
            (rule(&tenancy, &foreign, &name(&foreign)), "NotGranted: spec.ruleName: namespace blue"),
        ] {
            let said = said(judged);
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn sources_are_granted_to_buses_and_keys() {
        let tenancy = tenancy();
        let refused = said(bus(&tenancy, &a_bus("red", "red-core", "qsl.blue")));
        let expected = "NotGranted: spec.publishers[0].sources[0]: namespace red may not use this source";
        assert!(refused.starts_with(expected), "{refused}");
        assert!(refused.ends_with("{namespaces: [red], sources: [qsl.blue]}"), "{refused}");

        let (granted, not) = (a_bus("red", "red-core", "qsl.red"), a_bus("red", "red-core", "qsl.blue"));
        assert_eq!(signing_key(&tenancy, &a_key("red", &["qsl.red"]), &granted), Ok(()));
        assert_eq!(signing_key(&tenancy, &a_key("red", &["*"]), &granted), Ok(()));
        for (key, bus) in [(a_key("red", &["qsl.blue"]), &not), (a_key("red", &["*"]), &not)] {
            let refused = said(signing_key(&tenancy, &key, bus));
            assert!(refused.starts_with("NotGranted: spec.sources: namespace red"), "{refused}");
        }
    }

    #[test]
    fn without_tenancy_names_and_sources_are_free_and_nothing_is_adopted() {
        let nothing = Tenancy::default();
        assert_eq!(said(bus(&nothing, &a_bus("blue", "anything", "qsl.anything"))), "Own");
        assert_eq!(said(inbox(&nothing, &an_inbox("blue", &json!({})))), "Own");
        assert_eq!(said(inbox(&nothing, &an_inbox("blue", &json!({"managementPolicy": "Observe"})))), "Look");
        let refused = said(inbox(&nothing, &an_inbox("blue", &json!({"adoptionPolicy": "AdoptOrCreate"}))));
        assert!(refused.starts_with("NotGranted: spec.adoptionPolicy: namespace blue may not adopt"), "{refused}");
    }

    #[test]
    fn what_an_inbox_names_by_hand_is_granted_one_by_one() {
        let topic = "arn:aws:sns:eu-central-1:000000000000:pager";
        let more = json!({"encryption": {"kmsKeyId": "alias/red"}, "alarms": {"enabled": true, "actions": [topic]}});
        let judged = |arns: &[&str]| {
            let entry = json!([{"namespaces": ["red"], "namePrefixes": ["red-"], "arns": arns}]);
            said(inbox(&Tenancy::parse(&entry.to_string()).unwrap(), &an_inbox("red", &more)))
        };
        for (arns, field) in [(&[topic][..], "spec.encryption.kmsKeyId"), (&["alias/red"], "spec.alarms.actions[0]")] {
            let said = judged(arns);
            assert!(said.starts_with(&format!("NotGranted: {field}: ")), "{said}");
        }
        assert_eq!(judged(&["alias/red", topic]), "Own");
        let refused = said(inbox(&Tenancy::default(), &an_inbox("red", &more)));
        assert!(refused.starts_with("NotGranted: spec.encryption.kmsKeyId: "), "by default none is taken: {refused}");
    }

    #[test]
    fn an_adoption_that_is_granted_is_the_claim() {
        let adopting = an_inbox("red", &json!({"adoptionPolicy": "AdoptOrCreate"}));
        for (adopt, expected) in [("Tagged", "AdoptTagged"), ("Named", "AdoptNamed")] {
            let entry = json!([{"namespaces": ["red"], "namePrefixes": ["red-"], "adopt": adopt}]);
            let tenancy = Tenancy::parse(&entry.to_string()).unwrap();
            assert_eq!(said(inbox(&tenancy, &adopting)), expected);
            assert_eq!(said(inbox(&tenancy, &an_inbox("red", &json!({})))), "Own", "nobody asked to adopt");
        }
    }
}
