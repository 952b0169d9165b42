//! Clients from one configuration.

use crate::buses::EventBridge;
use crate::keys::Kms;
use crate::monitoring::CloudWatch;
use crate::queues::Sqs;
use crate::roles::Iam;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use operator_core::Aws;
use std::sync::Arc;
use std::time::Duration;

/// The longest that one attempt of a call may take, with connecting and fetching credentials. Whoever holds a lease
/// must hold it longer than this.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Loads the SDK's configuration from the environment, with the operator's timeouts. The SDK repeats nothing: each
/// attempt has its place in the budget and asks whether it may still be made, which only the caller can do.
pub async fn load() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(ATTEMPT_TIMEOUT)
                .build(),
        )
        .load()
        .await
}

/// The services, as the ports know them.
pub fn connect(config: &SdkConfig) -> Aws {
    Aws {
        buses: Arc::new(EventBridge::new(config)),
        queues: Arc::new(Sqs::new(config)),
        roles: Arc::new(Iam::new(config)),
        monitoring: Arc::new(CloudWatch::new(config)),
        keys: Arc::new(Kms::new(config)),
    }
}
