//! What the schema lets through and AWS would not take is refused, with the field.
#![allow(clippy::unwrap_used)]

use operator_core::ports::Encryption;
use serde_json::{Value, json};

use super::*;
use crate::controllers::tests::{object, place};

fn judge(spec: Value, annotations: Value) -> Result<Desired, Terminal> {
    let mut spec = spec;
    spec.as_object_mut().unwrap().insert("queueName".to_owned(), json!("ledger"));
    let mut inbox: InboxQueue = object("InboxQueue", "books", "ledger", &spec);
    inbox.metadata.annotations = serde_json::from_value(annotations).unwrap();
    validate(&Arc::new(place()), Claim::Own, &inbox, &Feeding::default()).map(|(desired, _)| desired)
}

fn refusal(spec: Value) -> String {
    judge(spec, Value::Null).unwrap_err().message
}

#[test]
fn a_fifo_inbox_has_the_name_of_a_fifo_queue() {
    let desired = judge(json!({"fifo": true}), Value::Null).unwrap();
    assert_eq!(desired.queue_name.as_str(), "ledger.fifo");
    assert_eq!(judge(json!({}), Value::Null).unwrap().queue_name.as_str(), "ledger");
}

#[test]
fn a_key_encrypts_and_without_one_sqs_does() {
    assert_eq!(judge(json!({}), Value::Null).unwrap().encryption, Encryption::SqsManaged);
    let desired = judge(json!({"encryption": {"kmsKeyId": "alias/payments"}}), Value::Null).unwrap();
    let expected = Encryption::Kms { key: "alias/payments".to_owned(), data_key_reuse_seconds: 300 };
    assert_eq!(desired.encryption, expected);
}

#[test]
fn what_aws_would_not_take_is_refused_with_the_field_and_the_fix() {
    let long = |count: usize| (0..count).map(|n| format!("{}-{n}", "a".repeat(250))).collect::<Vec<_>>();
    for (spec, expected) in [
        (json!({"encryption": {"kmsKeyId": "alias/aws/sqs"}}), ["spec.encryption.kmsKeyId", "customer managed key"]),
        (json!({"encryption": {"kmsKeyId": "payments"}}), ["spec.encryption.kmsKeyId", "neither a key's id"]),
        (json!({"alarms": {"actions": ["arn:aws:s3:::bucket"]}}), ["spec.alarms.actions", "alarm action"]),
        (json!({"serviceAccounts": long(10)}), ["spec.serviceAccounts", "IAM takes 2,048"]),
        (json!({"redriveServiceAccounts": long(10)}), ["spec.redriveServiceAccounts", "IAM takes 2,048"]),
    ] {
        let said = refusal(spec.clone());
        assert!(expected.iter().all(|part| said.contains(part)), "{spec}: {said}");
    }
    assert!(judge(json!({"serviceAccounts": ["a", "b"], "redriveServiceAccounts": ["c"]}), Value::Null).is_ok());
}

#[test]
fn alarms_are_there_only_where_they_are_enabled() {
    assert_eq!(judge(json!({}), Value::Null).unwrap().alarms, None);
    let spec = json!({"alarms": {"enabled": true, "thresholds": {"deadLetters": 3}}});
    let alarms = judge(spec, Value::Null).unwrap().alarms.unwrap();
    let expected =
        Alarms { actions: BTreeSet::new(), oldest_message_age_seconds: 900, dead_letters: 3, in_flight: 100_000 };
    assert_eq!(alarms, expected);
}

#[test]
fn expiry_is_allowed_by_naming_the_retention_and_by_nothing_else() {
    let allowed = |value: &str| judge(json!({}), json!({ALLOW_EXPIRY: value})).unwrap().allow_expiry;
    assert_eq!((allowed("3600"), allowed("true"), allowed("-1")), (Some(3600), None, None));
}
