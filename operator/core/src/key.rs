//! A customer's KMS key: what is read of it, and whether EventBridge can use it for a bus or for an inbox.
//!
//! Keys and their policies are read, never written. Nothing is encrypted with a key before it was found good: what
//! EventBridge may not encrypt it does not retry. What the policy has to allow is for who asks to say: a bus needs more
//! than a queue.

use crate::arn::KeyArn;
use crate::error::AwsError;
use crate::installation::Installation;
use crate::names::KmsKeyId;
use crate::policy::PolicyDocument;
use crate::policy::grants::EVENTBRIDGE;
use crate::ports::{Aws, KeyFacts};
use serde_json::Value;
use std::fmt;

/// A customer's key that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenKey {
    /// The key.
    pub facts: KeyFacts,
    /// Its policy.
    pub policy: PolicyDocument,
}

/// Why a key cannot be used, and what would let it.
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

/// Reads a key, where it is there.
pub(crate) async fn observe(
    aws: &Aws,
    installation: &Installation,
    id: &KmsKeyId,
) -> Result<Option<SeenKey>, AwsError> {
    let Some(facts) = aws.keys.key(id).await? else {
        return Ok(None);
    };
    // Another account's policy cannot be read; that it is another's is said by `judge`.
    let policy = if *facts.arn.account() == installation.account {
        aws.keys.key_policy(&facts.arn).await?
    } else {
        PolicyDocument::new(Value::Null)
    };
    Ok(Some(SeenKey { facts, policy }))
}

/// What keeps EventBridge from using the key that a user calls `key`, if anything does. `lacking` names the statements
/// that its policy lacks.
pub(crate) fn judge(
    key: &str,
    seen: Option<&SeenKey>,
    installation: &Installation,
    lacking: impl FnOnce(&PolicyDocument, &KeyArn) -> Vec<Value>,
) -> Result<(), KeyProblem> {
    let problem = |problem: String| Err(KeyProblem { key: key.to_owned(), problem });
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
        return problem(
            "is not a symmetric key for encryption, the only sort that EventBridge and SQS take".to_owned(),
        );
    }
    if !enabled {
        return problem("is disabled, or about to be deleted: enable it".to_owned());
    }
    let lacking = lacking(policy, arn);
    if lacking.is_empty() {
        return Ok(());
    }
    let statements: Vec<String> = lacking.iter().map(Value::to_string).collect();
    problem(format!(
        "does not let {EVENTBRIDGE} use it, so that events would be lost: add to the key's policy {}",
        statements.join(", ")
    ))
}
