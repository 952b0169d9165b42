//! What is in the way of a bus. A person acts on it in AWS, on things that are not ours.

use crate::arn::QueueArn;
use crate::error::AwsError;
use crate::key::KeyProblem;
use serde_json::Value;
use thiserror::Error;

/// What keeps EventBridge from using the key or the dead-letter queue that a bus names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Obstacle {
    /// The key cannot be used.
    #[error("{0}")]
    Key(KeyProblem),
    /// There is no such dead-letter queue (yet).
    #[error("dead-letter queue {0} does not exist")]
    DeadLetterMissing(QueueArn),
    /// The dead-letter queue takes nothing from the bus.
    #[error("dead-letter queue {queue} takes nothing from the bus: add to its policy the statement {statement}")]
    DeadLetterRefuses {
        /// The queue.
        queue: QueueArn,
        /// What would let it.
        statement: Value,
    },
    /// AWS did not let us see how they are.
    #[error(transparent)]
    Unknown(#[from] AwsError),
}

impl From<KeyProblem> for Obstacle {
    fn from(problem: KeyProblem) -> Self {
        Self::Key(problem)
    }
}
