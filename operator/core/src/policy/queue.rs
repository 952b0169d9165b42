//! Who may send to an inbox, and to its dead-letter queue.
//!
//! A policy does not bind the own account: an identity policy that allows SendMessage suffices. So a sealed queue
//! also denies everybody who is neither one of its rules nor one of its roles.

use super::{PolicyDocument, VERSION, list};
use crate::arn::{QueueArn, RoleArn, RuleArn};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The longest policy that SQS takes, in bytes.
pub const QUEUE_POLICY_MAX: usize = 8192;

/// Who may send to a queue.
#[derive(Debug, Clone, Copy)]
pub struct Senders<'a> {
    /// The rules that may.
    pub rules: &'a BTreeSet<RuleArn>,
    /// The roles that a sealed queue does not refuse.
    pub roles: &'a BTreeSet<RoleArn>,
    /// Whether all others are refused.
    pub sealed: bool,
}

/// The policy of `queue`, or `None` where there is nothing to say.
pub fn queue_policy(queue: &QueueArn, senders: Senders<'_>) -> Option<PolicyDocument> {
    let Senders { rules, roles, sealed } = senders;
    let mut statements = Vec::new();
    if !rules.is_empty() {
        statements.push(json!({
            "Sid": "QslRules",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
        }));
    }
    if sealed {
        let mut unless = Map::new();
        if !rules.is_empty() {
            unless.insert("aws:SourceArn".into(), json!(rules));
        }
        if !roles.is_empty() {
            unless.insert("aws:PrincipalArn".into(), json!(roles));
        }
        let mut deny = json!({
            "Sid": "QslSealed",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:SendMessage",
            "Resource": queue,
        });
        if let (false, Some(deny)) = (unless.is_empty(), deny.as_object_mut()) {
            // Both must differ for the denial to act; a key that the request lacks counts as different.
            deny.insert("Condition".into(), json!({"ArnNotEquals": unless}));
        }
        statements.push(deny);
    }
    (!statements.is_empty()).then(|| PolicyDocument::new(json!({"Version": VERSION, "Statement": statements})))
}

/// The rules that a queue's policy, as found, lets send.
pub fn allowed_rules(policy: &PolicyDocument) -> BTreeSet<RuleArn> {
    policy
        .statements()
        .iter()
        .filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some("Allow"))
        .filter_map(|statement| statement.get("Condition")?.as_object())
        .flat_map(Map::values)
        .filter_map(Value::as_object)
        .flatten()
        .filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))
        .flat_map(|(_, values)| list(Some(values)))
        .filter_map(|value| RuleArn::parse(value.as_str()?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const RULES: [&str; 2] = [
        "arn:aws:events:eu-west-3:210987654321:rule/acme/arrivals",
        "arn:aws:events:eu-west-3:210987654321:rule/acme/departures",
    ];
    const ROLE: &str = "arn:aws:iam::210987654321:role/qsl-eventing/0a/qsl-1";

    fn policy(rules: &[&str], roles: &[&str], sealed: bool) -> Option<Value> {
        let queue = QueueArn::parse("arn:aws:sqs:eu-west-3:210987654321:gate").unwrap();
        let senders = Senders {
            rules: &rules.iter().map(|arn| RuleArn::parse(arn).unwrap()).collect(),
            roles: &roles.iter().map(|arn| RoleArn::parse(arn).unwrap()).collect(),
            sealed,
        };
        queue_policy(&queue, senders).map(|policy| policy.to_value())
    }

    #[test]
    fn a_sealed_queue_lets_its_rules_in_and_denies_all_but_them_and_its_roles() {
        assert_eq!(
            policy(&[RULES[1], RULES[0]], &[ROLE], true).unwrap(),
            json!({"Version": "2012-10-17", "Statement": [
                {
                    "Sid": "QslRules", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:eu-west-3:210987654321:gate",
                    "Condition": {"ArnEquals": {"aws:SourceArn": RULES}},
                },
                {
                    "Sid": "QslSealed", "Effect": "Deny", "Principal": "*",
                    "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:eu-west-3:210987654321:gate",
                    "Condition": {"ArnNotEquals": {"aws:SourceArn": RULES, "aws:PrincipalArn": [ROLE]}},
                },
            ]})
        );
    }

    #[test]
    fn a_sealed_queue_without_rules_and_roles_denies_everybody() {
        let policy = policy(&[], &[], true).unwrap();
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 1);
        assert_eq!(statements[0]["Effect"], "Deny");
        assert_eq!(statements[0].get("Condition"), None);
    }

    #[test]
    fn an_unsealed_queue_without_rules_has_no_policy() {
        assert_eq!(policy(&[], &[ROLE], false), None);
    }

    #[test]
    fn the_rules_of_a_policy_are_read_back_and_those_of_its_denial_are_not() {
        let read = |value: Value| allowed_rules(&PolicyDocument::new(value));
        let both: BTreeSet<RuleArn> = RULES.iter().map(|arn| RuleArn::parse(arn).unwrap()).collect();
        assert_eq!(read(policy(&RULES, &[ROLE], true).unwrap()), both);
        let denial = json!({"Statement": {"Effect": "Deny", "Condition": {"ArnNotEquals": {"aws:SourceArn": RULES}}}});
        assert!(read(denial).is_empty());
    }
}
