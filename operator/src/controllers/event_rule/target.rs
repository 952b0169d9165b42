//! One target of a rule, from the spec to what `operator-core` takes. Pure.

use crds::{
    InboxQueue,
    event_rule::{RetryPolicy, Target},
};
use operator_core::{Installation, arn::QueueArn, names::MessageGroup, parse::ParseError, rule::RuleTarget};

use crate::{
    controllers::world::{full_name, queue_name},
    runner::Terminal,
};

/// AWS's bounds of an event's age, in seconds.
const AGE: std::ops::RangeInclusive<i32> = 60..=86_400;

/// What an inbox's skew leaves for delivery: an event that comes later than the skew is refused by its consumer.
const SKEW_MARGIN: i32 = 60;

/// A target that is an inbox's queue.
pub(super) fn of_inbox(
    installation: &Installation,
    number: usize,
    target: &Target,
    inbox: &InboxQueue,
    ready: bool,
) -> Result<RuleTarget, Terminal> {
    let Target { inbox_ref: _, queue_arn: _, dead_letter_arn: _, retry_policy, message_group_id } = target;
    let queue = queue_name(inbox)
        .map_err(|error| wrong(number, "inboxRef", format!("InboxQueue {}: {error}", full_name(inbox))))?;
    let group = group(number, message_group_id.as_deref())?;
    group_fits(target, inbox).map_err(|problem| wrong(number, "messageGroupId", problem))?;
    let (age, retries) = retry(retry_policy.as_ref());
    let within_skew = inbox.spec.verification.skew_seconds - SKEW_MARGIN;
    let age = age.unwrap_or(within_skew).clamp(*AGE.start(), *AGE.end());
    Ok(RuleTarget {
        queue: installation.queue_arn(&queue.queue()),
        dead_letter: Some(installation.queue_arn(&queue.undelivered().unwrap_or_else(|| queue.dead_letter()))),
        max_event_age_seconds: u32::try_from(age).ok(),
        max_retries: retries,
        message_group_id: group,
        ready,
    })
}

/// A target that the user names by ARN. Who lets the rule in there is not ours to see, so it is ready.
pub(super) fn by_arn(installation: &Installation, number: usize, target: &Target) -> Result<RuleTarget, Terminal> {
    let Target { inbox_ref: _, queue_arn, dead_letter_arn, retry_policy, message_group_id } = target;
    let here = |field: &str, arn: Option<&String>| {
        let arn =
            arn.ok_or_else(|| wrong(number, field, "is missing: give inboxRef, or queueArn and deadLetterArn"))?;
        let parsed = QueueArn::parse(arn).map_err(|error| wrong(number, field, error))?;
        installation.check_reach(&parsed).map_err(|error| wrong(number, field, error))?;
        Ok::<_, Terminal>(parsed)
    };
    let queue = here("queueArn", queue_arn.as_ref())?;
    let dead_letter = here("deadLetterArn", dead_letter_arn.as_ref())?;
    if dead_letter.is_fifo() {
        let problem = "names a FIFO queue, and EventBridge takes a standard one for what it cannot deliver";
        return Err(wrong(number, "deadLetterArn", problem));
    }
    let group = group(number, message_group_id.as_deref())?;
    if group.is_some() != queue.is_fifo() {
        let problem = "goes with a FIFO queue: give one where queueArn ends in '.fifo', and none where not";
        return Err(wrong(number, "messageGroupId", problem));
    }
    let (age, retries) = retry(retry_policy.as_ref());
    Ok(RuleTarget {
        queue,
        dead_letter: Some(dead_letter),
        max_event_age_seconds: age.and_then(|age| u32::try_from(age).ok()),
        max_retries: retries,
        message_group_id: group,
        ready: true,
    })
}

/// Whether the target has a message group exactly where its inbox is FIFO; else what would be right.
pub(crate) fn group_fits(target: &Target, inbox: &InboxQueue) -> Result<(), String> {
    // A name that is not one is said on the inbox.
    let Ok(queue) = queue_name(inbox) else { return Ok(()) };
    let name = full_name(inbox);
    match (&target.message_group_id, queue.is_fifo()) {
        (None, true) => {
            Err(format!("InboxQueue {name} is FIFO: name the group that all of this target's events are in"))
        }
        (Some(_), false) => Err(format!("InboxQueue {name} is not FIFO and has no groups: leave it out")),
        (None, false) | (Some(_), true) => Ok(()),
    }
}

/// What is unwise of a target that works: an event may come later than its consumer takes it.
pub(crate) fn later_than_skew(target: &Target, inbox: &InboxQueue) -> Option<String> {
    let age = target.retry_policy.as_ref()?.maximum_event_age_seconds?;
    let skew = inbox.spec.verification.skew_seconds;
    (age > skew).then(|| {
        format!(
            "maximumEventAgeSeconds of {age} for InboxQueue {} is longer than its verification.skewSeconds of {skew}: \
             what EventBridge delivers after that is refused there and dead-lettered; at most {} is within it",
            full_name(inbox),
            (skew - SKEW_MARGIN).max(*AGE.start())
        )
    })
}

fn retry(policy: Option<&RetryPolicy>) -> (Option<i32>, Option<u32>) {
    let Some(RetryPolicy { maximum_event_age_seconds, maximum_retry_attempts }) = policy else { return (None, None) };
    (*maximum_event_age_seconds, maximum_retry_attempts.and_then(|attempts| u32::try_from(attempts).ok()))
}

fn group(number: usize, text: Option<&str>) -> Result<Option<MessageGroup>, Terminal> {
    let parsed: Result<Option<MessageGroup>, ParseError> = text.map(MessageGroup::parse).transpose();
    parsed.map_err(|error| wrong(number, "messageGroupId", error))
}

fn wrong(number: usize, field: &str, problem: impl std::fmt::Display) -> Terminal {
    Terminal::spec(&format!("targets[{number}].{field}"), problem)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::tests::{object, place};

    const HERE: &str = "arn:aws:sqs:eu-central-1:000000000000:outside";

    fn target(text: &Value) -> Target {
        serde_json::from_value(text.clone()).unwrap()
    }

    fn named(text: &Value) -> Result<RuleTarget, String> {
        by_arn(&place(), 3, &target(text)).map_err(|terminal| terminal.message)
    }

    fn inbox(spec: &Value) -> InboxQueue {
        object("InboxQueue", "books", "ledger", spec)
    }

    #[test]
    fn a_queue_by_arn_is_taken_as_it_is_named() {
        let retry = json!({"maximumEventAgeSeconds": 90, "maximumRetryAttempts": 0});
        let taken = named(&json!({"queueArn": HERE, "deadLetterArn": format!("{HERE}-dlq"), "retryPolicy": retry}));
        let taken = taken.unwrap();
        assert_eq!(taken.queue.to_string(), HERE);
        assert_eq!(taken.dead_letter.unwrap().to_string(), format!("{HERE}-dlq"));
        assert_eq!((taken.max_event_age_seconds, taken.max_retries, taken.ready), (Some(90), Some(0), true));
        let fifo =
            named(&json!({"queueArn": format!("{HERE}.fifo"), "deadLetterArn": HERE, "messageGroupId": "coins"}));
        let fifo = fifo.unwrap();
        assert_eq!(fifo.message_group_id.unwrap().as_str(), "coins");
        assert_eq!(fifo.max_event_age_seconds, None, "nobody's skew is known: AWS's default");
    }

    #[test]
    fn a_queue_that_a_rule_cannot_deliver_to_is_refused_with_the_field_and_the_reason() {
        let elsewhere = HERE.replace("eu-central-1", "eu-west-1");
        let anothers = HERE.replace("000000000000", "123456789012");
        for (text, parts) in [
            (
                json!({"queueArn": elsewhere, "deadLetterArn": HERE}),
                ["[3].queueArn", "in Region eu-west-1", "its own, eu-central-1"],
            ),
            (
                json!({"queueArn": anothers, "deadLetterArn": HERE}),
                ["[3].queueArn", "account 123456789012", "serves 000000000000"],
            ),
            (
                json!({"queueArn": HERE, "deadLetterArn": anothers}),
                ["[3].deadLetterArn", "account 123456789012", "a queue of it"],
            ),
            (json!({"queueArn": HERE}), ["[3].deadLetterArn", "is missing", "give inboxRef"]),
            (json!({"queueArn": "outside", "deadLetterArn": HERE}), ["[3].queueArn", "outside", "not an ARN of sqs"]),
            (
                json!({"queueArn": HERE, "deadLetterArn": format!("{HERE}.fifo")}),
                ["[3].deadLetterArn", "names a FIFO queue", "a standard one"],
            ),
            (
                json!({"queueArn": format!("{HERE}.fifo"), "deadLetterArn": HERE}),
                ["[3].messageGroupId", "goes with a FIFO queue", "give one"],
            ),
            (
                json!({"queueArn": HERE, "deadLetterArn": HERE, "messageGroupId": "x"}),
                ["[3].messageGroupId", "goes with a FIFO queue", "none where not"],
            ),
        ] {
            let said = named(&text).unwrap_err();
            assert!(parts.iter().all(|part| said.contains(part)), "{said}: expected {parts:?}");
        }
    }

    #[test]
    fn a_message_group_goes_with_a_fifo_inbox_and_with_no_other() {
        let (plain, fifo) =
            (inbox(&json!({"queueName": "ledger"})), inbox(&json!({"queueName": "ledger", "fifo": true})));
        let put = |inbox: &InboxQueue, group: Option<&str>| {
            let target = target(&json!({"inboxRef": {"name": "ledger"}, "messageGroupId": group}));
            of_inbox(&place(), 0, &target, inbox, true).map_err(|terminal| terminal.message)
        };
        let said = put(&fifo, None).unwrap_err();
        assert!(said.contains("targets[0].messageGroupId: InboxQueue books/ledger is FIFO: name the group"), "{said}");
        let said = put(&plain, Some("x")).unwrap_err();
        assert!(said.contains("is not FIFO and has no groups: leave it out"), "{said}");
        assert!(put(&fifo, Some("ä")).unwrap_err().contains("printable ASCII"));
        let (standard, grouped) = (put(&plain, None).unwrap(), put(&fifo, Some("x")).unwrap());
        let dead_letter = |target: &RuleTarget| target.dead_letter.as_ref().map(ToString::to_string).unwrap();
        assert!(dead_letter(&standard).ends_with(":ledger-dlq"));
        assert!(dead_letter(&grouped).ends_with(":ledger-undelivered"));
        assert!(grouped.queue.is_fifo());
    }

    #[test]
    fn an_event_may_be_as_old_as_the_skew_less_a_minute_unless_the_rule_says_otherwise() {
        let aged = |skew: u32, age: Option<u32>| {
            let inbox = inbox(&json!({"queueName": "ledger", "verification": {"skewSeconds": skew}}));
            let target =
                target(&json!({"inboxRef": {"name": "ledger"}, "retryPolicy": {"maximumEventAgeSeconds": age}}));
            let put = of_inbox(&place(), 0, &target, &inbox, true).unwrap();
            (put.max_event_age_seconds, later_than_skew(&target, &inbox).is_some())
        };
        assert_eq!(aged(300, None), (Some(240), false));
        assert_eq!(aged(120, None), (Some(60), false));
        assert_eq!(aged(86_400, None), (Some(86_340), false));
        assert_eq!(aged(300, Some(300)), (Some(300), false));
        assert_eq!(aged(300, Some(301)), (Some(301), true));
    }
}
