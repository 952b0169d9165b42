//! The customer's key that encrypts an inbox: whether it can be used, by EventBridge above all.
//!
//! EventBridge sends to a queue with such a key only where the key's own policy lets it
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>), and what it
//! cannot send it does not retry; the dead-letter queue has the same key. So nothing is encrypted with a key before
//! its policy is right. The policy is read and never written.

use super::desired::Desired;
use crate::error::{AwsError, ErrorClass};
use crate::names::KmsKeyId;
use crate::parse::ParseError;
use crate::policy::PolicyDocument;
use crate::policy::key::{lets_eventbridge_use, statement_for_eventbridge};
use crate::ports::{Aws, Encryption, KeyFacts};
use std::fmt;

/// A customer's key that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenKey {
    /// The key.
    pub facts: KeyFacts,
    /// Its policy.
    pub policy: PolicyDocument,
}

/// Why a key cannot encrypt an inbox, and what would let it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProblem {
    key: String,
    problem: String,
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, problem } = self;
        write!(f, "KMS key {key} {problem}")
    }
}

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
    let Some(facts) = aws.keys.key(&id).await? else {
        return Ok(None);
    };
    // Another account's policy cannot be read; that it is another's is said by `judge`.
    let policy = if *facts.arn.account() == desired.installation.account {
        aws.keys.key_policy(&facts.arn).await?
    } else {
        PolicyDocument::new(serde_json::Value::Null)
    };
    Ok(Some(SeenKey { facts, policy }))
}

/// What keeps the wanted key from encrypting the inbox, if anything does.
pub fn judge_key(desired: &Desired, seen: Option<&SeenKey>) -> Result<(), KeyProblem> {
    let Encryption::Kms { key, .. } = &desired.encryption else {
        return Ok(());
    };
    let problem = |problem: String| Err(KeyProblem { key: key.clone(), problem });
    let installation = &desired.installation;
    let Some(SeenKey { facts: KeyFacts { arn, aws_managed, enabled, symmetric }, policy }) = seen else {
        return problem(format!("does not exist in Region {}", installation.region));
    };
    if *arn.account() != installation.account {
        return problem(format!(
            "is of account {}, and its policy cannot be read from here: name a key of account {}",
            arn.account(),
            installation.account
        ));
    }
    if *aws_managed {
        return problem("is AWS's own, which EventBridge cannot use: name a customer managed key".to_owned());
    }
    if !symmetric {
        return problem("is not a symmetric key for encryption, the only sort that SQS takes".to_owned());
    }
    if !enabled {
        return problem("is disabled, or about to be deleted: enable it".to_owned());
    }
    if !lets_eventbridge_use(policy, arn, installation) {
        let statement = statement_for_eventbridge(installation);
        return problem(format!(
            "does not let events.amazonaws.com use it, so that EventBridge could not send: add this statement to the \
             key's policy: {statement}"
        ));
    }
    Ok(())
}
