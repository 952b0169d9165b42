//! KMS, in memory.

use super::{FakeAws, refuse};
use crate::arn::KeyArn;
use crate::error::{AwsError, ErrorClass};
use crate::names::KmsKeyId;
use crate::policy::PolicyDocument;
use crate::ports::{Answer, KeyFacts, KmsKeys};
use async_trait::async_trait;

const SERVICE: &str = "KMS";

/// A key, what it is called beside its ARN, and its policy.
#[derive(Debug, Clone)]
pub(super) struct Key {
    facts: KeyFacts,
    alias: KmsKeyId,
    policy: PolicyDocument,
}

impl FakeAws {
    /// Lets there be a key, or changes the one of its ARN. `alias` is what it is called (`alias/NAME`).
    pub fn set_key(&self, facts: &KeyFacts, alias: &KmsKeyId, policy: &PolicyDocument) {
        let mut state = self.state();
        state.keys.retain(|key| key.facts.arn != facts.arn);
        state.keys.push(Key { facts: facts.clone(), alias: alias.clone(), policy: policy.clone() });
    }
}

#[async_trait]
impl KmsKeys for FakeAws {
    async fn key(&self, id: &KmsKeyId) -> Answer<Option<KeyFacts>> {
        self.call(SERVICE, "DescribeKey", false, |state| {
            let named = |key: &&Key| {
                let arn = key.facts.arn.to_string();
                let text = id.as_str();
                arn == text || arn.ends_with(&format!("/{text}")) || key.alias == *id || {
                    text.starts_with("arn:") && text.ends_with(&format!(":{}", key.alias))
                }
            };
            Ok(state.keys.iter().find(named).map(|key| key.facts.clone()))
        })
        .await
    }

    async fn key_policy(&self, key: &KeyArn) -> Answer<PolicyDocument> {
        let operation = "GetKeyPolicy";
        self.call(SERVICE, operation, false, |state| {
            if key.account() != &self.0.installation.account {
                return refuse(ErrorClass::Denied, SERVICE, operation, format!("{key} is another account's"));
            }
            let found = state.keys.iter().find(|found| found.facts.arn == *key);
            found
                .map(|key| key.policy.clone())
                .ok_or_else(|| AwsError::new(ErrorClass::Missing, SERVICE, operation, format!("{key} does not exist")))
        })
        .await
    }
}
