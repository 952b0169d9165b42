//! What can go wrong in AWS, by what the caller does next.

use thiserror::Error;

/// What the caller does next about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorClass {
    /// Too many calls: later, with backoff, within the budget.
    Throttled,
    /// A fault of the network or of AWS, or a time-out after which the change may stand: observe and try again.
    Retryable,
    /// Not allowed: the operator's own rights lack something. A person must act; retried slowly.
    Denied,
    /// What was asked for is wrong in itself: only an edit fixes it.
    Invalid,
    /// A quota of the account: the message names it.
    LimitExceeded,
    /// The thing changed meanwhile, or something is in its way: observe and plan again.
    Conflict,
    /// Something that this depends on is not there: waiting, not failure.
    Missing,
    /// SQS refuses a queue's name for 60 seconds after a delete: waited out quietly.
    QueueDeletedRecently,
    /// Not asked: this replica does not lead, or its lease is about to pass on. Its successor goes on.
    Fenced,
    /// It exists and is somebody else's; it was not touched.
    NotOurs {
        /// Whose it is, in a reader's words.
        owner: String,
    },
}

impl ErrorClass {
    /// A bounded word for metrics and reasons.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Throttled => "Throttled",
            Self::Retryable => "Retryable",
            Self::Denied => "Denied",
            Self::Invalid => "Invalid",
            Self::LimitExceeded => "LimitExceeded",
            Self::Conflict => "Conflict",
            Self::Missing => "Missing",
            Self::QueueDeletedRecently => "QueueDeletedRecently",
            Self::Fenced => "Fenced",
            Self::NotOurs { .. } => "NotOurs",
        }
    }

    /// Whether only an edit of the object (or of whose the thing is) can help.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Invalid | Self::NotOurs { .. })
    }
}

/// A call to AWS that failed, or was not made because of whose the thing is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{service} {operation}: {message}")]
pub struct AwsError {
    /// What the caller does next.
    pub class: ErrorClass,
    /// `EventBridge`, `SQS`, `IAM`, `CloudWatch`, `KMS` or `STS`.
    pub service: &'static str,
    /// The operation, in AWS's name.
    pub operation: &'static str,
    /// What AWS said, with its code.
    pub message: String,
}

impl AwsError {
    /// The permission, in IAM's words, that the call needs: what the operator's role lacks where it was denied.
    pub fn permission(&self) -> Option<String> {
        let prefix = match self.service {
            "EventBridge" => "events",
            "SQS" => "sqs",
            "IAM" => "iam",
            "CloudWatch" => "cloudwatch",
            "KMS" => "kms",
            "STS" => "sts",
            _ => return None,
        };
        Some(format!("{prefix}:{}", self.operation))
    }

    /// An error of a class.
    pub fn new(class: ErrorClass, service: &'static str, operation: &'static str, message: impl Into<String>) -> Self {
        Self { class, service, operation, message: message.into() }
    }
}
