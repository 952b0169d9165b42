//! What the status says of a rule: only what was applied, and what is waited for.

use crds::{
    EventRule, EventRuleStatus,
    conditions::{self, WITHIN_SKEW, reason},
};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use operator_core::{
    arn::QueueArn,
    rule::{Applied, Desired, Observed},
};

use super::{dereference::Referenced, target::later_than_skew, validate::Validated};
use crate::runner::{Progress, Wait};

/// The status, but for its conditions.
pub(super) fn status(desired: &Desired, observed: &Observed, applied: &Applied) -> EventRuleStatus {
    // A target that is not ready is left where it stands already.
    let stands = |queue: &QueueArn| {
        let queue = queue.to_string();
        observed.parts.values().any(|part| part.targets.iter().any(|target| target.arn == queue))
    };
    let queues: Vec<String> = desired
        .targets
        .iter()
        .filter(|target| target.ready || stands(&target.queue))
        .map(|target| target.queue.to_string())
        .collect();
    EventRuleStatus {
        rule_arns: applied.rule_arns.iter().map(ToString::to_string).collect(),
        parts: i32::try_from(applied.rule_arns.len()).ok(),
        targets: i32::try_from(queues.len()).ok(),
        target_queue_arns: queues,
        ..EventRuleStatus::default()
    }
}

/// What is unwise of targets that work: a condition that is there only while there is something to say.
pub(super) fn within_skew(object: &EventRule, referenced: &Referenced, now: Timestamp) -> Option<Condition> {
    let late: Vec<String> = referenced
        .targets
        .iter()
        .filter_map(|(number, target, inbox)| {
            let problem = later_than_skew(target, inbox.as_ref()?)?;
            Some(format!("spec.targets[{number}].retryPolicy: {problem}"))
        })
        .collect();
    let generation = object.metadata.generation;
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or_default());
    (!late.is_empty())
        .then(|| conditions::condition(WITHIN_SKEW, false, reason::LATER_THAN_SKEW, &late.join("; "), generation, now))
}

/// The status of a rule that is only looked at: what is there.
pub(super) fn seen(observed: &Observed) -> EventRuleStatus {
    let targets = observed.parts.values().flat_map(|part| &part.targets);
    let queues: Vec<String> = targets.map(|target| target.arn.clone()).collect();
    EventRuleStatus {
        rule_arns: observed.parts.values().map(|part| part.facts.arn.to_string()).collect(),
        parts: i32::try_from(observed.parts.len()).ok(),
        targets: i32::try_from(queues.len()).ok(),
        target_queue_arns: queues,
        ..EventRuleStatus::default()
    }
}

/// Whether all is in effect, and if not, what is waited for.
pub(super) fn progress(referenced: &Referenced, validated: &Validated, applied: &Applied) -> Progress {
    if let Some(missing) = &referenced.missing {
        let again = validated.unsettled.as_ref().and_then(|unsettled| unsettled.remaining);
        return Progress::Waiting(Wait { again, ..missing.clone() });
    }
    match (&validated.unsettled, applied.waiting_for.is_empty()) {
        (Some(unsettled), false) => {
            let inbox = &unsettled.inbox;
            let message = match unsettled.remaining {
                Some(_) => format!("InboxQueue {inbox} lets the rule in; its policy takes a while to act"),
                None => format!("InboxQueue {inbox} has yet to let the rule in"),
            };
            let condition = crds::conditions::READY;
            Progress::Waiting(Wait { condition, reason: reason::SETTLING, message, again: unsettled.remaining })
        }
        _ => Progress::Ready,
    }
}
