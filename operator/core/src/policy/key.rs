//! Whether a KMS key's policy lets EventBridge use the key. Such policies are read, never written.

use super::PolicyDocument;
use super::grants::{EVENTBRIDGE, Known, Request, allows};
use crate::arn::KeyArn;
use crate::installation::Installation;
use serde_json::{Value, json};

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

/// Whether the policy of `key` lets EventBridge use it when it sends for a rule of this installation; which rule, is not
/// the key's business.
pub fn lets_eventbridge_use(policy: &PolicyDocument, key: &KeyArn, installation: &Installation) -> bool {
    let Installation { account, region, partition, .. } = installation;
    let rules = format!("arn:{partition}:events:{region}:{account}:rule/");
    let context = [("aws:sourceaccount", Known::Is(account.as_str())), ("aws:sourcearn", Known::Begins(&rules))];
    let resource = key.to_string();
    NEEDED.iter().all(|action| allows(policy, &Request { action, resource: &resource, context: &context }))
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
            ("Condition", json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-33:210987654321:rule/*"}})),
            ("Condition", json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:210987654321:event-bus/*"}})),
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
