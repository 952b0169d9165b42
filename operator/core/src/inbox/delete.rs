//! Deleting an inbox: cut off first, then counted, twice, then deleted.
//!
//! How far a deletion has come stands in tags on the queues, so it goes on after a crash or a restore.

use super::Action;
use super::apply::act;
use super::desired::{Part, queue_names};
use super::observed::{SeenQueue, delivering, read_queue, rules_in_policy};
use super::roles::{consumer_role_name, redrive_role_name, role_names};
use crate::alarm::{self, AlarmAction};
use crate::arn::{AlarmArn, RoleArn, RuleArn};
use crate::deletion::{DeletionBlocked, DeletionStep, Waiting};
use crate::error::AwsError;
use crate::installation::Installation;
use crate::names::{AlarmName, InboxQueueName, RoleName};
use crate::owner::Owner;
use crate::policy::queue::{Senders, queue_policy};
use crate::ports::{Aws, QueueChange};
use crate::role::{self, RoleAction};
use crate::tags::{self, CUT_OFF_AT, FOUND_EMPTY_AT, Tags};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The longest time between the two counts; SQS's counts are approximate.
const RECOUNT_AFTER: Duration = Duration::from_secs(10);

/// An inbox that should go. It names only what is needed to find it, so a bad spec never blocks a deletion.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// The installation.
    pub installation: Arc<Installation>,
    /// Whose it is.
    pub owner: Owner,
    /// The queue's name.
    pub queue_name: InboxQueueName,
    /// Whether it goes with what it holds.
    pub force: bool,
}

/// What there is yet. What is somebody else's is as if it were not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedDeletion {
    /// The queues.
    pub queues: BTreeMap<Part, SeenQueue>,
    /// The roles.
    pub roles: BTreeSet<RoleName>,
    /// The alarms.
    pub alarms: BTreeMap<AlarmName, AlarmArn>,
    /// Rules of this cluster that still deliver here.
    pub delivering: BTreeSet<RuleArn>,
}

/// Reads what there is yet.
pub async fn observe_deletion(aws: &Aws, deletion: &Deletion) -> Result<ObservedDeletion, AwsError> {
    let Deletion { installation, owner, queue_name, .. } = deletion;
    let mut seen = ObservedDeletion::default();
    for (part, name) in queue_names(queue_name) {
        if let Some(queue) = read_queue(aws, &name).await?
            && tags::check_owner(installation, owner, &queue.tags, "SQS", "queue").is_ok()
        {
            seen.queues.insert(part, queue);
        }
    }
    for role in role_names(installation, owner) {
        if role::observe_own(aws, installation, owner, &role).await?.is_some() {
            seen.roles.insert(role);
        }
    }
    seen.alarms = alarm::observe_own(aws, installation, owner).await?;
    if let Some(inbox) = seen.queues.get(&Part::Inbox) {
        seen.delivering = delivering(aws, installation, &inbox.facts.arn, rules_in_policy(inbox)).await?;
    }
    Ok(seen)
}

/// The next step: the rules' targets go (their objects do that), then the policies' rules, then it is counted
/// after the settle time and once more, then the alarms, the roles and the queues go, the inbox first.
pub fn plan_deletion(deletion: &Deletion, seen: &ObservedDeletion, now: Timestamp) -> DeletionStep<Action> {
    let ObservedDeletion { queues, roles, alarms, delivering } = seen;
    if queues.is_empty() && roles.is_empty() && alarms.is_empty() {
        return DeletionStep::Gone;
    }
    if !deletion.force && !queues.is_empty() {
        if !delivering.is_empty() {
            return DeletionStep::Wait(Waiting::Targets { rules: delivering.iter().cloned().collect() });
        }
        if let Some(step) = before_deleting(deletion, queues, now) {
            return step;
        }
    }
    let mut actions = Vec::new();
    if !alarms.is_empty() {
        actions.push(Action::Alarm(AlarmAction::Delete(alarms.keys().cloned().collect())));
    }
    actions.extend(roles.iter().map(|name| Action::Role(RoleAction::Delete(name.clone()))));
    // The inbox is the last of the parts and the first to go: its redrive policy names the others.
    actions.extend(queues.iter().rev().map(|(part, queue)| Action::DeleteQueue(*part, queue.url.clone())));
    DeletionStep::Act(actions)
}

fn before_deleting(
    deletion: &Deletion,
    queues: &BTreeMap<Part, SeenQueue>,
    now: Timestamp,
) -> Option<DeletionStep<Action>> {
    let cut_off = cut_off(deletion, queues, now);
    if !cut_off.is_empty() {
        return Some(DeletionStep::Act(cut_off));
    }
    let settle = deletion.installation.settle;
    if let Some(remaining) = remaining(queues, CUT_OFF_AT, settle, now) {
        return Some(DeletionStep::Wait(Waiting::Settle { remaining }));
    }
    let holding: Vec<_> = queues
        .values()
        .filter(|queue| queue.facts.counts.total() > 0)
        .filter_map(|queue| Some((queue.facts.arn.name()?, queue.facts.counts)))
        .collect();
    if !holding.is_empty() {
        let actions = untag_found_empty(queues);
        return Some(if actions.is_empty() {
            DeletionStep::Blocked(DeletionBlocked::Messages { queues: holding })
        } else {
            DeletionStep::Act(actions)
        });
    }
    let uncounted: Vec<Action> = queues
        .iter()
        .filter(|(_, queue)| !queue.tags.contains_key(FOUND_EMPTY_AT))
        .map(|(part, queue)| Action::Tag(*part, queue.url.clone(), mark(FOUND_EMPTY_AT, now)))
        .collect();
    if !uncounted.is_empty() {
        return Some(DeletionStep::Act(uncounted));
    }
    remaining(queues, FOUND_EMPTY_AT, RECOUNT_AFTER.min(settle), now)
        .map(|remaining| DeletionStep::Wait(Waiting::Settle { remaining }))
}

/// Takes the rules out of the policies, and notes when.
fn cut_off(deletion: &Deletion, queues: &BTreeMap<Part, SeenQueue>, now: Timestamp) -> Vec<Action> {
    let Deletion { installation, owner, .. } = deletion;
    let arn = |role: RoleName| installation.role_arn(owner, &role);
    let consumers = arn(consumer_role_name(installation, owner));
    let redrivers = arn(redrive_role_name(installation, owner));
    let mut actions = Vec::new();
    for (part, queue) in queues {
        // Consumers go on emptying the inbox, and may still reject; dead letters are still brought back to it.
        let roles: BTreeSet<RoleArn> = match part {
            Part::Inbox => BTreeSet::from([redrivers.clone()]),
            Part::DeadLetter => BTreeSet::from([consumers.clone(), redrivers.clone()]),
            Part::Undelivered => BTreeSet::new(),
        };
        let senders = Senders { rules: &BTreeSet::new(), roles: &roles, sealed: true };
        let policy = queue_policy(&queue.facts.arn, senders);
        let differs = queue.facts.attributes.policy != policy;
        if differs {
            let change = QueueChange { policy: Some(policy), ..QueueChange::default() };
            actions.push(Action::Change(*part, queue.url.clone(), Box::new(change)));
        }
        if differs || !queue.tags.contains_key(CUT_OFF_AT) {
            actions.push(Action::Tag(*part, queue.url.clone(), mark(CUT_OFF_AT, now)));
        }
    }
    actions
}

fn untag_found_empty(queues: &BTreeMap<Part, SeenQueue>) -> Vec<Action> {
    queues
        .iter()
        .filter(|(_, queue)| queue.tags.contains_key(FOUND_EMPTY_AT))
        .map(|(part, queue)| Action::Untag(*part, queue.url.clone(), BTreeSet::from([FOUND_EMPTY_AT.to_owned()])))
        .collect()
}

fn mark(key: &str, now: Timestamp) -> Tags {
    Tags::from([(key.to_owned(), now.as_millisecond().to_string())])
}

/// How long it is until `after` has passed since the latest mark; a mark that cannot be read was made just now.
fn remaining(queues: &BTreeMap<Part, SeenQueue>, key: &str, after: Duration, now: Timestamp) -> Option<Duration> {
    let now = now.as_millisecond();
    let since =
        queues.values().filter_map(|queue| queue.tags.get(key)).map(|text| text.parse::<i64>().unwrap_or(now)).max()?;
    let passed = Duration::from_millis(u64::try_from(now - since).unwrap_or(0));
    after.checked_sub(passed).filter(|left| !left.is_zero())
}

/// The next step of giving up an inbox that stays in AWS (`deletionPolicy: Retain`): what is ours becomes nobody's.
pub fn plan_release(deletion: &Deletion, seen: &ObservedDeletion) -> DeletionStep<Action> {
    let ObservedDeletion { queues, roles, alarms, delivering: _ } = seen;
    let owner = &deletion.owner;
    let mut actions: Vec<Action> = roles.iter().flat_map(|name| role::release(name, owner)).map(Action::Role).collect();
    actions.extend(alarms.values().flat_map(|arn| alarm::release(arn, owner)).map(Action::Alarm));
    for (part, queue) in queues {
        actions.extend(tags::release(owner).map(|change| Action::of_tags(*part, &queue.url, change)));
    }
    if actions.is_empty() { DeletionStep::Gone } else { DeletionStep::Act(actions) }
}

/// Does a step's actions.
pub async fn apply_deletion(aws: &Aws, deletion: &Deletion, actions: &[Action]) -> Result<(), AwsError> {
    for action in actions {
        act(aws, &deletion.installation, &deletion.owner, action).await?;
    }
    Ok(())
}
