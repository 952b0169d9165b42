//! The port to KMS: what a key is, and who may use it. Keys and their policies are read, never written.

use super::Answer;
use crate::arn::KeyArn;
use crate::names::KmsKeyId;
use crate::policy::PolicyDocument;
use async_trait::async_trait;

/// A KMS key as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its ARN, whatever it was asked for by.
    pub arn: KeyArn,
    /// Whether it is AWS's own (`alias/aws/…`), whose policy nobody can change.
    pub aws_managed: bool,
    /// Whether it can be used now: neither disabled nor about to be deleted.
    pub enabled: bool,
    /// Whether it is a symmetric key for encryption, the only sort that EventBridge and SQS take.
    pub symmetric: bool,
}

/// KMS.
#[async_trait]
pub trait KmsKeys: Send + Sync {
    /// The key of that id, alias or ARN, if there is one.
    async fn key(&self, id: &KmsKeyId) -> Answer<Option<KeyFacts>>;
    /// A key's policy; a key that is not there is `Missing`, another account's is `Denied`.
    async fn key_policy(&self, key: &KeyArn) -> Answer<PolicyDocument>;
}
