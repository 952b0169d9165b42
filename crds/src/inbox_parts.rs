//! The parts of an InboxQueue's spec: how it hands on, verifies, deduplicates, and keeps dead letters.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    inbox_delivery::{Backoff, Batch},
    schema,
    signing_key::Algorithm,
};

/// The dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// How long dead letters are kept, in seconds (default 14 days, the most SQS allows).
    #[serde(default = "fourteen_days")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub retention_seconds: i32,
}

impl Default for DeadLetter {
    fn default() -> Self {
        Self { retention_seconds: fourteen_days() }
    }
}

/// A path of the application, and the events that go there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The source; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 67), regex(pattern = schema::SOURCE))]
    pub source: Option<String>,
    /// The detail-type; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = schema::DETAIL_TYPE))]
    pub detail_type: Option<String>,
    /// The path that is posted to.
    #[schemars(length(min = 1, max = 256), regex(pattern = schema::PATH))]
    pub path: String,
}

/// What becomes of an event that no route takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Unrouted {
    /// It goes to the dead-letter queue, with code NO_ROUTE.
    #[default]
    DeadLetter,
    /// It is acknowledged, and gone.
    Acknowledge,
}

/// What is posted to the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Format {
    /// The whole envelope as EventBridge delivered it.
    #[default]
    Envelope,
    /// A CloudEvent in binary mode: `detailCore` as the body, the envelope's facts in `ce-` headers.
    CloudEventsBinary,
    /// A CloudEvent in structured mode: one JSON object, `detailCore` in its `data`.
    CloudEventsStructured,
    /// `detailCore` alone, with the envelope's facts in headers.
    DetailCore,
}

/// How the sidecar hands events to the application.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("!has(self.batch) || self.format in ['Envelope', 'CloudEventsStructured']")
        .message("batch goes with format Envelope or CloudEventsStructured: the others carry an event's facts in headers, of which a request has one set")
        .field_path(".batch"),
    validation = Rule::new("!has(self.batch) || self.batch.maxEvents <= self.maxInFlight")
        .message("batch.maxEvents is at most maxInFlight: a sidecar holds no more")
        .field_path(".batch.maxEvents")
)]
#[serde(rename_all = "camelCase")]
pub struct Forward {
    /// Which events go to which path; the first that matches wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub routes: Vec<Route>,
    /// What becomes of an event that no route takes: DeadLetter (the default) or Acknowledge.
    #[serde(default)]
    pub unrouted: Unrouted,
    /// What is posted: Envelope (the default), CloudEventsBinary, CloudEventsStructured or DetailCore.
    #[serde(default)]
    pub format: Format,
    /// How long the application may take for one event, in seconds; then it is tried again.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: i32,
    /// How many events a sidecar holds at once.
    #[serde(default = "thirty_two")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_in_flight: i32,
    /// How long a receive waits for a message, in seconds.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 20))]
    pub wait_time_seconds: i32,
    /// How long an event waits before it is handed on again.
    #[serde(default)]
    pub backoff: Backoff,
    /// Several events in one POST; one at a time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            unrouted: Unrouted::default(),
            format: Format::default(),
            timeout_seconds: ten(),
            max_in_flight: thirty_two(),
            wait_time_seconds: twenty(),
            backoff: Backoff::default(),
            batch: None,
        }
    }
}

/// Which clock an event's time is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Clock {
    /// The time at which the message entered the queue.
    #[default]
    SentTimestamp,
    /// The time at which it is received: strict, and an outage longer than the skew rejects good events.
    Receive,
}

/// What a signed event must satisfy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// The algorithms that are accepted (default: both).
    #[serde(default = "both_algorithms")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_algorithms: Vec<Algorithm>,
    /// How far the signature's time may be from the clock's, in seconds (default 300).
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 120, max = 86400))]
    pub skew_seconds: i32,
    /// SentTimestamp (the default) or Receive.
    #[serde(default)]
    pub clock: Clock,
    /// Refuse events whose signature does not cover the envelope (the plan's own format).
    #[serde(default)]
    pub require_envelope_hash: bool,
}

impl Default for Verification {
    fn default() -> Self {
        Self {
            allowed_algorithms: both_algorithms(),
            skew_seconds: three_hundred(),
            clock: Clock::default(),
            require_envelope_hash: false,
        }
    }
}

/// Where it is remembered what was handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DeduplicationStore {
    /// In each replica's memory, since its start.
    #[default]
    Memory,
    /// At the journal, for all replicas together and past their restarts.
    Journal,
}

/// What becomes of events while the store of what was handled is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum WhenUnavailable {
    /// They wait.
    #[default]
    Wait,
    /// They are handed on, and a copy may be handed on with them.
    DeliverAnyway,
}

/// How copies are recognised, beside the event's own key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.whenUnavailable == 'Wait' || self.store == 'Journal'")
        .message("whenUnavailable: DeliverAnyway goes with store: Journal; memory is never away")
        .field_path(".whenUnavailable")
)]
#[serde(rename_all = "camelCase")]
pub struct Deduplication {
    /// JSON pointers into the envelope; what they point at, joined, is the business key of an event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 256), regex(pattern = schema::JSON_POINTER)))]
    pub keys: Vec<String>,
    /// How long a business key is remembered, in seconds (default one day).
    #[serde(default = "one_day")]
    #[schemars(range(min = 1, max = 1_209_600))]
    pub ttl_seconds: i32,
    /// Where: Memory (the default: of each replica) or Journal (shared by all replicas).
    #[serde(default)]
    pub store: DeduplicationStore,
    /// While the journal is away: Wait (the default) or DeliverAnyway.
    #[serde(default)]
    pub when_unavailable: WhenUnavailable,
}

impl Default for Deduplication {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            ttl_seconds: one_day(),
            store: DeduplicationStore::default(),
            when_unavailable: WhenUnavailable::default(),
        }
    }
}

fn fourteen_days() -> i32 {
    1_209_600
}

fn one_day() -> i32 {
    86_400
}

fn ten() -> i32 {
    10
}

fn twenty() -> i32 {
    20
}

fn thirty_two() -> i32 {
    32
}

fn three_hundred() -> i32 {
    300
}

fn both_algorithms() -> Vec<Algorithm> {
    vec![Algorithm::Dilithium2, Algorithm::MlDsa44]
}
