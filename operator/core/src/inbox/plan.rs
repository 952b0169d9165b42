//! What to do about an inbox.

use super::desired::{Desired, Part, consumer_role_name};
use super::{Observed, SeenQueue};
use crate::ports::{NewQueue, QueueChange, QueueUrl};
use crate::role::{self, RoleAction};
use crate::tags::{self, TagChange, Tags};
use std::collections::BTreeSet;

/// Something to do about an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Something about the consumers' role.
    Role(RoleAction),
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

/// What to do, in order: dead-letter queues, then the inbox, then the role.
pub fn plan(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let Observed { queues, role, lingering } = observed;
    let mut actions = Vec::new();
    for (part, wanted) in desired.queues(lingering) {
        match queues.get(&part) {
            None => actions.push(Action::CreateQueue(part, Box::new(wanted))),
            Some(seen) => actions.extend(plan_queue(part, &wanted, seen)),
        }
    }
    match (desired.role(), role) {
        (Some(wanted), seen) => {
            actions.extend(role::plan(&wanted, seen.as_ref()).into_iter().map(Action::Role));
        }
        (None, Some(_)) => {
            let name = consumer_role_name(&desired.installation, &desired.owner);
            actions.push(Action::Role(RoleAction::Delete(name)));
        }
        (None, None) => {}
    }
    actions
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
