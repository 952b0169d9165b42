//! What the application is sent: headers and a body, by the inbox's format.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use eventing::config::Format;
use eventing::consumer::Delivery;
use eventing::json::{Limits, parse};
use eventing::trace_context::TraceContext;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::cloud_event::{self, CloudEvent};

/// Printable ASCII stays as it is, but for `%`: no text can make a header of its own.
const HEADER_TEXT: &AsciiSet = &CONTROLS.add(b'%');
/// How many events a request has, where it has several.
const EVENTS: &str = "qsl-events";
/// That a request's events are replayed: there with this value, or not at all.
const REPLAY: (&str, HeaderValue) = ("qsl-replay", HeaderValue::from_static("true"));

/// The request of one event, whose handling is the child of a span.
///
/// # Errors
/// With a sentence when the event cannot be written.
pub(super) fn of_one(
    format: Format,
    delivery: &Delivery,
    parent: Option<TraceContext>,
) -> Result<(HeaderMap, Vec<u8>), String> {
    let mut headers = facts(delivery);
    if let Some(parent) = parent {
        set(&mut headers, "traceparent", &parent.to_string());
    }
    let (content_type, body) = match format {
        Format::DetailCore => ("application/json", delivery.event.detail_core.as_bytes().to_vec()),
        Format::Envelope => ("application/json", envelope(delivery)?),
        Format::CloudEventsStructured => (cloud_event::STRUCTURED, structured(delivery)?),
        Format::CloudEventsBinary => {
            for (name, value) in CloudEvent::of(delivery).headers() {
                set(&mut headers, &name, &value);
            }
            ("application/json", delivery.event.detail_core.as_bytes().to_vec())
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok((headers, body))
}

/// Writes an event by itself; its error is a sentence.
type Write = fn(&Delivery) -> Result<Vec<u8>, String>;

/// The request of several events: a list of what each would be by itself. It has no event's facts in its headers, but
/// for whether they are replayed, which is the same for all of them.
///
/// # Errors
/// With a sentence when an event cannot be written, or the format has facts in headers.
pub(super) fn of_several(format: Format, events: &[Delivery]) -> Result<(HeaderMap, Vec<u8>), String> {
    let (content_type, write): (_, Write) = match format {
        Format::Envelope => ("application/json", envelope),
        Format::CloudEventsStructured => (cloud_event::BATCH, structured),
        // A configuration that asks for these in batches is refused when it is read.
        Format::DetailCore | Format::CloudEventsBinary => return Err("its format has no batches".to_owned()),
    };
    let mut body = vec![b'['];
    for (at, event) in events.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend(write(event)?);
    }
    body.push(b']');
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(HeaderName::from_static(EVENTS), HeaderValue::from(events.len()));
    if events.iter().any(|delivery| delivery.event.is_replay()) {
        mark_replay(&mut headers);
    }
    Ok((headers, body))
}

/// The canonical form of the whole: within it `detailCore` stands as it was signed, whatever its spelling was.
fn envelope(delivery: &Delivery) -> Result<Vec<u8>, String> {
    match parse(delivery.body.as_bytes(), Limits::BODY) {
        Ok(body) => Ok(body.canonical()),
        Err(fault) => Err(format!("the body {fault}")),
    }
}

fn structured(delivery: &Delivery) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&CloudEvent::of(delivery)).map_err(|error| error.to_string())
}

/// What the application is told of an event beside its body.
fn facts(delivery: &Delivery) -> HeaderMap {
    let event = &delivery.event;
    let mut headers = HeaderMap::with_capacity(12);
    if event.is_replay() {
        mark_replay(&mut headers);
    }
    for (name, text) in [
        ("qsl-source", event.source.as_str()),
        ("qsl-detail-type", event.detail_type.as_str()),
        ("qsl-resource", event.resource.as_str()),
        ("qsl-correlation-id", event.correlation_id.as_str()),
        ("qsl-event-key", &event.event_key.to_string()),
        ("qsl-kid", event.kid.as_str()),
        ("qsl-attempt", &delivery.attempt.to_string()),
    ] {
        set(&mut headers, name, &utf8_percent_encode(text, HEADER_TEXT).to_string());
    }
    for (name, text) in [("traceparent", event.trace.traceparent()), ("tracestate", event.trace.tracestate())] {
        if let Some(text) = text {
            set(&mut headers, name, &utf8_percent_encode(text, HEADER_TEXT).to_string());
        }
    }
    headers
}

fn mark_replay(headers: &mut HeaderMap) {
    let (name, value) = REPLAY;
    headers.insert(HeaderName::from_static(name), value);
}

/// What cannot be a header is left out.
fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}
