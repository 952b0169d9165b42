//! What an inbox is to whoever receives from it.

use serde::{Deserialize, Serialize};

use super::ServicesConfig;
use crate::algorithm::Algorithm;
use crate::types::{BusId, DetailType, QueueArn, Source};

/// An inbox: its queues, its role, how its messages are judged and where they go. Reading refuses what consumers of
/// this version cannot do (see [`InboxConfig::unsupported`]).
// `remote` makes serde's own two functions inherent ones, around which `supported` puts the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct InboxConfig {
    /// The queue's URL.
    pub queue_url: String,
    /// The queue's ARN, which a grant must name.
    pub queue_arn: QueueArn,
    /// Whether messages come in order, by group.
    #[serde(default)]
    pub fifo: bool,
    /// Where what cannot be handled goes.
    pub dead_letter_queue_url: String,
    /// The dead-letter queue's ARN.
    pub dead_letter_queue_arn: QueueArn,
    /// The IAM role that may do this.
    pub role_arn: String,
    /// The AWS region.
    pub region: String,
    /// The buses whose keys count.
    pub buses: Vec<BusId>,
    /// How messages are judged.
    #[serde(default)]
    pub verification: VerificationConfig,
    /// Where they go.
    #[serde(default)]
    pub forward: ForwardConfig,
    /// Which copies are dropped.
    #[serde(default)]
    pub deduplication: DeduplicationConfig,
    /// Deliveries to the handler.
    #[serde(default = "defaults::max_attempts")]
    pub max_attempts: u32,
    /// Receives after which SQS moves a message itself.
    #[serde(default = "defaults::max_receive_count")]
    pub max_receive_count: u32,
    /// How long a received message is hidden from others.
    #[serde(default = "defaults::visibility_timeout_seconds")]
    pub visibility_timeout_seconds: u32,
    /// How long the queue keeps a message.
    #[serde(default = "defaults::message_retention_seconds")]
    pub message_retention_seconds: u32,
    /// Whether to receive at all.
    #[serde(default)]
    pub consuming: Consuming,
    /// Our own services.
    pub services: ServicesConfig,
}

/// How an inbox's messages are judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VerificationConfig {
    /// The algorithms that events may be signed with.
    pub allowed_algorithms: Vec<Algorithm>,
    /// How far the signed time may lie from the queue's, both ways, inclusive; at least 120.
    pub skew_seconds: u32,
    /// Which clock the signed time is held against.
    pub clock: Clock,
    /// Whether an event without a signed envelope is refused.
    pub require_envelope_hash: bool,
}

impl Default for VerificationConfig {
    fn default() -> Self {
        Self {
            allowed_algorithms: Algorithm::ALL.to_vec(),
            skew_seconds: 300,
            clock: Clock::SentTimestamp,
            require_envelope_hash: false,
        }
    }
}

/// The clock that an event's signed time is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Clock {
    /// When the event entered the queue: an outage makes no good event late.
    #[default]
    SentTimestamp,
    /// When the consumer received it: the strict reading.
    Receive,
}

/// Where an inbox's events go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ForwardConfig {
    /// Tried in order; the first that fits wins.
    pub routes: Vec<Route>,
    /// What becomes of an event that no route takes.
    pub unrouted: Unrouted,
    /// What the handler gets.
    pub format: Format,
    /// How long the handler may take.
    pub timeout_seconds: u32,
    /// How many events are under way at once.
    pub max_in_flight: u32,
    /// How long one poll waits.
    pub wait_time_seconds: u32,
    /// How long an event waits before it is handed on again.
    pub backoff: BackoffConfig,
    /// Several events in one request; one at a time when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchConfig>,
}

impl Default for ForwardConfig {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            unrouted: Unrouted::DeadLetter,
            format: Format::Envelope,
            timeout_seconds: 30,
            max_in_flight: 16,
            wait_time_seconds: 20,
            backoff: BackoffConfig::default(),
            batch: None,
        }
    }
}

/// How long an event waits before it is handed on again: doubling, with jitter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackoffConfig {
    /// After the first attempt, in seconds.
    pub initial_seconds: u32,
    /// At most, in seconds.
    pub max_seconds: u32,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { initial_seconds: 1, max_seconds: 900 }
    }
}

/// Several events in one request to the handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchConfig {
    /// The most events of one request.
    pub max_events: u32,
    /// How long a request waits for more events, in milliseconds.
    pub max_wait_milliseconds: u32,
}

/// One route: what is named must be equal, what is not is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The source it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The detail-type it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail_type: Option<DetailType>,
    /// The path of the app it leads to.
    pub path: String,
}

impl Route {
    /// Whether the route takes such an event.
    pub fn takes(&self, source: &Source, detail_type: &DetailType) -> bool {
        self.source.as_ref().is_none_or(|wanted| wanted == source)
            && self.detail_type.as_ref().is_none_or(|wanted| wanted == detail_type)
    }
}

/// What becomes of an event that no route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Unrouted {
    /// It goes to the dead-letter queue with `NO_ROUTE`.
    #[default]
    DeadLetter,
    /// It is done with.
    Acknowledge,
}

/// What the handler gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Format {
    /// The envelope, with `detailCore` as it was signed.
    #[default]
    Envelope,
    /// A CloudEvent, its attributes in headers.
    CloudEventsBinary,
    /// A CloudEvent in one JSON object.
    CloudEventsStructured,
    /// `detailCore` alone.
    DetailCore,
}

/// Which copies of an event are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeduplicationConfig {
    /// JSON pointers into the envelope; joined they are the business key.
    pub keys: Vec<String>,
    /// How long a business key is remembered.
    pub ttl_seconds: u32,
    /// Where it is remembered.
    pub store: Store,
    /// What becomes of events while that is away.
    pub when_unavailable: WhenUnavailable,
}

impl Default for DeduplicationConfig {
    fn default() -> Self {
        Self { keys: Vec::new(), ttl_seconds: 86_400, store: Store::Memory, when_unavailable: WhenUnavailable::Wait }
    }
}

/// Where what was handled is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Store {
    /// In the replica.
    #[default]
    Memory,
    /// At the journal, for all replicas.
    Journal,
}

/// What becomes of events while the store of what was handled is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum WhenUnavailable {
    /// They wait.
    #[default]
    Wait,
    /// They are handed on.
    DeliverAnyway,
}

/// Whether an inbox is received from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Consuming {
    /// Yes.
    #[default]
    Enabled,
    /// Not now.
    Paused,
}

mod defaults {
    pub(super) fn max_attempts() -> u32 {
        5
    }
    pub(super) fn max_receive_count() -> u32 {
        15
    }
    /// The longest that SQS has: what is remembered for too long does no harm.
    pub(super) fn message_retention_seconds() -> u32 {
        1_209_600
    }
    pub(super) fn visibility_timeout_seconds() -> u32 {
        60
    }
}
