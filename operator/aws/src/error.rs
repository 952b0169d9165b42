//! Errors of the SDK, by what the caller does next.

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use operator_core::error::{AwsError, ErrorClass};
use std::error::Error;
use std::fmt::Write;

/// A service, whose calls' errors are classified.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calls(pub(crate) &'static str);

impl Calls {
    /// The error of a call.
    pub(crate) fn error<E, R>(self, operation: &'static str, error: &SdkError<E, R>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug,
    {
        let SdkError::ServiceError(answer) = error else {
            // A time-out, a connection, or an answer that cannot be read; the change may stand.
            return AwsError::new(ErrorClass::Retryable, self.0, operation, causes(error));
        };
        let code = answer.err().code().unwrap_or("no code");
        let message = answer.err().message().unwrap_or("no message");
        AwsError::new(class(code), self.0, operation, format!("{code}: {message}"))
    }

    /// An answer that lacks what it must hold.
    pub(crate) fn unreadable(self, operation: &'static str, reason: impl std::fmt::Display) -> AwsError {
        let message = format!("an answer that cannot be read: {reason}");
        AwsError::new(ErrorClass::Retryable, self.0, operation, message)
    }
}

/// The error and all its causes: the SDK says "dispatch failure" and hides why.
fn causes<E, R>(error: &SdkError<E, R>) -> String
where
    E: Error + 'static,
    R: std::fmt::Debug,
{
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// What the caller does about a code. One that nobody knows may pass by itself, so it is tried again.
fn class(code: &str) -> ErrorClass {
    let code = code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code);
    match code {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => ErrorClass::Throttled,
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthFailure"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException"
        | "UnauthorizedOperation" => ErrorClass::Denied,
        "LimitExceeded" | "LimitExceededException" | "OverLimit" => ErrorClass::LimitExceeded,
        "ConcurrentModification"
        | "ConcurrentModificationException"
        | "ConflictException"
        | "DeleteConflict"
        | "EntityAlreadyExists"
        | "EntityTemporarilyUnmodifiable"
        | "InvalidStateException"
        | "QueueAlreadyExists"
        | "QueueNameExists"
        | "ResourceAlreadyExistsException" => ErrorClass::Conflict,
        "DashboardNotFoundError"
        | "NoSuchEntity"
        | "NonExistentQueue"
        | "NotFoundException"
        | "QueueDoesNotExist"
        | "ResourceNotFound"
        | "ResourceNotFoundException" => ErrorClass::Missing,
        "QueueDeletedRecently" => ErrorClass::QueueDeletedRecently,
        "InvalidAddress"
        | "InvalidArnException"
        | "InvalidAttributeName"
        | "InvalidAttributeValue"
        | "InvalidEventPatternException"
        | "InvalidInput"
        | "InvalidParameterCombination"
        | "InvalidParameterInput"
        | "InvalidParameterValue"
        | "MalformedPolicyDocument"
        | "ManagedRuleException"
        | "MissingParameter"
        | "PolicyLengthExceededException"
        | "UnsupportedOperation"
        | "ValidationError"
        | "ValidationException" => ErrorClass::Invalid,
        _ => ErrorClass::Retryable,
    }
}

/// What is not there is no error where it was to be read or deleted.
pub(crate) fn unless_missing<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == ErrorClass::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_of_sqs_protocols_have_one_class() {
        assert_eq!(class("AWS.SimpleQueueService.NonExistentQueue"), ErrorClass::Missing);
        assert_eq!(class("QueueDoesNotExist"), ErrorClass::Missing);
        assert_eq!(class("AWS.SimpleQueueService.QueueDeletedRecently"), ErrorClass::QueueDeletedRecently);
    }

    #[test]
    fn a_code_nobody_knows_is_tried_again() {
        assert_eq!(class("InternalFailure"), ErrorClass::Retryable);
        assert_eq!(class("SomethingNew"), ErrorClass::Retryable);
    }
}
