//! What the status says of an inbox: only what was applied, and since when each rule is let in.

use std::time::Duration;

use crds::{InboxQueue, InboxQueueStatus, conditions, inbox_queue::AllowedRule};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use operator_core::{
    arn::{RoleArn, RuleArn},
    inbox::{Applied, AppliedQueue, Desired, Observed, Part, Room},
    policy::queue::allowed_rules,
};

use super::dereference::Feeding;

/// The status, but for its conditions.
pub(super) fn status(
    object: &InboxQueue,
    (feeding, room): (&Feeding, &Room),
    observed: &Observed,
    applied: Applied,
    settle: Duration,
    now: Timestamp,
) -> InboxQueueStatus {
    let Applied {
        inbox: AppliedQueue { url: queue_url, arn: queue_arn },
        dead_letter: AppliedQueue { url: dead_letter_queue_url, arn: dead_letter_queue_arn },
        undelivered: AppliedQueue { url: undelivered_queue_url, arn: undelivered_queue_arn },
        role_arn,
        redrive_role_arn,
        allowed_rule_arns,
        lingering: _,
        senders_changed: _,
    } = applied;
    let settled_at = settled_at(now, settle);
    let allowed_rules = allowed_rule_arns
        .iter()
        .map(|arn| AllowedRule {
            rule_arn: arn.to_string(),
            policy_settled_at: known(object, observed, arn).unwrap_or_else(|| settled_at.clone()),
        })
        .collect();
    InboxQueueStatus {
        queue_url: Some(queue_url.to_string()),
        queue_arn: Some(queue_arn.to_string()),
        dead_letter_queue_url: Some(dead_letter_queue_url.to_string()),
        dead_letter_queue_arn: Some(dead_letter_queue_arn.to_string()),
        undelivered_queue_url: Some(undelivered_queue_url.to_string()),
        undelivered_queue_arn: Some(undelivered_queue_arn.to_string()),
        role_arn: role_arn.map(|arn| arn.to_string()),
        redrive_role_arn: Some(redrive_role_arn.to_string()),
        buses: feeding.buses.iter().cloned().collect(),
        allowed_rules,
        rules_without_room: room.without_room.iter().map(ToString::to_string).collect(),
        conditions: policy_full(object, room, now).into_iter().collect(),
        ..InboxQueueStatus::default()
    }
}

/// The status of an inbox that is only looked at: what is there, and which of its rules the policy lets in.
pub(super) fn seen(
    object: &InboxQueue,
    (feeding, room): (&Feeding, &Room),
    observed: &Observed,
    desired: &Desired,
    settle: Duration,
    now: Timestamp,
) -> InboxQueueStatus {
    let (inbox, dead_letter) = (observed.queues.get(&Part::Inbox), observed.queues.get(&Part::DeadLetter));
    let undelivered = observed.queues.get(&Part::Undelivered).or(dead_letter);
    let stands = |arn: &RoleArn| observed.roles.values().any(|role| role.facts.arn == *arn);
    let settled_at = settled_at(now, settle);
    let policy = inbox.and_then(|queue| queue.facts.attributes.policy.as_ref());
    let let_in = policy.map(allowed_rules).unwrap_or_default();
    InboxQueueStatus {
        queue_url: inbox.map(|queue| queue.url.to_string()),
        queue_arn: inbox.map(|queue| queue.facts.arn.to_string()),
        dead_letter_queue_url: dead_letter.map(|queue| queue.url.to_string()),
        dead_letter_queue_arn: dead_letter.map(|queue| queue.facts.arn.to_string()),
        undelivered_queue_url: undelivered.map(|queue| queue.url.to_string()),
        undelivered_queue_arn: undelivered.map(|queue| queue.facts.arn.to_string()),
        role_arn: desired.role_arn().filter(stands).map(|arn| arn.to_string()),
        redrive_role_arn: Some(desired.redrive_role_arn()).filter(stands).map(|arn| arn.to_string()),
        rules_without_room: room.without_room.iter().map(ToString::to_string).collect(),
        conditions: policy_full(object, room, now).into_iter().collect(),
        buses: feeding.buses.iter().cloned().collect(),
        allowed_rules: let_in
            .intersection(&desired.allowed_rule_arns)
            .map(|arn| AllowedRule {
                rule_arn: arn.to_string(),
                policy_settled_at: known(object, observed, arn).unwrap_or_else(|| settled_at.clone()),
            })
            .collect(),
        ..InboxQueueStatus::default()
    }
}

/// Says that there are more rules than the policies can name, and which have to stay out.
fn policy_full(object: &InboxQueue, room: &Room, now: Timestamp) -> Option<Condition> {
    let Room { admitted, without_room } = room;
    if without_room.is_empty() {
        return None;
    }
    let others: Vec<String> = without_room.iter().map(ToString::to_string).collect();
    let message = format!(
        "the policies of the queues, which SQS lets have 8,192 bytes, name {} rules (about 70, about 35 while sealed) and \
         have no room for the youngest: {}; let fewer rules target this inbox, or join some of them to one",
        admitted.len(),
        others.join(", ")
    );
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let generation = object.metadata.generation;
    Some(conditions::condition(conditions::POLICY_FULL, true, conditions::reason::NO_ROOM, &message, generation, now))
}

/// Since when a rule is let in, where the policies of all queues had it before this pass. A rule that the status does
/// not know counts from now: that costs its target the settle time once, and no event.
fn known(object: &InboxQueue, observed: &Observed, arn: &RuleArn) -> Option<Time> {
    let had = !observed.queues.is_empty()
        && observed.queues.values().all(|queue| {
            queue.facts.attributes.policy.as_ref().is_some_and(|policy| allowed_rules(policy).contains(arn))
        });
    let said = arn.to_string();
    let before = object.status.as_ref()?.allowed_rules.iter().find(|rule| rule.rule_arn == said)?;
    had.then(|| before.policy_settled_at.clone())
}

/// When a change of now has come into effect, in whole seconds, never too early.
fn settled_at(now: Timestamp, settle: Duration) -> Time {
    let seconds = i64::try_from(settle.as_secs()).unwrap_or(i64::MAX);
    let rounded_up = i64::from(seconds > 0);
    let at = now.as_second().saturating_add(seconds).saturating_add(rounded_up);
    Time(Timestamp::from_second(at).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::controllers::tests::{at, object};

    #[test]
    fn a_change_settles_never_too_early_and_at_once_where_nothing_takes_time() {
        let now = Timestamp::from_millisecond(100_900).unwrap();
        assert_eq!(settled_at(now, Duration::from_mins(1)), at(161));
        assert_eq!(settled_at(now, Duration::ZERO), at(100));
    }

    #[test]
    fn what_the_status_remembers_counts_only_while_the_policies_have_it() {
        let arn = RuleArn::parse("arn:aws:events:eu-central-1:000000000000:rule/ferry/coins").unwrap();
        let mut inbox: InboxQueue = object("InboxQueue", "books", "ledger", &json!({"queueName": "ledger"}));
        let remembered = json!({"allowedRules": [{"ruleArn": arn.to_string(), "policySettledAt": at(50)}]});
        inbox.status = Some(serde_json::from_value(remembered).unwrap());
        assert_eq!(known(&inbox, &Observed::default(), &arn), None);
    }
}
