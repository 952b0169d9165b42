//! EventBridge's shapes and ours.

use super::CALLS;
use aws_sdk_eventbridge::operation::describe_archive::DescribeArchiveOutput;
use aws_sdk_eventbridge::operation::describe_event_bus::DescribeEventBusOutput;
use aws_sdk_eventbridge::types::{self, ArchiveState, DeadLetterConfig, RetryPolicy, SqsParameters, Tag};
use operator_core::arn::{ArchiveArn, QueueArn, RuleArn};
use operator_core::error::{AwsError, ErrorClass};
use operator_core::names::{ArchiveName, KmsKeyId, RulePartName};
use operator_core::ports::{Answer, ArchiveFacts, BusSettings, RuleFacts, RuleState, Target};
use operator_core::tags::Tags;
use serde_json::Value;

pub(super) fn tags(tags: &Tags) -> Answer<Vec<Tag>> {
    tags.iter()
        .map(|(key, value)| {
            Tag::builder()
                .key(key)
                .value(value)
                .build()
                .map_err(|error| AwsError::new(ErrorClass::Invalid, CALLS.0, "TagResource", error.to_string()))
        })
        .collect()
}

pub(super) fn rule(rule: &types::Rule) -> Result<RuleFacts, String> {
    let pattern = rule
        .event_pattern()
        .map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())));
    let state = match rule.state() {
        Some(types::RuleState::Enabled) => Some(RuleState::Enabled),
        Some(types::RuleState::Disabled) => Some(RuleState::Disabled),
        _ => None,
    };
    Ok(RuleFacts {
        name: RulePartName::parse(rule.name().unwrap_or_default()).map_err(|e| e.to_string())?,
        arn: RuleArn::parse(rule.arn().unwrap_or_default()).map_err(|e| e.to_string())?,
        pattern,
        state,
        description: rule.description().unwrap_or_default().to_owned(),
        managed_by: rule.managed_by().filter(|service| !service.is_empty()).map(str::to_owned),
    })
}

pub(super) fn settings(bus: &DescribeEventBusOutput) -> Result<BusSettings, String> {
    let dead_letter = bus.dead_letter_config().and_then(DeadLetterConfig::arn).filter(|arn| !arn.is_empty());
    Ok(BusSettings {
        description: bus.description().unwrap_or_default().to_owned(),
        kms_key: key(bus.kms_key_identifier())?,
        dead_letter: dead_letter.map(QueueArn::parse).transpose().map_err(|error| error.to_string())?,
    })
}

fn key(identifier: Option<&str>) -> Result<Option<KmsKeyId>, String> {
    let identifier = identifier.filter(|identifier| !identifier.is_empty());
    identifier.map(KmsKeyId::parse).transpose().map_err(|error| error.to_string())
}

/// A dead-letter queue, or the shape that takes it away.
pub(super) fn dead_letter(queue: Option<&QueueArn>) -> DeadLetterConfig {
    DeadLetterConfig::builder().set_arn(queue.map(ToString::to_string)).build()
}

pub(super) fn days(days: u32) -> i32 {
    i32::try_from(days).unwrap_or(i32::MAX)
}

pub(super) fn archive(found: &DescribeArchiveOutput) -> Result<ArchiveFacts, String> {
    let failed = matches!(found.state(), Some(ArchiveState::CreateFailed | ArchiveState::UpdateFailed));
    let pattern = found.event_pattern().filter(|text| !text.is_empty());
    Ok(ArchiveFacts {
        name: ArchiveName::parse(found.archive_name().unwrap_or_default()).map_err(|error| error.to_string())?,
        arn: ArchiveArn::parse(found.archive_arn().unwrap_or_default()).map_err(|error| error.to_string())?,
        bus: found.event_source_arn().unwrap_or_default().to_owned(),
        description: found.description().unwrap_or_default().to_owned(),
        pattern: pattern.map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_else(|_| text.into())),
        retention_days: found.retention_days().and_then(|days| u32::try_from(days).ok()).unwrap_or_default(),
        kms_key: key(found.kms_key_identifier())?,
        failure: failed.then(|| found.state_reason().unwrap_or("no reason given").to_owned()),
    })
}

pub(super) fn target_from(target: &types::Target) -> Target {
    let dead_letter = target.dead_letter_config().and_then(DeadLetterConfig::arn);
    let parsed = dead_letter.and_then(|arn| QueueArn::parse(arn).ok());
    let positive = |number: i32| u32::try_from(number).ok();
    let retry = target.retry_policy();
    // What a target of ours has; whatever else it has, somebody else gave it.
    let plain = types::Target::builder()
        .id(target.id())
        .arn(target.arn())
        .set_dead_letter_config(target.dead_letter_config().cloned())
        .set_retry_policy(target.retry_policy().cloned())
        .set_sqs_parameters(target.sqs_parameters().cloned())
        .build();
    Target {
        id: target.id().to_owned(),
        arn: target.arn().to_owned(),
        foreign_settings: plain.ok().as_ref() != Some(target) || parsed.is_some() != dead_letter.is_some(),
        dead_letter: parsed,
        max_event_age_seconds: retry.and_then(RetryPolicy::maximum_event_age_in_seconds).and_then(positive),
        max_retries: retry.and_then(RetryPolicy::maximum_retry_attempts).and_then(positive),
        message_group_id: target.sqs_parameters().and_then(SqsParameters::message_group_id).map(str::to_owned),
    }
}

pub(super) fn target_to(target: &Target) -> Result<types::Target, String> {
    let Target { id, arn, dead_letter, max_event_age_seconds, max_retries, message_group_id, foreign_settings: _ } =
        target;
    let number = |number: Option<u32>| number.map(|number| i32::try_from(number).unwrap_or(i32::MAX));
    let retry = (max_event_age_seconds.is_some() || max_retries.is_some()).then(|| {
        RetryPolicy::builder()
            .set_maximum_event_age_in_seconds(number(*max_event_age_seconds))
            .set_maximum_retry_attempts(number(*max_retries))
            .build()
    });
    types::Target::builder()
        .id(id)
        .arn(arn)
        .set_retry_policy(retry)
        .set_dead_letter_config(
            dead_letter.as_ref().map(|arn| DeadLetterConfig::builder().arn(arn.to_string()).build()),
        )
        .set_sqs_parameters(
            message_group_id.as_ref().map(|group| SqsParameters::builder().message_group_id(group).build()),
        )
        .build()
        .map_err(|error| error.to_string())
}

/// An answer of 200 may hold entries that failed; most never succeed on a retry.
pub(super) fn failures<'a>(
    operation: &'static str,
    failed: impl Iterator<Item = (Option<&'a str>, Option<&'a str>, Option<&'a str>)>,
) -> Answer<()> {
    let mut class = ErrorClass::Invalid;
    let mut reasons = Vec::new();
    for (id, code, message) in failed {
        let code = code.unwrap_or("no code");
        if code.contains("Throttl") {
            class = ErrorClass::Throttled;
        } else if matches!(code, "ConcurrentModificationException" | "InternalFailure" | "InternalException") {
            class = ErrorClass::Retryable;
        }
        reasons.push(format!("{}: {code}: {}", id.unwrap_or("?"), message.unwrap_or_default()));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    Err(AwsError::new(class, CALLS.0, operation, reasons.join("; ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target() -> Target {
        Target {
            id: "one".to_owned(),
            arn: "arn:aws:sqs:eu-west-3:210987654321:gate.fifo".to_owned(),
            dead_letter: Some(QueueArn::parse("arn:aws:sqs:eu-west-3:210987654321:gate-undelivered").unwrap()),
            max_event_age_seconds: Some(240),
            max_retries: None,
            message_group_id: Some("all".to_owned()),
            foreign_settings: false,
        }
    }

    #[test]
    fn a_target_comes_back_as_it_was_put() {
        assert_eq!(target_from(&target_to(&target()).unwrap()), target());
    }

    #[test]
    fn a_transformer_that_somebody_added_is_seen() {
        let mut found = target_to(&target()).unwrap();
        found.input_path = Some("$.detail".to_owned());
        assert!(target_from(&found).foreign_settings);
    }

    #[test]
    fn entries_that_failed_are_an_error_although_the_answer_was_200() {
        let class = |code| failures("PutTargets", [(Some("one"), Some(code), None)].into_iter()).unwrap_err().class;
        assert_eq!(failures("PutTargets", std::iter::empty()), Ok(()));
        assert_eq!(class("ThrottlingException"), ErrorClass::Throttled);
        assert_eq!(class("ConcurrentModificationException"), ErrorClass::Retryable);
        assert_eq!(class("ResourceNotFoundException"), ErrorClass::Invalid);
    }

    #[test]
    fn a_bus_whose_settings_were_cleared_has_none() {
        let cleared =
            DescribeEventBusOutput::builder().kms_key_identifier("").dead_letter_config(dead_letter(None)).build();
        assert_eq!(settings(&cleared).unwrap(), BusSettings::default());
        let queue = QueueArn::parse("arn:aws:sqs:eu-west-3:210987654321:lost").unwrap();
        let set = DescribeEventBusOutput::builder()
            .kms_key_identifier("alias/ledger")
            .dead_letter_config(dead_letter(Some(&queue)))
            .build();
        let set = settings(&set).unwrap();
        assert_eq!((set.kms_key.unwrap().as_str(), set.dead_letter), ("alias/ledger", Some(queue)));
    }

    #[test]
    fn a_state_that_the_operator_never_sets_is_neither() {
        let found = types::Rule::builder()
            .name("departures")
            .arn("arn:aws:events:eu-west-3:210987654321:rule/acme/departures")
            .state(types::RuleState::EnabledWithAllCloudtrailManagementEvents)
            .build();
        let facts = rule(&found).unwrap();
        assert_eq!((facts.state, facts.pattern), (None, Value::Null));
    }
}
