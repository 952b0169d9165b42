//! SQS's attributes and ours.

use aws_sdk_sqs::types::QueueAttributeName as Name;
use jiff::Timestamp;
use operator_core::arn::QueueArn;
use operator_core::policy::PolicyDocument;
use operator_core::ports::{Counts, NewQueue, QueueAttributes, QueueChange, QueueFacts, Redrive};
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
    let QueueAttributes { visibility_timeout_seconds, retention_seconds, max_message_bytes, policy, redrive } =
        queue.attributes.clone();
    let mut attributes = change(&QueueChange {
        visibility_timeout_seconds: Some(visibility_timeout_seconds),
        retention_seconds: Some(retention_seconds),
        max_message_bytes: Some(max_message_bytes),
        policy: policy.map(Some),
        redrive: redrive.map(Some),
    });
    if queue.name.is_fifo() {
        attributes.insert(Name::FifoQueue, "true".into());
        attributes.insert(Name::ContentBasedDeduplication, "true".into());
    }
    attributes
}

/// The attributes that change; an empty text takes one away.
pub(super) fn change(change: &QueueChange) -> Attributes {
    let QueueChange { visibility_timeout_seconds, retention_seconds, max_message_bytes, policy, redrive } = change;
    let number = |number: &Option<u32>| number.map(|number| number.to_string());
    let policy = policy.as_ref().map(|policy| policy.as_ref().map(PolicyDocument::to_text).unwrap_or_default());
    let redrive = redrive.as_ref().map(|redrive| redrive.as_ref().map(redrive_text).unwrap_or_default());
    [
        (Name::VisibilityTimeout, number(visibility_timeout_seconds)),
        (Name::MessageRetentionPeriod, number(retention_seconds)),
        (Name::MaximumMessageSize, number(max_message_bytes)),
        (Name::Policy, policy),
        (Name::RedrivePolicy, redrive),
    ]
    .into_iter()
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
    fn a_queue_that_lacks_an_attribute_is_not_read() {
        let attributes = Attributes::from([(Name::QueueArn, "arn:aws:sqs:eu-west-3:000000000001:q".to_owned())]);
        assert!(facts(&attributes).unwrap_err().contains("VisibilityTimeout"));
    }
}
