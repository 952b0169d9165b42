//! Roles assumed with the pod's own projected token.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sqs::config::{Region, SharedCredentialsProvider};

/// Who asks for roles: the projected token of this pod, and the name its sessions carry in CloudTrail.
#[derive(Clone, Debug)]
pub struct Identity {
    token_file: PathBuf,
    session_name: String,
}

impl Identity {
    /// `session` is a pod's name; what AWS does not take in a session name is replaced.
    pub fn new(token_file: impl Into<PathBuf>, session: &str) -> Self {
        let mut session_name: String = session
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "_=,.@-".contains(c) { c } else { '-' })
            .take(64)
            .collect();
        while session_name.len() < 2 {
            session_name.push('-');
        }
        Self { token_file: token_file.into(), session_name }
    }

    /// The SDK's configuration for one role. The role is assumed when it is first needed, and again before it ends.
    pub fn assume(&self, role_arn: &str, region: &str) -> SdkConfig {
        let region = Region::new(region.to_owned());
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(10))
            .build();
        let provider = WebIdentityTokenCredentialsProvider::builder()
            .static_configuration(StaticConfiguration {
                web_identity_token_file: self.token_file.clone(),
                role_arn: role_arn.to_owned(),
                session_name: self.session_name.clone(),
            })
            .configure(
                &ProviderConfig::without_region().with_region(Some(region.clone())).with_timeout_config(timeouts),
            )
            .build();
        // Not by the SDK's own loader: there is one identity here, and looking for others (profiles, the node's metadata)
        // has no place in a pod, nor the code for it in every sidecar.
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_on = |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(SharedCredentialsProvider::new(provider))
            .retry_config(RetryConfig::disabled())
            // Each call has an end of its own. What would watch how fast its small body comes costs it more.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .use_fips(is_on("AWS_USE_FIPS_ENDPOINT"))
            .use_dual_stack(is_on("AWS_USE_DUALSTACK_ENDPOINT"));
        config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
        config.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_name_is_one_aws_takes() {
        assert_eq!(Identity::new("/t", "treasury-7f/é x").session_name, "treasury-7f---x");
        assert_eq!(Identity::new("/t", "").session_name, "--");
        assert_eq!(Identity::new("/t", &"a".repeat(90)).session_name.len(), 64);
    }
}
