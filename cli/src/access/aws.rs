//! Roles of AWS, taken with tokens of the account: `AssumeRoleWithWebIdentity` with a token for STS.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::config::Region;
use aws_sdk_sts::error::DisplayErrorContext;

use super::{Access, token};

/// The audience of STS.
const STS: &str = "sts.amazonaws.com";

/// A configuration of the SDK with this role, which is assumed when it is first needed and again before it ends.
pub(super) async fn role(access: &Access, role_arn: &str, region: &str) -> SdkConfig {
    let base = |retries| {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(30))
            .build();
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(retries))
    };
    let sts = aws_sdk_sts::Client::new(&base(3).no_credentials().load().await);
    let role = Role { access: access.clone(), sts, arn: role_arn.to_owned() };
    base(4).credentials_provider(role).load().await
}

/// Takes one role.
struct Role {
    access: Access,
    sts: aws_sdk_sts::Client,
    arn: String,
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Role {
    async fn assume(&self) -> Result<Credentials, CredentialsError> {
        let token = token::one(&self.access, STS).await.map_err(|failure| refused(failure.to_string()))?;
        let asked = self.sts.assume_role_with_web_identity().role_arn(&self.arn);
        let asked = asked.role_session_name(session(&self.access.account.name)).web_identity_token(token);
        let answer = asked.send().await.map_err(|error| {
            let (role, account) = (&self.arn, &self.access.account);
            refused(format!("role {role} cannot be taken as {account} (--as): {}", DisplayErrorContext(&error)))
        })?;
        let Some(given) = answer.credentials else { return Err(refused("STS gave no credentials".to_owned())) };
        let expires = SystemTime::try_from(given.expiration).ok();
        let (id, secret, session) = (given.access_key_id, given.secret_access_key, given.session_token);
        Ok(Credentials::new(id, secret, Some(session), expires, "kubectl-qsl"))
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}

fn refused(why: String) -> CredentialsError {
    CredentialsError::provider_error(why)
}

/// What CloudTrail shows: the tool, and whom it acted as; 64 characters at most.
fn session(account: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "_=,.@-".contains(c) { c } else { '-' };
    format!("kubectl-qsl-{account}").chars().map(safe).take(64).collect()
}
