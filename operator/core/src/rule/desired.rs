//! What a rule should be.

use crate::arn::QueueArn;
use crate::claim::Claim;
use crate::installation::{Installation, parts_for};
use crate::names::{BusName, MessageGroup, RuleName, target_id};
use crate::owner::Owner;
use crate::pattern::EventPattern;
use crate::ports::{RuleState, Target};
use crate::tags::Tags;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A queue that a rule delivers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleTarget {
    /// The queue.
    pub queue: QueueArn,
    /// The standard queue that takes what cannot be delivered.
    pub dead_letter: Option<QueueArn>,
    /// How long delivery is tried, in seconds.
    pub max_event_age_seconds: Option<u32>,
    /// How often delivery is retried.
    pub max_retries: Option<u32>,
    /// The message group of a FIFO queue.
    pub message_group_id: Option<MessageGroup>,
    /// Whether the queue's policy lets this rule send, and has had time to act. A target that is not ready is not
    /// put, since EventBridge does not retry what a policy refuses; one that stands is left.
    pub ready: bool,
}

impl RuleTarget {
    /// The target in AWS's shape.
    pub(super) fn target(&self) -> Target {
        let Self { queue, dead_letter, max_event_age_seconds, max_retries, message_group_id, ready: _ } = self;
        Target {
            id: target_id(queue),
            arn: queue.to_string(),
            dead_letter: dead_letter.clone(),
            max_event_age_seconds: *max_event_age_seconds,
            max_retries: *max_retries,
            message_group_id: message_group_id.clone().map(String::from),
            foreign_settings: false,
        }
    }
}

/// A rule as it should be.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The installation.
    pub installation: Arc<Installation>,
    /// Whose it is.
    pub owner: Owner,
    /// How it lays claim to what it finds.
    pub claim: Claim,
    /// Its bus.
    pub bus_name: BusName,
    /// Its name; a split's parts have `-2` and so on after it.
    pub rule_name: RuleName,
    /// Its pattern.
    pub event_pattern: EventPattern,
    /// Whether it acts.
    pub state: RuleState,
    /// What it delivers to.
    pub targets: Vec<RuleTarget>,
    /// The user's tags.
    pub tags: Tags,
}

impl Desired {
    /// The targets by their ids; the same queue named twice is one target, the later one.
    pub(super) fn targets(&self) -> BTreeMap<String, (Target, bool)> {
        self.targets
            .iter()
            .map(|target| {
                let shape = target.target();
                (shape.id.clone(), (shape, target.ready))
            })
            .collect()
    }

    /// How many rules it is split into.
    pub fn parts(&self) -> usize {
        parts_for(self.targets().len())
    }

    pub(super) fn description(&self) -> String {
        format!("Made by QSL Eventing for {}", self.owner)
    }
}
