//! What became of each event: `target/demo/report.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The correlation all events of the run share.
    pub correlation_id: String,
    /// The good events, in the order they were published.
    pub events: Vec<EventReport>,
    /// The forged ones.
    pub forged: Vec<ForgedReport>,
}

/// One good event.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventReport {
    /// `jti` of the event.
    pub id: String,
    /// EventBridge's id of it.
    pub event_bridge_id: String,
    /// Its detail-type.
    pub detail_type: String,
    /// Key that signed it.
    pub kid: String,
    /// Deliveries by service; each is to be one.
    pub handled_by: BTreeMap<String, u64>,
    /// Place in the timeline, from 0.
    pub timeline_place: Option<usize>,
    /// Place in the stream, from 0.
    pub stream_place: Option<usize>,
    /// From the POST to the line of the stream.
    pub milliseconds_to_stream: Option<u64>,
}

/// One forged event.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForgedReport {
    /// What was changed.
    pub forgery: String,
    /// EventBridge's id of it.
    pub event_bridge_id: String,
    /// `qsl.code` of the dead letter, by dead-letter queue.
    pub codes: BTreeMap<String, String>,
}
