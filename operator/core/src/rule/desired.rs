//! What a rule should be.

use crate::arn::QueueArn;
use crate::claim::Claim;
use crate::installation::{Installation, parts_for};
use crate::names::{BusName, RuleName, target_id};
use crate::owner::Owner;
use crate::parse::ParseError;
use crate::ports::{RuleState, Target};
use crate::tags::Tags;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The longest event pattern, in characters.
const PATTERN_MAX: usize = 2048;

/// An event pattern in EventBridge's grammar, equal to another when both say the same.
#[derive(Debug, Clone)]
pub struct EventPattern(Value);

impl EventPattern {
    /// Takes a pattern: an object with at least one member, at most 2,048 characters. AWS judges the rest.
    pub fn parse(pattern: Value) -> Result<Self, ParseError> {
        let wrong = |reason: String| Err(ParseError::new("event pattern", reason));
        match &pattern {
            Value::Object(members) if members.is_empty() => wrong("is empty: it would match nothing".into()),
            Value::Object(_) => {
                let length = pattern.to_string().len();
                if length > PATTERN_MAX {
                    return wrong(format!("has {length} characters, at most {PATTERN_MAX} are allowed"));
                }
                Ok(Self(pattern))
            }
            _ => wrong("is not an object".into()),
        }
    }

    /// The pattern.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// Whether a pattern that AWS returns says the same.
    pub fn says_the_same_as(&self, found: &Value) -> bool {
        canonical(&self.0) == canonical(found)
    }
}

impl PartialEq for EventPattern {
    fn eq(&self, other: &Self) -> bool {
        self.says_the_same_as(&other.0)
    }
}

/// Alternatives in any order are the same; the operands of `numeric` are not alternatives.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| {
                let value = if key == "numeric" { value.clone() } else { canonical(value) };
                (key.clone(), value)
            })
            .collect(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(canonical).collect();
            items.sort_by_cached_key(Value::to_string);
            items.dedup();
            Value::Array(items)
        }
        other => other.clone(),
    }
}

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
    pub message_group_id: Option<String>,
    /// Whether the queue's policy lets this rule send, and has had time to act. A target that is not ready is not
    /// put, since EventBridge does not retry what a policy refuses; one that stands is left.
    pub ready: bool,
}

impl RuleTarget {
    /// The target in AWS's shape.
    pub(super) fn target(&self) -> Target {
        let Self { queue, dead_letter, max_event_age_seconds, max_retries, message_group_id, ready: _ } = self;
        Target {
            id: target_id(queue, message_group_id.as_deref()),
            arn: queue.to_string(),
            dead_letter: dead_letter.clone(),
            max_event_age_seconds: *max_event_age_seconds,
            max_retries: *max_retries,
            message_group_id: message_group_id.clone(),
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
    /// The targets by their ids; the same queue and group named twice is one target.
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
