//! What the operator makes, in the template's words.

use operator_core::ports::{Alarm, Comparison, Encryption, MissingData, NewQueue, Statistic, Target};
use serde_json::{Value, json};

/// Properties without some of them.
pub(super) fn without(mut properties: Value, members: &[&str]) -> Value {
    for member in members {
        properties.as_object_mut().unwrap().remove(*member);
    }
    properties
}

/// A queue of the operator in the template's words.
pub(super) fn queue(queue: &NewQueue) -> Value {
    let attributes = &queue.attributes;
    assert!(!attributes.content_based_deduplication, "the template has no FIFO queue");
    let mut properties = json!({
        "QueueName": queue.name, "VisibilityTimeout": attributes.visibility_timeout_seconds,
        "MessageRetentionPeriod": attributes.retention_seconds, "MaximumMessageSize": attributes.max_message_bytes,
        "DelaySeconds": attributes.delay_seconds, "SqsManagedSseEnabled": attributes.encryption == Encryption::SqsManaged,
    });
    if let Some(redrive) = &attributes.redrive {
        properties["RedrivePolicy"] =
            json!({"deadLetterTargetArn": redrive.dead_letter, "maxReceiveCount": redrive.max_receive_count});
    }
    properties
}

/// An alarm but for its name and tags, and its description.
pub(super) fn alarm(alarm: &Alarm) -> (Value, String) {
    let dimensions: Vec<Value> =
        alarm.metric.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let mut properties = json!({
        "Namespace": alarm.metric.namespace, "MetricName": alarm.metric.name,
        "Statistic": match alarm.statistic { Statistic::Sum => "Sum", Statistic::Maximum => "Maximum" },
        "Period": alarm.period_seconds, "EvaluationPeriods": alarm.evaluation_periods, "Threshold": alarm.threshold,
        "ComparisonOperator": match alarm.comparison {
            Comparison::Greater => "GreaterThanThreshold",
            Comparison::GreaterOrEqual => "GreaterThanOrEqualToThreshold",
        },
    });
    if !dimensions.is_empty() {
        properties["Dimensions"] = dimensions.into();
    }
    assert_eq!(alarm.missing_data, MissingData::NotBreaching);
    properties["TreatMissingData"] = json!("notBreaching");
    (properties, alarm.description.clone())
}

/// A target but for its id.
pub(super) fn target(target: &Target) -> Value {
    assert!(target.max_retries.is_none() && target.message_group_id.is_none(), "{target:?}");
    json!({
        "Arn": target.arn, "DeadLetterConfig": {"Arn": target.dead_letter},
        "RetryPolicy": {"MaximumEventAgeInSeconds": target.max_event_age_seconds},
    })
}

/// Numbers are the same whether they are written with a point or without.
pub(super) fn threshold_as_float(mut properties: Value) -> Value {
    properties["Threshold"] = json!(properties["Threshold"].as_f64().unwrap());
    properties
}
