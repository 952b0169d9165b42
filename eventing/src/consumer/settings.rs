//! An inbox's configuration as the pipeline needs it.

use std::time::Duration;

use super::disposition::Backoff;
use crate::config::{Consuming, InboxConfig, Store};
use crate::verify::Policy;

/// What the pipeline goes by; it may change while it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How events are verified.
    pub policy: Policy,
    /// How many messages are held at once. Read when a run starts.
    pub max_in_flight: usize,
    /// How long a poll waits for the first message.
    pub wait: Duration,
    /// The queue's own visibility time.
    pub visibility_timeout: Duration,
    /// Deliveries to the handler.
    pub max_attempts: u32,
    /// How long an event waits before it is handed on again.
    pub backoff: Backoff,
    /// Receives by SQS's count.
    pub max_receive_count: u32,
    /// Whether groups keep their order.
    pub fifo: bool,
    /// Whether receiving stands still.
    pub paused: bool,
    /// JSON pointers into the envelope that make the business key.
    pub business_keys: Vec<String>,
    /// How long a business key is remembered.
    pub business_keys_ttl: Duration,
    /// Where what was handled is remembered for all consumers: how long the queue keeps a message, and so a copy.
    pub shared_retention: Option<Duration>,
}

impl From<&InboxConfig> for Settings {
    fn from(inbox: &InboxConfig) -> Self {
        Self {
            policy: Policy::new(&inbox.verification, inbox.queue_arn.clone()),
            max_in_flight: inbox.forward.max_in_flight as usize,
            wait: Duration::from_secs(inbox.forward.wait_time_seconds.min(20).into()),
            visibility_timeout: Duration::from_secs(inbox.visibility_timeout_seconds.into()),
            max_attempts: inbox.max_attempts,
            backoff: Backoff {
                initial: Duration::from_secs(inbox.forward.backoff.initial_seconds.into()),
                max: Duration::from_secs(inbox.forward.backoff.max_seconds.into()),
            },
            max_receive_count: inbox.max_receive_count,
            fifo: inbox.fifo,
            paused: inbox.consuming == Consuming::Paused,
            business_keys: inbox.deduplication.keys.clone(),
            business_keys_ttl: Duration::from_secs(inbox.deduplication.ttl_seconds.into()),
            shared_retention: (inbox.deduplication.store == Store::Journal)
                .then(|| Duration::from_secs(inbox.message_retention_seconds.into())),
        }
    }
}
