//! An event that has passed everything.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::algorithm::Algorithm;
use crate::envelope::Trace;
use crate::grant::Purpose;
use crate::time::{Micros, Millis};
use crate::types::{BusId, CorrelationId, DetailType, EventId, EventKey, Jti, Kid, Resource, Source};

/// An event that has passed everything.
///
/// Without [`Self::has_env`] its envelope (source, detail-type, resource, trace) is unsigned and authorises nothing.
/// `event_id` and `time` are EventBridge's and never signed.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Who sent.
    pub source: Source,
    /// What happened.
    pub detail_type: DetailType,
    /// What it happened to.
    pub resource: Resource,
    /// Whose and which story.
    pub trace: Trace,
    /// The trace's correlation.
    pub correlation_id: CorrelationId,
    /// EventBridge's id of this delivery.
    pub event_id: EventId,
    /// EventBridge's time, as received.
    pub time: Option<String>,
    /// The payload's own bytes: what was signed.
    pub detail_core: RawJson,
    /// The bus whose key verified it.
    pub bus: BusId,
    /// The key that signed.
    pub kid: Kid,
    /// The key's algorithm.
    pub algorithm: Algorithm,
    /// When it was signed, with its microseconds.
    pub ts: Micros,
    /// The name of the signing.
    pub jti: Option<Jti>,
    /// Whether the envelope is signed too.
    pub has_env: bool,
    /// What names this event, whichever copy it is.
    pub event_key: EventKey,
    /// Why it was sent again, where it was.
    pub purpose: Option<Purpose>,
    /// SHA-256 of the grant it was sent again with.
    pub grant_digest: Option<[u8; 32]>,
    /// When it entered a queue: the grant's time, or SentTimestamp.
    pub sent_at: Millis,
}

impl Verified {
    /// Whether it is handed on once more because somebody replays it: its grant says so, and nothing else can.
    pub fn is_replay(&self) -> bool {
        self.purpose == Some(Purpose::Replay)
    }
}

/// JSON text that is known to be JSON: canonical, as it was signed.
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(pub(super) Arc<str>);

impl RawJson {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The value, for reading.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Shows its length: payloads do not belong into logs.
impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.0.len())
    }
}

/// Goes into other JSON byte for byte.
impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_signed_is_had_as_text_as_bytes_and_as_a_value() {
        let raw = RawJson(Arc::from(r#"{"a":[1,"b"]}"#));
        assert_eq!((raw.as_str(), raw.as_bytes()), (r#"{"a":[1,"b"]}"#, br#"{"a":[1,"b"]}"#.as_slice()));
        assert_eq!(raw.to_value(), serde_json::json!({"a": [1, "b"]}));
        assert_eq!(serde_json::to_string(&raw).unwrap(), raw.as_str());
    }
}
