//! SQS's attributes and ours.

use aws_sdk_sqs::types::QueueAttributeName as Name;
use jiff::Timestamp;
use operator_core::arn::QueueArn;
use operator_core::policy::PolicyDocument;
use operator_core::ports::{Counts, Encryption, NewQueue, QueueAttributes, QueueChange, QueueFacts, Redrive};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::str::FromStr;

type Attributes = HashMap<Name, String>;

/// A queue, read from all its attributes.
pub(super) fn facts(attributes: &Attributes) -> Result<QueueFacts, String> {
    let text = |name: Name| attributes.get(&name).map(String::as_str).filter(|text| !text.is_empty());
    let redrive = text(Name::RedrivePolicy).map(redrive).transpose()?;
    Ok(QueueFacts {
        arn: QueueArn::parse(text(Name::QueueArn).unwrap_or_default()).map_err(|e| e.to_string())?,
        attributes: QueueAttributes {
            visibility_timeout_seconds: number(attributes, &Name::VisibilityTimeout)?,
            retention_seconds: number(attributes, &Name::MessageRetentionPeriod)?,
            max_message_bytes: number(attributes, &Name::MaximumMessageSize)?,
            delay_seconds: number(attributes, &Name::DelaySeconds)?,
            content_based_deduplication: text(Name::ContentBasedDeduplication) == Some("true"),
            encryption: encryption(attributes)?,
            policy: text(Name::Policy).map(PolicyDocument::from_text),
            redrive,
        },
        counts: Counts {
            visible: number(attributes, &Name::ApproximateNumberOfMessages)?,
            in_flight: number(attributes, &Name::ApproximateNumberOfMessagesNotVisible)?,
            delayed: number(attributes, &Name::ApproximateNumberOfMessagesDelayed)?,
        },
        // AWS always tells it; where an emulator does not, all queues of a name count as one.
        created_at: attributes.get(&Name::CreatedTimestamp).map_or(Ok(Timestamp::UNIX_EPOCH), |text| second(text))?,
    })
}

fn second(text: &str) -> Result<Timestamp, String> {
    let second = text.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    second.ok_or_else(|| format!("CreatedTimestamp is {text:?}"))
}

fn number<T: FromStr>(attributes: &Attributes, name: &Name) -> Result<T, String> {
    let text = attributes.get(name).ok_or_else(|| format!("{name} is missing"))?;
    text.parse().map_err(|_| format!("{name} is {text:?}"))
}

/// How long SQS uses a data key where nobody said, in seconds.
const DATA_KEY_REUSE: u32 = 300;

/// How a queue is encrypted. A key counts whatever is said of SQS's own: there is only one way at a time.
fn encryption(attributes: &Attributes) -> Result<Encryption, String> {
    let key = attributes.get(&Name::KmsMasterKeyId).filter(|key| !key.is_empty());
    let managed = attributes.get(&Name::SqsManagedSseEnabled).is_some_and(|text| text == "true");
    Ok(match key {
        Some(key) => Encryption::Kms {
            key: key.clone(),
            data_key_reuse_seconds: match attributes.get(&Name::KmsDataKeyReusePeriodSeconds) {
                Some(_) => number(attributes, &Name::KmsDataKeyReusePeriodSeconds)?,
                None => DATA_KEY_REUSE,
            },
        },
        None if managed => Encryption::SqsManaged,
        None => Encryption::None,
    })
}

/// The attributes that encrypt a queue so. The two ways exclude each other: an empty key takes the key away.
fn encrypt(encryption: &Encryption) -> [(Name, Option<String>); 3] {
    let (key, reuse, managed) = match encryption {
        Encryption::None => (Some(String::new()), None, Some("false")),
        Encryption::SqsManaged => (Some(String::new()), None, Some("true")),
        Encryption::Kms { key, data_key_reuse_seconds } => (Some(key.clone()), Some(*data_key_reuse_seconds), None),
    };
    [
        (Name::KmsMasterKeyId, key),
        (Name::KmsDataKeyReusePeriodSeconds, reuse.map(|seconds| seconds.to_string())),
        (Name::SqsManagedSseEnabled, managed.map(str::to_owned)),
    ]
}

/// A redrive policy; AWS writes the count as a number or as text.
fn redrive(text: &str) -> Result<Redrive, String> {
    let policy: Value = serde_json::from_str(text).map_err(|e| format!("RedrivePolicy: {e}"))?;
    let arn = policy.get("deadLetterTargetArn").and_then(Value::as_str).unwrap_or_default();
    let count = match policy.get("maxReceiveCount") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    Ok(Redrive {
        dead_letter: QueueArn::parse(arn).map_err(|e| e.to_string())?,
        max_receive_count: count.ok_or_else(|| format!("RedrivePolicy is {text:?}"))?,
    })
}

/// All attributes of a new queue.
pub(super) fn new_queue(queue: &NewQueue) -> Attributes {
    let QueueAttributes {
        visibility_timeout_seconds,
        retention_seconds,
        max_message_bytes,
        delay_seconds,
        content_based_deduplication,
        encryption,
        policy,
        redrive,
    } = queue.attributes.clone();
    let is_fifo = queue.name.is_fifo();
    let mut attributes = change(&QueueChange {
        visibility_timeout_seconds: Some(visibility_timeout_seconds),
        retention_seconds: Some(retention_seconds),
        max_message_bytes: Some(max_message_bytes),
        delay_seconds: Some(delay_seconds),
        // A standard queue does not know the attribute.
        content_based_deduplication: is_fifo.then_some(content_based_deduplication),
        encryption: Some(encryption),
        policy: policy.map(Some),
        redrive: redrive.map(Some),
    });
    if is_fifo {
        attributes.insert(Name::FifoQueue, "true".into());
    }
    // A new queue has no key that could be taken away.
    attributes.retain(|name, value| *name != Name::KmsMasterKeyId || !value.is_empty());
    attributes
}

/// The attributes that change; an empty text takes one away.
pub(super) fn change(change: &QueueChange) -> Attributes {
    let QueueChange {
        visibility_timeout_seconds,
        retention_seconds,
        max_message_bytes,
        delay_seconds,
        content_based_deduplication,
        encryption,
        policy,
        redrive,
    } = change;
    let number = |number: &Option<u32>| number.map(|number| number.to_string());
    let policy =
        policy.as_ref().map(|policy| policy.as_ref().map(|policy| policy.as_text().to_owned()).unwrap_or_default());
    let redrive = redrive.as_ref().map(|redrive| redrive.as_ref().map(redrive_text).unwrap_or_default());
    [
        (Name::VisibilityTimeout, number(visibility_timeout_seconds)),
        (Name::MessageRetentionPeriod, number(retention_seconds)),
        (Name::MaximumMessageSize, number(max_message_bytes)),
        (Name::DelaySeconds, number(delay_seconds)),
        (Name::ContentBasedDeduplication, content_based_deduplication.map(|by_content| by_content.to_string())),
        (Name::Policy, policy),
        (Name::RedrivePolicy, redrive),
    ]
    .into_iter()
    .chain(encryption.iter().flat_map(encrypt))
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn redrive_text(redrive: &Redrive) -> String {
    json!({"deadLetterTargetArn": redrive.dead_letter, "maxReceiveCount": redrive.max_receive_count}).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_redrive_policy_is_read_with_the_count_as_number_or_text() {
        for count in ["15", "\"15\""] {
            let text = format!(
                r#"{{"deadLetterTargetArn":"arn:aws:sqs:eu-west-3:000000000001:d-dlq","maxReceiveCount":{count}}}"#
            );
            assert_eq!(redrive(&text).unwrap().max_receive_count, 15);
        }
    }

    #[test]
    fn when_a_queue_was_made_is_a_second_of_unix_time() {
        assert_eq!(second("1764201600").unwrap(), Timestamp::from_second(1_764_201_600).unwrap());
        assert!(second("yesterday").unwrap_err().contains("yesterday"));
    }

    #[test]
    fn encryption_is_read_and_written_one_way_at_a_time() {
        let kms = Encryption::Kms { key: "alias/payments".to_owned(), data_key_reuse_seconds: 600 };
        let own = |encryption: &Encryption| {
            let change = change(&QueueChange { encryption: Some(encryption.clone()), ..QueueChange::default() });
            let mut said: Vec<_> = change.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            said.sort();
            said.join(" ")
        };
        assert_eq!(own(&kms), "KmsDataKeyReusePeriodSeconds=600 KmsMasterKeyId=alias/payments");
        assert_eq!(own(&Encryption::SqsManaged), "KmsMasterKeyId= SqsManagedSseEnabled=true");
        assert_eq!(own(&Encryption::None), "KmsMasterKeyId= SqsManagedSseEnabled=false");
        let found = |pairs: &[(Name, &str)]| {
            encryption(&pairs.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect())
        };
        let reuse = (Name::KmsDataKeyReusePeriodSeconds, "600");
        assert_eq!(found(&[(Name::KmsMasterKeyId, "alias/payments"), reuse.clone()]), Ok(kms.clone()));
        let both = [(Name::KmsMasterKeyId, "alias/payments"), reuse.clone(), (Name::SqsManagedSseEnabled, "true")];
        assert_eq!(found(&both), Ok(kms));
        let managed = [(Name::KmsMasterKeyId, ""), reuse, (Name::SqsManagedSseEnabled, "true")];
        assert_eq!(found(&managed), Ok(Encryption::SqsManaged));
        assert_eq!(found(&[(Name::SqsManagedSseEnabled, "false")]), Ok(Encryption::None));
    }

    #[test]
    fn a_new_queue_names_what_its_kind_knows() {
        let queue = |name: &str| NewQueue {
            name: name.parse().unwrap(),
            attributes: QueueAttributes {
                visibility_timeout_seconds: 60,
                retention_seconds: 604_800,
                max_message_bytes: 1_048_576,
                delay_seconds: 0,
                content_based_deduplication: name.contains(".fifo"),
                encryption: Encryption::SqsManaged,
                policy: None,
                redrive: None,
            },
            tags: operator_core::tags::Tags::new(),
        };
        let (fifo, standard) = (new_queue(&queue("gate.fifo")), new_queue(&queue("gate")));
        assert_eq!(fifo.get(&Name::FifoQueue).map(String::as_str), Some("true"));
        assert_eq!(fifo.get(&Name::ContentBasedDeduplication).map(String::as_str), Some("true"));
        for name in [Name::FifoQueue, Name::ContentBasedDeduplication, Name::KmsMasterKeyId] {
            assert_eq!(standard.get(&name), None, "{name}");
        }
        assert_eq!(standard.get(&Name::MaximumMessageSize).map(String::as_str), Some("1048576"));
    }

    #[test]
    fn a_queue_that_lacks_an_attribute_is_not_read() {
        let attributes = Attributes::from([(Name::QueueArn, "arn:aws:sqs:eu-west-3:000000000001:q".to_owned())]);
        assert!(facts(&attributes).unwrap_err().contains("VisibilityTimeout"));
    }
}
