//! How often and in what portions events are handed to the application.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How long an event waits before it is handed on again, after an answer that asks for that: doubling from
/// `initialSeconds` up to `maxSeconds`, with jitter. A `Retry-After` of the application goes before it, up to 900 seconds
/// or `maxSeconds`, whichever is more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.initialSeconds <= self.maxSeconds")
        .message("initialSeconds is at most maxSeconds")
        .field_path(".initialSeconds")
)]
#[serde(rename_all = "camelCase")]
pub struct Backoff {
    /// The wait after the first attempt, in seconds (default 1).
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 39600))]
    pub initial_seconds: i32,
    /// The longest wait, in seconds (default 900). At most 11 hours: SQS hides a message for 12 at most, and the
    /// application may take one of them.
    #[serde(default = "fifteen_minutes")]
    #[schemars(range(min = 1, max = 39600))]
    pub max_seconds: i32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial_seconds: one(), max_seconds: fifteen_minutes() }
    }
}

/// Several events in one POST, as a JSON array; `QSL-Events` says how many. The application answers for each, in their
/// order, with `{"events": [{"status": 204}, {"status": 503, "retryAfterSeconds": 30}]}` in a 2xx; a status counts as the
/// answer to that event alone would, and one that is missing is a retry. A 2xx without `events` accepts all. An event
/// that was tried before is posted in an array of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// The most events of one POST.
    #[schemars(range(min = 2, max = 100))]
    pub max_events: i32,
    /// How long a POST waits for more events once it has one, in milliseconds (default 5).
    #[serde(default = "five")]
    #[schemars(range(min = 0, max = 10000))]
    pub max_wait_milliseconds: i32,
}

fn one() -> i32 {
    1
}

fn five() -> i32 {
    5
}

fn fifteen_minutes() -> i32 {
    900
}
