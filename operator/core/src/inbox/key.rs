//! The customer's key that encrypts an inbox: whether it can be used, by EventBridge above all.
//!
//! EventBridge sends to a queue with such a key only where the key's own policy lets it
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>), and what it
//! cannot send it does not retry; the dead-letter queue has the same key. So nothing is encrypted with a key before
//! its policy is right. The policy is read and never written.

use super::desired::Desired;
use crate::error::{AwsError, ErrorClass};
use crate::key::{self, KeyProblem, SeenKey};
use crate::names::KmsKeyId;
use crate::parse::ParseError;
use crate::policy::key::{lets_eventbridge_use, statement_for_eventbridge};
use crate::ports::{Aws, Encryption};

/// Encryption with a customer's key; AWS's own are refused, since EventBridge cannot use them. `data_key_reuse_seconds`
/// is 60 to 86,400.
pub fn with_key(key: &str, data_key_reuse_seconds: u32) -> Result<Encryption, ParseError> {
    let wrong = |reason: String| Err(ParseError::new("KMS key", reason));
    let key = KmsKeyId::parse(key)?;
    if key.as_str().starts_with("alias/aws/") || key.as_str().contains(":alias/aws/") {
        return wrong(format!(
            "{key} is AWS's own, which EventBridge cannot use: leave it out (SQS then encrypts with keys of its own), or \
             name a customer managed key"
        ));
    }
    if !(60..=86_400).contains(&data_key_reuse_seconds) {
        return wrong(format!("a data key is used for 60 to 86,400 seconds, not for {data_key_reuse_seconds}"));
    }
    Ok(Encryption::Kms { key: key.into(), data_key_reuse_seconds })
}

/// Reads the key that the inbox should have, where it is there.
pub(super) async fn observe(aws: &Aws, desired: &Desired) -> Result<Option<SeenKey>, AwsError> {
    let Encryption::Kms { key, .. } = &desired.encryption else {
        return Ok(None);
    };
    let id = KmsKeyId::parse(key.as_str())
        .map_err(|error| AwsError::new(ErrorClass::Invalid, "KMS", "DescribeKey", error.to_string()))?;
    key::observe(aws, &desired.installation, &id).await
}

/// What keeps the wanted key from encrypting the inbox, if anything does.
pub fn judge_key(desired: &Desired, seen: Option<&SeenKey>) -> Result<(), KeyProblem> {
    let Encryption::Kms { key, .. } = &desired.encryption else {
        return Ok(());
    };
    let installation = &desired.installation;
    key::judge(key, seen, installation, |policy, arn| {
        let enough = lets_eventbridge_use(policy, arn, installation);
        if enough { Vec::new() } else { vec![statement_for_eventbridge(installation)] }
    })
}
