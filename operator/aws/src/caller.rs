//! Whose credentials these are.

use crate::error::Calls;
use aws_config::SdkConfig;
use operator_core::arn::{AccountId, Partition};
use operator_core::error::{AwsError, ErrorClass};

const STS: Calls = Calls("STS");

/// Whose credentials these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: AccountId,
    /// The partition.
    pub partition: Partition,
    /// The ARN of the session.
    pub arn: String,
}

/// Asks STS.
pub async fn caller(config: &SdkConfig) -> Result<Caller, AwsError> {
    let operation = "GetCallerIdentity";
    let answer = aws_sdk_sts::Client::new(config)
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| STS.error(operation, &error))?;
    let arn = answer.arn().unwrap_or_default().to_owned();
    let wrong = |error: operator_core::ParseError| {
        AwsError::new(ErrorClass::Retryable, "STS", operation, format!("an answer that cannot be read: {error}"))
    };
    Ok(Caller {
        account: AccountId::parse(answer.account().unwrap_or_default()).map_err(wrong)?,
        partition: Partition::parse(arn.split(':').nth(1).unwrap_or_default()).map_err(wrong)?,
        arn,
    })
}
