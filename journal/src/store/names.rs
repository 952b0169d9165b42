//! What records are named by, so that an event is found by its key, and neighbours are read together.

use std::ops::Bound;

use surrealdb::types::{Array, Number, RecordId, RecordIdKey, RecordIdKeyRange, SurrealValue, Value};

use super::schema::{ARRIVALS, ENTRIES, EVENTS};
use crate::query::Lead;

/// The most entries of one arrival, which bounds what a look along positions reads.
pub(super) const ARRIVAL: usize = 50;

/// An event's record, by its key in hex.
pub(super) fn event_id(key: &str) -> RecordId {
    RecordId::new(EVENTS, key)
}

/// An entry's record: entries of a correlation are neighbours, by signed time, then position.
pub(super) fn entry_id(correlation_id: &str, ts: i64, position: i64) -> RecordId {
    let place = vec![correlation_id.to_owned().into_value(), ts.into_value(), position.into_value()];
    RecordId::new(ENTRIES, Array::from(place))
}

/// What arrived together, by the last of its positions.
pub(super) fn arrival_id(last: i64) -> RecordId {
    RecordId::new(ARRIVALS, last)
}

/// The arrivals from one whose last position is this or a later one, to one whose last is this at most.
pub(super) fn arrivals(from: i64, to: i64) -> RecordId {
    let (start, end) = (Bound::Included(RecordIdKey::Number(from)), Bound::Included(RecordIdKey::Number(to)));
    RecordId::new(ARRIVALS, RecordIdKey::Range(Box::new(RecordIdKeyRange { start, end })))
}

/// The position that is the last part of an entry's name.
pub(super) fn position_of(entry: &RecordId) -> Option<i64> {
    match &entry.key {
        RecordIdKey::Array(place) => match place.last() {
            Some(Value::Number(Number::Int(position))) => Some(*position),
            _ => None,
        },
        _ => None,
    }
}

/// What the index over leads has of a fact. Every entry is found by its time, which is no fact and has no value;
/// correlations are ranges of records.
pub(super) fn lead_of(lead: Lead, value: &str) -> String {
    let kind = match lead {
        Lead::Correlation => "correlation",
        Lead::Resource => "resource",
        Lead::User => "user",
        Lead::Tenant => "tenant",
        Lead::DetailType => "type",
        Lead::Time => "",
    };
    format!("{kind} {value}")
}

/// The text a record is named by.
pub(super) fn name(id: &RecordId) -> String {
    match &id.key {
        RecordIdKey::String(name) => name.clone(),
        other => format!("{other:?}"),
    }
}
