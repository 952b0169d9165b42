//! KMS behind the port `KmsKeys`.

use crate::error::{Calls, unless_missing};
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeyManagerType, KeyMetadata, KeySpec, KeyUsageType};
use operator_core::arn::KeyArn;
use operator_core::names::KmsKeyId;
use operator_core::policy::PolicyDocument;
use operator_core::ports::{Answer, KeyFacts, KmsKeys};

const CALLS: Calls = Calls("KMS");
/// The only policy that a key has.
const POLICY: &str = "default";

/// KMS.
#[derive(Debug)]
pub(crate) struct Kms {
    client: Client,
}

impl Kms {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

fn facts(key: &KeyMetadata) -> Result<KeyFacts, String> {
    Ok(KeyFacts {
        arn: KeyArn::parse(key.arn().unwrap_or_default()).map_err(|error| error.to_string())?,
        aws_managed: key.key_manager() == Some(&KeyManagerType::Aws),
        enabled: key.enabled(),
        symmetric: key.key_spec().is_none_or(|spec| *spec == KeySpec::SymmetricDefault)
            && key.key_usage().is_none_or(|usage| *usage == KeyUsageType::EncryptDecrypt),
    })
}

#[async_trait]
impl KmsKeys for Kms {
    async fn key(&self, id: &KmsKeyId) -> Answer<Option<KeyFacts>> {
        let operation = "DescribeKey";
        let request = self.client.describe_key().key_id(id.as_str());
        let answer = request.send().await.map_err(|error| CALLS.error(operation, &error));
        let answer = unless_missing(answer)?;
        let key = answer.as_ref().and_then(|answer| answer.key_metadata());
        key.map(facts).transpose().map_err(|reason| CALLS.unreadable(operation, reason))
    }

    async fn key_policy(&self, key: &KeyArn) -> Answer<PolicyDocument> {
        let operation = "GetKeyPolicy";
        let request = self.client.get_key_policy().key_id(key.to_string()).policy_name(POLICY);
        let answer = request.send().await.map_err(|error| CALLS.error(operation, &error))?;
        Ok(PolicyDocument::from_text(answer.policy().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ARN: &str = "arn:aws:kms:eu-west-3:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_key_is_told_apart_from_those_that_cannot_be_used() {
        let key = || KeyMetadata::builder().key_id("1234abcd").arn(ARN).enabled(true);
        let read = |key: aws_sdk_kms::types::builders::KeyMetadataBuilder| {
            let KeyFacts { arn, aws_managed, enabled, symmetric } = facts(&key.build().unwrap()).unwrap();
            assert_eq!(arn.to_string(), ARN);
            (aws_managed, enabled, symmetric)
        };
        assert_eq!(read(key().key_manager(KeyManagerType::Customer)), (false, true, true));
        assert_eq!(read(key().key_manager(KeyManagerType::Aws)), (true, true, true));
        assert_eq!(read(key().enabled(false)), (false, false, true));
        assert_eq!(read(key().key_spec(KeySpec::Rsa2048)), (false, true, false));
        assert_eq!(read(key().key_usage(KeyUsageType::SignVerify)), (false, true, false));
    }
}
