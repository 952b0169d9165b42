//! What the journal is asked for besides a correlation's timeline: events by their facts, the correlations of late, how a
//! resource stands.

use eventing::time::Micros;
use eventing::types::{BusId, CorrelationId, DetailType, Resource, Source};
use serde::{Deserialize, Serialize};

use crate::journal::Entry;

/// The most events that one answer of `GET /v1/events` holds.
pub const MAX_EVENTS: usize = 1_000;

/// Which events `GET /v1/events` answers: those that fit every filter that is set. Without any, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// `correlationId`
    pub correlation_id: Option<CorrelationId>,
    /// `resource`
    pub resource: Option<Resource>,
    /// `user`: the trace's `userId`. What an unsigned envelope says of it proves nothing: see `envelopeVerified`.
    pub user: Option<String>,
    /// `tenant`: the trace's `tenantId`, under the same caution.
    pub tenant: Option<String>,
    /// `source`
    pub source: Option<Source>,
    /// `detailType`
    pub detail_type: Option<DetailType>,
    /// `bus`: the bus whose key verified the event.
    pub bus: Option<BusId>,
    /// `from`: signed at this time or later.
    pub from: Option<Micros>,
    /// `to`: signed before this time.
    pub to: Option<Micros>,
}

impl EventFilter {
    /// The query's parameters.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let Self { correlation_id, resource, user, tenant, source, detail_type, bus, from, to } = self;
        [
            ("correlationId", correlation_id.as_ref().map(ToString::to_string)),
            ("resource", resource.as_ref().map(ToString::to_string)),
            ("user", user.clone()),
            ("tenant", tenant.clone()),
            ("source", source.as_ref().map(ToString::to_string)),
            ("detailType", detail_type.as_ref().map(ToString::to_string)),
            ("bus", bus.as_ref().map(ToString::to_string)),
            ("from", from.map(|from| from.to_string())),
            ("to", to.map(|to| to.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// Which part of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// `after`: the `next` of the part before; the first part without.
    pub after: Option<&'a str>,
    /// `limit`: events at most, up to [`MAX_EVENTS`]. With bodies a part ends earlier where they are large.
    pub limit: usize,
    /// `body`: whether each entry has its body too, byte for byte.
    pub bodies: bool,
}

/// The answer of `GET /v1/events`: in the order of the signed time, then of arrival.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Events {
    /// The events.
    pub events: Vec<Entry>,
    /// Where the next part begins, if there is one. It holds for the same filters, however the journal grows; an event
    /// that arrives late, signed before that place, is not in the parts that follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Whose correlations `GET /v1/correlations` answers: with neither, everybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// `user`: those in which an event with a signed envelope is this user's,
    pub user: Option<String>,
    /// `tenant`: or this tenant's.
    pub tenant: Option<String>,
}

/// One correlation, by the latest of its events that may be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Correlation {
    /// The correlation.
    pub correlation_id: String,
    /// When that event was signed, RFC 3339.
    pub ts: String,
    /// Who sent it.
    pub source: String,
    /// What happened.
    pub detail_type: String,
    /// What it happened to.
    pub resource: String,
}

/// The answer of `GET /v1/correlations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correlations {
    /// The latest first.
    pub correlations: Vec<Correlation>,
    /// Where older ones begin, if there may be any: one answer looks through so many events at most, and may hold fewer
    /// correlations than were asked for. One of this part can come again, by an older event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The answer of `GET /v1/resources/{resource}`: how it stands, by the latest signed event with a signed envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// The resource.
    pub resource: String,
    /// The action of that event: `Settled` of `Payment.Settled.v1`.
    pub status: String,
    /// When that event was signed, RFC 3339.
    pub last_updated: String,
    /// That event's key, in hex.
    pub event_key: String,
}
