//! What the deletion of an object comes to, step by step.

use crate::arn::RuleArn;
use crate::names::{BusName, QueueName, RulePartName};
use crate::ports::Counts;
use std::fmt;
use std::time::Duration;

/// The next step of a deletion.
#[derive(Debug, Clone, PartialEq)]
pub enum DeletionStep<Action> {
    /// Do this, then observe again at once.
    Act(Vec<Action>),
    /// Nothing to do before something else has happened.
    Wait(Waiting),
    /// It is not deleted: what is in the way.
    Blocked(DeletionBlocked),
    /// Nothing of it is left.
    Gone,
}

/// What a deletion waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Rules of ours still deliver to the queue; their objects take the target away.
    Targets {
        /// Those rules.
        rules: Vec<RuleArn>,
    },
    /// The queue was cut off, and the change takes time to act; or it is counted a second time.
    Settle {
        /// How long yet.
        remaining: Duration,
    },
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Targets { rules } => {
                write!(f, "rules still deliver to it: {}", join(rules))
            }
            Self::Settle { remaining } => {
                write!(f, "cut off; what it holds is counted in {} s", remaining.as_secs_f32().ceil())
            }
        }
    }
}

/// Why an object is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeletionBlocked {
    /// Its queues hold messages.
    Messages {
        /// Each queue that does.
        queues: Vec<(QueueName, Counts)>,
    },
    /// The bus has rules.
    Rules {
        /// The bus.
        bus: BusName,
        /// Each rule, and whose it is.
        rules: Vec<(RulePartName, String)>,
    },
}

impl fmt::Display for DeletionBlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Messages { queues } => {
                let queues = queues.iter().map(|(name, counts)| {
                    let Counts { visible, in_flight, delayed } = counts;
                    format!("{name} holds {visible} messages, {in_flight} in flight, {delayed} delayed")
                });
                write!(f, "{}", queues.collect::<Vec<_>>().join("; "))
            }
            Self::Rules { bus, rules } => {
                let rules = rules.iter().map(|(name, owner)| format!("{name} of {owner}"));
                write!(f, "bus {bus} has rules: {}", rules.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

fn join<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
