//! What to do about an inbox.

use super::desired::{Desired, Part};
use super::observed::rules_in_policy;
use super::room::policies_fit;
use super::{Observed, SeenQueue, alarms};
use crate::alarm::AlarmAction;
use crate::arn::{KeyArn, RuleArn};
use crate::ports::{NewQueue, QueueChange, QueueUrl};
use crate::role::{self, RoleAction};
use crate::tags::{self, ALARMED, TagChange, Tags};
use std::collections::{BTreeMap, BTreeSet};

/// Something to do about an inbox.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make a queue.
    CreateQueue(Part, Box<NewQueue>),
    /// Change a queue's attributes.
    Change(Part, QueueUrl, Box<QueueChange>),
    /// Add tags to a queue.
    Tag(Part, QueueUrl, Tags),
    /// Take marks of ours away from a queue.
    Untag(Part, QueueUrl, BTreeSet<String>),
    /// Delete a queue and what it holds.
    DeleteQueue(Part, QueueUrl),
    /// Something about one of the roles.
    Role(RoleAction),
    /// Something about the alarms.
    Alarm(AlarmAction),
}

impl Action {
    /// A change of tags.
    pub(super) fn of_tags(part: Part, url: &QueueUrl, change: TagChange) -> Self {
        match change {
            TagChange::Put(tags) => Self::Tag(part, url.clone(), tags),
            TagChange::Take(keys) => Self::Untag(part, url.clone(), keys),
        }
    }

    /// What it does, in a reader's words.
    pub fn describe(&self) -> String {
        match self {
            Self::CreateQueue(_, queue) => format!("create queue {}", queue.name),
            Self::Change(_, url, change) => format!("set {} of {url}", change.fields().join(", ")),
            Self::Tag(_, url, _) => format!("tag {url}"),
            Self::Untag(_, url, _) => format!("untag {url}"),
            Self::DeleteQueue(_, url) => format!("delete queue {url}"),
            Self::Role(action) => action.describe(),
            Self::Alarm(action) => action.describe(),
        }
    }

    /// Whether it changes who may send, so that the settle time begins anew.
    pub fn changes_senders(&self) -> bool {
        match self {
            Self::CreateQueue(..) => true,
            Self::Change(_, _, change) => change.policy.is_some(),
            _ => false,
        }
    }
}

/// What to do, in order: dead-letter queues, then the inbox; the roles; the alarms.
pub fn plan(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let queues = plan_queues(desired, observed);
    let keys: BTreeSet<KeyArn> = observed.key_arn().into_iter().chain(observed.keys_of_roles()).collect();
    let roles = plan_roles(desired, observed, &keys);
    // Whoever works on queues that stand may use a new key from its first message on; roles of queues that are not
    // yet known to be ours come after them.
    let mut actions = if observed.queues.is_empty() { [queues, roles] } else { [roles, queues] }.concat();
    actions.extend(alarms::plan(desired, observed).into_iter().map(Action::Alarm));
    let inbox = observed.queues.get(&Part::Inbox).filter(|_| desired.alarms.is_none() && alarms::is_marked(observed));
    if let Some(inbox) = inbox {
        actions.push(Action::Untag(Part::Inbox, inbox.url.clone(), BTreeSet::from([ALARMED.to_owned()])));
    }
    actions
}

fn plan_queues(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut shortened = Vec::new();
    for (part, wanted) in queues(desired, observed) {
        let Some(seen) = observed.queues.get(&part) else {
            actions.push(Action::CreateQueue(part, Box::new(wanted)));
            continue;
        };
        // A dead letter never expires before its queue would let it: longer first, shorter last.
        let shorter = wanted.attributes.retention_seconds < seen.facts.attributes.retention_seconds;
        let of_queue = plan_queue(part, &wanted, seen);
        if shorter && part != Part::Inbox { shortened.extend(of_queue) } else { actions.extend(of_queue) }
    }
    actions.extend(shortened);
    actions
}

fn plan_roles(desired: &Desired, observed: &Observed, keys: &BTreeSet<KeyArn>) -> Vec<Action> {
    let mut actions = Vec::new();
    let roles = desired.roles(keys);
    for (name, role) in &roles {
        actions.extend(role::plan(role, observed.roles.get(name)).into_iter().map(Action::Role));
    }
    for name in observed.roles.keys().filter(|name| !roles.contains_key(*name)) {
        actions.push(Action::Role(RoleAction::Delete(name.clone())));
    }
    actions
}

/// Takes the use of former keys away from the roles: what was sent before a change of encryption stays encrypted as
/// it was, so that comes only when all queues are found empty, and in a later pass than the change, which takes its
/// time to act. Empty where there is nothing to take, or it is too early.
pub fn retire_keys(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let settled = plan(desired, observed).is_empty();
    let holding = observed.queues.values().any(|queue| queue.facts.counts.total() > 0);
    if !settled || holding || observed.queues.is_empty() {
        return Vec::new();
    }
    plan_roles(desired, observed, &observed.key_arn().into_iter().collect())
}

/// The rules that the policies let in now; `None` while the policies have to stay as they are. Both differ from what
/// is desired only while rules linger that leave too little room: what delivers stays, what is new waits for that.
pub(super) fn admitted(desired: &Desired, observed: &Observed) -> Option<BTreeSet<RuleArn>> {
    let standing = observed.queues.get(&Part::Inbox).map(rules_in_policy).unwrap_or_default();
    let candidates =
        [desired.allowed_rule_arns.clone(), desired.allowed_rule_arns.intersection(&standing).cloned().collect()];
    candidates.into_iter().find(|rules| {
        let desired = Desired { allowed_rule_arns: rules.clone(), ..desired.clone() };
        policies_fit(&desired.queues(&observed.lingering))
    })
}

/// The queues as they should be after this pass, which leaves alone what must not be changed yet.
fn queues(desired: &Desired, observed: &Observed) -> BTreeMap<Part, NewQueue> {
    let rules = admitted(desired, observed);
    let allowed_rule_arns = rules.clone().unwrap_or_default();
    let mut queues = Desired { allowed_rule_arns, ..desired.clone() }.queues(&observed.lingering);
    for (part, queue) in &mut queues {
        let Some(seen) = observed.queues.get(part) else { continue };
        if rules.is_none() {
            queue.attributes.policy.clone_from(&seen.facts.attributes.policy);
        }
        if observed.expiring.contains_key(part) {
            queue.attributes.retention_seconds = seen.facts.attributes.retention_seconds;
        }
    }
    if observed.expiring.contains_key(&Part::Inbox) {
        keep_dead_letters_longer(observed, &mut queues);
    }
    queues
}

/// While the inbox's retention stays long, its dead letters' does too.
fn keep_dead_letters_longer(observed: &Observed, queues: &mut BTreeMap<Part, NewQueue>) {
    let Some(inbox) = queues.get(&Part::Inbox).map(|queue| queue.attributes.retention_seconds) else { return };
    for (part, queue) in queues.iter_mut().filter(|(part, _)| **part != Part::Inbox) {
        let wanted = &mut queue.attributes.retention_seconds;
        if let Some(seen) = observed.queues.get(part).filter(|_| *wanted <= inbox) {
            *wanted = seen.facts.attributes.retention_seconds.max(*wanted);
        }
    }
}

fn plan_queue(part: Part, wanted: &NewQueue, seen: &SeenQueue) -> Vec<Action> {
    let SeenQueue { url, facts, tags } = seen;
    let mut actions = Vec::new();
    // Marked first: what is adopted is ours before it is changed.
    actions.extend(tags::changes(&wanted.tags, tags).into_iter().map(|change| Action::of_tags(part, url, change)));
    if let Some(change) = QueueChange::between(&wanted.attributes, &facts.attributes) {
        actions.push(Action::Change(part, url.clone(), Box::new(change)));
    }
    actions
}
