//! Why a pass did not reach its end, by what happens next.

use std::time::Duration;

use crds::conditions::{self, reason};
use operator_core::error::{AwsError, ErrorClass};

/// Something that is not there yet. Not a failure: what is waited for wakes the waiter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Wait {
    /// The condition that says so.
    pub condition: &'static str,
    /// Its reason.
    pub reason: &'static str,
    /// What is waited for, in a sentence.
    pub message: String,
    /// When to look again by the clock, where nothing else wakes.
    pub again: Option<Duration>,
}

impl Wait {
    /// For an object that the spec names: condition `ReferencesResolved`.
    pub fn reference(reason: &'static str, message: impl Into<String>) -> Self {
        Self { condition: conditions::REFERENCES_RESOLVED, reason, message: message.into(), again: None }
    }

    /// For time to pass: condition `Ready` alone.
    pub fn time(reason: &'static str, message: impl Into<String>, again: Duration) -> Self {
        Self { condition: conditions::READY, reason, message: message.into(), again: Some(again) }
    }
}

/// How fast to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// A fault that may pass at once.
    Quick,
    /// What takes a person, or AWS's patience.
    Slow,
}

/// A fault that may pass.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Retry {
    /// What failed, in a sentence.
    pub message: String,
    /// How fast to try again.
    pub pace: Pace,
    /// The fault itself.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What only an edit can fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Terminal {
    /// The reason of condition `Terminal`.
    pub reason: &'static str,
    /// What is wrong, naming the field and the fix.
    pub message: String,
}

impl Terminal {
    /// A field has a value that cannot work.
    pub fn spec(field: &str, problem: impl std::fmt::Display) -> Self {
        Self { reason: reason::INVALID_SPEC, message: format!("spec.{field}: {problem}") }
    }
}

/// Any of the three.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something is not there yet.
    #[error(transparent)]
    Wait(#[from] Wait),
    /// A fault that may pass.
    #[error(transparent)]
    Retry(#[from] Retry),
    /// Only an edit can help.
    #[error(transparent)]
    Terminal(#[from] Terminal),
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        let message = error.to_string();
        let pace = match &error.class {
            ErrorClass::Invalid => return Terminal { reason: reason::INVALID_SPEC, message }.into(),
            ErrorClass::NotOurs { owner } => {
                let message = format!("{message} (it belongs to {owner} and was not touched)");
                return Terminal { reason: reason::NOT_OURS, message }.into();
            }
            ErrorClass::QueueDeletedRecently => {
                return Wait::time(reason::SETTLING, message, Duration::from_secs(10)).into();
            }
            ErrorClass::Missing => return Wait::time(reason::SETTLING, message, Duration::from_secs(5)).into(),
            ErrorClass::Throttled | ErrorClass::Denied | ErrorClass::LimitExceeded => Pace::Slow,
            ErrorClass::Retryable | ErrorClass::Conflict => Pace::Quick,
        };
        Retry { message, pace, source: Some(Box::new(error)) }.into()
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        Retry { message: format!("the API server refused: {error}"), pace: Pace::Quick, source: Some(Box::new(error)) }
            .into()
    }
}
