//! Why a pass did not reach its end, by what happens next.

use std::time::Duration;

use crds::conditions::{self, reason};
use operator_core::{
    error::{AwsError, ErrorClass},
    tenancy::NotGranted,
};

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

impl Retry {
    /// A bounded word for a condition's reason: AWS's error class where AWS refused.
    pub fn reason(&self) -> &'static str {
        let error = self.source.as_ref().and_then(|source| source.downcast_ref::<AwsError>());
        error.map_or(reason::RECONCILE_ERROR, |error| error.class.as_str())
    }
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
    /// The installation does not grant what a field asks for.
    pub fn not_granted(field: &str, refusal: &NotGranted) -> Self {
        Self { reason: reason::NOT_GRANTED, message: format!("spec.{field}: {refusal}") }
    }

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

impl Failure {
    /// A bounded word for metrics: AWS's error class, `ApiServer`, the reason of a wait or of what an edit must fix.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Wait(wait) => wait.reason,
            Self::Terminal(terminal) => terminal.reason,
            Self::Retry(Retry { source: Some(source), .. }) => {
                if let Some(error) = source.downcast_ref::<AwsError>() {
                    error.class.as_str()
                } else if source.is::<kube::Error>() || source.is::<crate::keys::store::StoreError>() {
                    "ApiServer"
                } else {
                    "Other"
                }
            }
            Self::Retry(Retry { source: None, .. }) => "Other",
        }
    }
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        let message = match (&error.class, error.permission()) {
            (ErrorClass::Denied, Some(permission)) => format!(
                "{error}: the operator's role lacks {permission}, or a policy of the organisation denies it (what it \
                 needs: infra/aws/operator-policy.json)"
            ),
            (ErrorClass::LimitExceeded, _) => {
                format!("{error}: free something of that kind, or have AWS raise the quota")
            }
            _ => error.to_string(),
        };
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
            ErrorClass::Retryable | ErrorClass::Conflict | ErrorClass::Fenced => Pace::Quick,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(class: ErrorClass) -> Failure {
        AwsError::new(class, "SQS", "CreateQueue", "AccessDenied: no").into()
    }

    #[test]
    fn only_what_an_edit_must_fix_is_terminal() {
        for (class, expected) in [
            (ErrorClass::Throttled, "retry Throttled"),
            (ErrorClass::Retryable, "retry Retryable"),
            (ErrorClass::Denied, "retry Denied"),
            (ErrorClass::LimitExceeded, "retry LimitExceeded"),
            (ErrorClass::Conflict, "retry Conflict"),
            (ErrorClass::Missing, "wait Settling"),
            (ErrorClass::QueueDeletedRecently, "wait Settling"),
            (ErrorClass::Invalid, "terminal InvalidSpec"),
            (ErrorClass::NotOurs { owner: "them".into() }, "terminal NotOurs"),
        ] {
            let said = match failure(class) {
                Failure::Wait(wait) => format!("wait {}", wait.reason),
                Failure::Retry(retry) => format!("retry {}", retry.reason()),
                Failure::Terminal(terminal) => format!("terminal {}", terminal.reason),
            };
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn who_was_denied_learns_which_permission_is_missing() {
        let said = failure(ErrorClass::Denied).to_string();
        assert!(said.contains("lacks sqs:CreateQueue") && said.contains("operator-policy.json"), "{said}");
    }
}
