//! An event as a client sees it, made once and shared by all who may.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventing::types::EventKey;
use eventing::verify::Verified;
use eventing_http::Entry;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::sse::Json;

/// What names an event in a client's cursor: the first half of its key, which is a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortKey([u8; 16]);

impl ShortKey {
    /// Of a whole key.
    pub fn of(key: EventKey) -> Self {
        let mut half = [0; 16];
        half.copy_from_slice(key.0.split_at(16).0);
        Self(half)
    }

    /// 22 characters of base64url.
    pub fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads [`Self::encode`].
    pub fn decode(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

/// One event: what decides who sees it, and its JSON.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its name.
    pub key: ShortKey,
    /// Its place in the journal; none while it is ahead of it.
    pub position: Option<u64>,
    /// The story it belongs to.
    pub correlation_id: Arc<str>,
    /// The user it concerns.
    pub user_id: Option<Arc<str>>,
    /// That user's tenant.
    pub tenant_id: Option<Arc<str>>,
    /// Whether all of this was signed, and not the payload alone.
    pub envelope_verified: bool,
    /// The W3C `traceparent` it was signed with.
    pub traceparent: Option<Box<str>>,
    /// The whole, as it goes out.
    pub json: Json,
    /// When the gateway got it.
    pub received: Instant,
}

/// The JSON of an event: the journal's entry, its position absent while it is ahead.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    event_key: &'a str,
    event_bridge_ids: &'a [String],
    source: &'a str,
    detail_type: &'a str,
    resource: &'a str,
    correlation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<&'a str>,
    trace: &'a BTreeMap<String, Option<String>>,
    ts: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    sent_at: i64,
    kid: &'a str,
    algorithm: &'a str,
    envelope_verified: bool,
    detail_core: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
}

/// An event that cannot be shown: what named it has not the form of a key, or its payload is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event cannot be shown")]
pub struct NotShown;

impl Event {
    /// An entry of the journal.
    ///
    /// # Errors
    /// When its key has not the form of one.
    pub fn from_entry(entry: &Entry) -> Result<Self, NotShown> {
        let Entry {
            position,
            event_key,
            event_bridge_ids,
            source,
            detail_type,
            resource,
            // Whoever follows a payment is not shown how it travels.
            bus: _,
            correlation_id,
            user_id,
            tenant_id,
            trace,
            ts,
            time,
            sent_at,
            kid,
            algorithm,
            envelope_verified,
            detail_core,
            status,
            body: _,
        } = entry;
        let key: EventKey = event_key.parse().map_err(|_| NotShown)?;
        Shown {
            position: Some(*position),
            event_key,
            event_bridge_ids,
            source,
            detail_type,
            resource,
            correlation_id,
            user_id: user_id.as_deref(),
            tenant_id: tenant_id.as_deref(),
            trace,
            ts,
            time: time.as_deref(),
            sent_at: *sent_at,
            kid,
            algorithm,
            envelope_verified: *envelope_verified,
            detail_core,
            status: status.as_deref(),
        }
        .event(key)
    }

    /// An event that this replica verified itself, ahead of the journal.
    ///
    /// # Errors
    /// When its payload is not JSON, which verification rules out.
    pub fn from_verified(event: &Verified) -> Result<Self, NotShown> {
        let detail_core: &RawValue = serde_json::from_str(event.detail_core.as_str()).map_err(|_| NotShown)?;
        Shown {
            position: None,
            event_key: &event.event_key.to_string(),
            event_bridge_ids: &[event.event_id.to_string()],
            source: event.source.as_str(),
            detail_type: event.detail_type.as_str(),
            resource: event.resource.as_str(),
            correlation_id: event.correlation_id.as_str(),
            user_id: event.trace.user_id(),
            tenant_id: event.trace.tenant_id(),
            trace: &event.trace.clone().into(),
            ts: &event.ts.to_string(),
            time: event.time.as_deref(),
            sent_at: event.sent_at.0,
            kid: event.kid.as_str(),
            algorithm: event.algorithm.as_str(),
            envelope_verified: event.has_env,
            detail_core,
            status: Some(event.detail_type.action()),
        }
        .event(event.event_key)
    }
}

impl Shown<'_> {
    fn event(&self, key: EventKey) -> Result<Event, NotShown> {
        Ok(Event {
            key: ShortKey::of(key),
            position: self.position,
            correlation_id: self.correlation_id.into(),
            user_id: self.user_id.map(Into::into),
            tenant_id: self.tenant_id.map(Into::into),
            envelope_verified: self.envelope_verified,
            // Unsigned, it could put the event into anybody's trace.
            traceparent: self
                .trace
                .get("traceparent")
                .cloned()
                .flatten()
                .filter(|_| self.envelope_verified)
                .map(Into::into),
            json: Json::of(self).map_err(|_| NotShown)?,
            received: Instant::now(),
        })
    }
}
