//! Event patterns, in EventBridge's grammar
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html>).
//!
//! In comes JSON; out comes an [`EventPattern`], or a [`PatternError`] that says where it is wrong and what would be
//! right. An object's members must all match; a leaf is an array, one of whose values must match; a value is a string,
//! a number, `true`, `false`, `null` or an operator; `$or` holds patterns, one of which must match.
//!
//! - [`source`]: which sources it lets through
//! - [`position`]: where in a pattern, as a JSON pointer; the error
//! - [`object`]: members, leaves and `$or`; [`matcher`]: operators; [`numeric`], [`text`]: what they hold
//! - [`matching`]: whether an event matches
//!
//! Not judged here, since AWS does not publish it: whether wildcards make a pattern too complex. AWS refuses that at
//! `PutRule`.

mod matcher;
mod matching;
mod numeric;
mod object;
mod position;
mod source;
mod text;

pub use position::PatternError;
pub use source::may_come_from;

use position::Position;
use serde_json::{Map, Value};

/// The longest event pattern, in characters of JSON without white space.
pub const PATTERN_MAX: usize = 2048;

/// What is known of a pattern beside that it is right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Facts {
    uses_wildcard: bool,
}

/// An event pattern that EventBridge takes, equal to another when both say the same.
#[derive(Debug, Clone)]
pub struct EventPattern {
    value: Value,
    facts: Facts,
}

impl EventPattern {
    /// Checks and takes a pattern.
    pub fn parse(pattern: Value) -> Result<Self, PatternError> {
        let root = Position::root();
        let mut facts = Facts::default();
        match &pattern {
            Value::Object(members) => object::event(root, members, &mut facts)?,
            _ => return Err(root.error("a pattern is an object, as in {\"source\": [\"qsl.payment\"]}")),
        }
        let length = pattern.to_string().chars().count();
        if length > PATTERN_MAX {
            let problem = format!("has {length} characters, and {PATTERN_MAX} are allowed: match fewer values");
            return Err(root.error(problem));
        }
        Ok(Self { value: pattern, facts })
    }

    /// The pattern.
    pub fn as_value(&self) -> &Value {
        &self.value
    }

    /// Whether an event, as EventBridge delivers it, matches.
    pub fn matches(&self, event: &Map<String, Value>) -> bool {
        self.value.as_object().is_some_and(|members| matching::event(members, event))
    }

    /// Whether it uses `wildcard`: a bus takes only so many rules that do.
    pub fn uses_wildcard(&self) -> bool {
        self.facts.uses_wildcard
    }

    /// Whether a pattern that AWS returns says the same.
    pub fn says_the_same_as(&self, found: &Value) -> bool {
        canonical(&self.value) == canonical(found)
    }
}

impl PartialEq for EventPattern {
    fn eq(&self, other: &Self) -> bool {
        self.says_the_same_as(&other.value)
    }
}

/// Alternatives in any order are the same; the operands of `numeric` are not alternatives.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| {
                let value = if key == matcher::NUMERIC { value.clone() } else { canonical(value) };
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
