//! What a rule is called in EventBridge, and which inboxes it names. Pure.

use std::collections::BTreeSet;

use crds::{EventRule, InboxQueue};
use kube::ResourceExt as _;
use operator_core::{
    installation::parts_for,
    names::{RuleName, RulePartName},
};

/// The names of a rule's parts in EventBridge; none where its name cannot be one, which its own object says.
pub(crate) fn parts(rule: &EventRule) -> BTreeSet<RulePartName> {
    let name = rule.spec.rule_name.clone().unwrap_or_else(|| rule.name_any());
    let Ok(name) = RuleName::parse(name) else { return BTreeSet::new() };
    (1..=parts_for(rule.spec.targets.len())).map(|number| name.part(number)).collect()
}

/// Whether a rule names the inbox among its targets.
pub(crate) fn targets(rule: &EventRule, inbox: &InboxQueue) -> bool {
    let own = rule.metadata.namespace.as_deref().unwrap_or_default();
    let (namespace, name) = (inbox.metadata.namespace.as_deref(), inbox.metadata.name.as_deref());
    let mut inboxes = rule.spec.targets.iter().filter_map(|target| target.inbox_ref.as_ref());
    inboxes.any(|named| Some(named.name.as_str()) == name && Some(named.namespace_or(own)) == namespace)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::tests::object;

    fn rule(spec: &Value) -> EventRule {
        let mut all = json!({"busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.coin"]}});
        json_patch::merge(&mut all, spec);
        object("EventRule", "desk", "coins", &all)
    }

    #[test]
    fn a_rule_has_a_name_for_each_of_its_parts_and_none_where_it_cannot_be_one() {
        let inboxes: Vec<Value> = (0..6).map(|n| json!({"inboxRef": {"name": format!("in-{n}")}})).collect();
        let named = |spec| parts(&rule(&spec)).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(named(json!({"targets": inboxes})), ["coins", "coins-2"]);
        assert_eq!(named(json!({"ruleName": "notes"})), ["notes"]);
        assert_eq!(named(json!({"ruleName": "not one"})), Vec::<String>::new());
    }

    #[test]
    fn an_inbox_is_named_by_name_and_namespace_and_that_is_the_rule_s_own_where_none_is_given() {
        let named = json!([{"inboxRef": {"name": "till"}}, {"inboxRef": {"name": "ledger", "namespace": "books"}},
            {"queueArn": "arn:aws:sqs:eu-central-1:000000000000:safe"}]);
        let rule = rule(&json!({"targets": named}));
        let is_named =
            |namespace, name| targets(&rule, &object("InboxQueue", namespace, name, &json!({"queueName": "safe"})));
        assert!(is_named("desk", "till") && is_named("books", "ledger"));
        assert!(!is_named("books", "till") && !is_named("desk", "ledger") && !is_named("desk", "safe"));
    }
}
