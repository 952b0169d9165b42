//! Whether a KMS key's policy lets EventBridge use the key. Such policies are read, never written.

use super::{PolicyDocument, list};
use crate::arn::KeyArn;
use crate::installation::Installation;
use serde_json::{Value, json};

/// Who delivers.
const EVENTBRIDGE: &str = "events.amazonaws.com";
/// What a sender to an encrypted queue needs.
const NEEDED: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];

/// The statement that lets EventBridge, on behalf of this account, use a key for queues.
pub fn statement_for_eventbridge(installation: &Installation) -> Value {
    json!({
        "Sid": "QslEventBridge",
        "Effect": "Allow",
        "Principal": {"Service": EVENTBRIDGE},
        "Action": NEEDED,
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": installation.account}},
    })
}

/// Whether the policy of `key` lets EventBridge use it when it sends for a rule of this installation. Conditions on
/// the source's account, the source's ARN and the service are judged; others are taken to hold, since only KMS knows.
pub fn lets_eventbridge_use(policy: &PolicyDocument, key: &KeyArn, installation: &Installation) -> bool {
    let statements = policy.statements();
    let speaks_of = |effect: &'static str, action: &'static str| {
        statements.iter().any(|statement| {
            statement.get("Effect").and_then(Value::as_str) == Some(effect)
                && names_eventbridge(statement.get("Principal"))
                && list(statement.get("Action")).iter().any(|pattern| text_matches(pattern, action, true))
                && list(statement.get("Resource")).iter().any(|pattern| text_matches(pattern, &key.to_string(), false))
                && may_hold(statement.get("Condition"), installation, effect == "Allow")
        })
    };
    NEEDED.iter().all(|action| speaks_of("Allow", action) && !speaks_of("Deny", action))
}

/// Whether the principal is EventBridge, or everybody.
fn names_eventbridge(principal: Option<&Value>) -> bool {
    match principal {
        Some(Value::String(all)) => all == "*",
        Some(Value::Object(kinds)) => {
            let names = |kind: &str| list(kinds.get(kind));
            names("Service").iter().any(|name| name == EVENTBRIDGE) || names("AWS").iter().any(|name| name == "*")
        }
        _ => false,
    }
}

/// Whether the conditions hold for a rule of this installation, as far as they can be judged; what cannot be is
/// `unknown`.
fn may_hold(conditions: Option<&Value>, installation: &Installation, unknown: bool) -> bool {
    let conditions = conditions.and_then(Value::as_object).into_iter().flatten();
    let mut single = conditions.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| (operator, key, values))
    });
    single.all(|(operator, key, values)| judge(operator, key, values, installation).unwrap_or(unknown))
}

/// One condition, where it is of a kind that can be judged.
fn judge(operator: &str, key: &str, values: &Value, installation: &Installation) -> Option<bool> {
    let values = list(Some(values));
    let account = installation.account.as_str();
    // Rules of ours are of this beginning; which, is not the key's business.
    let rule = format!("arn:{}:events:{}:{account}:rule/", installation.partition, installation.region);
    let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
    match (operator, key.to_ascii_lowercase().as_str()) {
        ("StringEquals" | "StringLike", "aws:sourceaccount") => {
            Some(values.iter().any(|value| text_matches(value, account, false)))
        }
        ("ArnLike" | "ArnEquals" | "StringLike" | "StringEquals", "aws:sourcearn") => {
            let some_rule =
                |value: &Value| matches(value.as_str().unwrap_or_default().as_bytes(), rule.as_bytes(), true);
            Some(values.iter().any(some_rule))
        }
        _ => None,
    }
}

/// Whether a pattern with `*` and `?` matches the text.
fn text_matches(pattern: &Value, text: &str, ignore_case: bool) -> bool {
    let pattern = pattern.as_str().unwrap_or_default();
    if ignore_case {
        matches(pattern.to_ascii_lowercase().as_bytes(), text.to_ascii_lowercase().as_bytes(), false)
    } else {
        matches(pattern.as_bytes(), text.as_bytes(), false)
    }
}

/// Whether the pattern matches the text, or where `open`, some text that begins so.
fn matches(pattern: &[u8], text: &[u8], open: bool) -> bool {
    let (mut in_pattern, mut in_text) = (0, 0);
    // The last `*`, and how much of the text it has not swallowed yet.
    let mut star: Option<(usize, usize)> = None;
    while let Some(found) = text.get(in_text) {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                star = Some((in_pattern, in_text));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == found => {
                in_pattern += 1;
                in_text += 1;
            }
            _ => match star {
                Some((at, swallowed)) => {
                    star = Some((at, swallowed + 1));
                    (in_pattern, in_text) = (at + 1, swallowed + 1);
                }
                None => return false,
            },
        }
    }
    open || pattern.iter().skip(in_pattern).all(|left| *left == b'*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::Map;

    fn judged(change: impl FnOnce(&mut Map<String, Value>)) -> bool {
        let installation = crate::names::tests::installation("cluster-a");
        let mut statement = statement_for_eventbridge(&installation);
        change(statement.as_object_mut().unwrap());
        let key = KeyArn::parse("arn:aws:kms:eu-west-3:210987654321:key/k").unwrap();
        let root = json!({"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
            "Action": "kms:*", "Resource": "*"});
        let policy = PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [root, statement]}));
        lets_eventbridge_use(&policy, &key, &installation)
    }

    #[test]
    fn the_statement_that_is_asked_for_is_enough() {
        assert!(judged(|_| ()));
    }

    #[test]
    fn what_says_as_much_in_other_words_is_enough() {
        for (member, value) in [
            ("Action", json!("kms:*")),
            ("Action", json!(["KMS:generatedatakey*", "kms:De?rypt"])),
            ("Principal", json!("*")),
            ("Principal", json!({"Service": ["sns.amazonaws.com", "events.amazonaws.com"]})),
            ("Resource", json!("arn:aws:kms:eu-west-3:210987654321:key/k")),
            ("Condition", json!({})),
            ("Condition", json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-3:210987654321:rule/*"}})),
            ("Condition", json!({"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:210987654321:rule/acme/*"}})),
            ("Condition", json!({"StringEqualsIfExists": {"aws:SourceAccount": ["1", "210987654321"]}})),
            ("Condition", json!({"StringEquals": {"kms:EncryptionContext:aws:sqs:arn": "arn:aws:sqs:x"}})),
        ] {
            assert!(judged(|statement| drop(statement.insert(member.into(), value.clone()))), "{member}: {value}");
        }
    }

    #[test]
    fn what_lacks_something_is_not() {
        for (member, value) in [
            ("Effect", json!("Deny")),
            ("Action", json!("kms:Decrypt")),
            ("Action", json!("kms:GenerateDataKey")),
            ("Principal", json!({"Service": "sqs.amazonaws.com"})),
            ("Principal", json!({"AWS": "arn:aws:iam::210987654321:root"})),
            ("Resource", json!("arn:aws:kms:eu-west-3:210987654321:key/another")),
            ("Condition", json!({"StringEquals": {"aws:SourceAccount": "111111111111"}})),
            ("Condition", json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:us-east-1:210987654321:rule/*"}})),
            ("Condition", json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:111111111111:rule/*"}})),
            ("Condition", json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-west-3:210987654321:topic"}})),
        ] {
            assert!(!judged(|statement| drop(statement.insert(member.into(), value.clone()))), "{member}: {value}");
        }
    }

    #[test]
    fn a_denial_that_may_not_hold_does_not_count_and_one_that_holds_does() {
        let installation = crate::names::tests::installation("cluster-a");
        let key = KeyArn::parse("arn:aws:kms:eu-west-3:210987654321:key/k").unwrap();
        let denied = |condition: Value| {
            let denial = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*",
                "Condition": condition});
            let statements = [statement_for_eventbridge(&installation), denial];
            !lets_eventbridge_use(&PolicyDocument::new(json!({"Statement": statements})), &key, &installation)
        };
        assert!(denied(json!({})));
        assert!(denied(json!({"StringEquals": {"aws:SourceAccount": "210987654321"}})));
        assert!(!denied(json!({"StringEquals": {"aws:SourceAccount": "111111111111"}})));
        assert!(!denied(json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}})));
    }
}
