//! An event as a CloudEvent 1.0: the envelope's facts as attributes, the trace as extensions, `detailCore` as `data`,
//! byte for byte as it was signed.
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>

use std::collections::BTreeMap;

use eventing::consumer::Delivery;
use eventing::verify::{RawJson, Verified};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// The content type of one event in structured mode.
pub(super) const STRUCTURED: &str = "application/cloudevents+json";
/// The content type of several.
pub(super) const BATCH: &str = "application/cloudevents-batch+json";
/// What a header's value may not have as it is (HTTP binding, 3.1.3.2); what is not ASCII is never left.
const HEADER_VALUE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// That an event is replayed: there and true, or not at all.
const REPLAY: &str = "qslreplay";

/// An attribute's value: of CloudEvents' types, those that are used here.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Integer(u32),
    Boolean(bool),
}

/// A delivery's attributes and data.
#[derive(Debug)]
pub(super) struct CloudEvent<'d> {
    attributes: BTreeMap<String, Value>,
    data: &'d RawJson,
}

impl<'d> CloudEvent<'d> {
    pub(super) fn of(delivery: &'d Delivery) -> Self {
        let event = delivery.event.as_ref();
        let mut attributes = extensions(event);
        let known = [
            ("specversion", "1.0".to_owned()),
            ("id", id(event)),
            ("source", event.source.to_string()),
            ("type", event.detail_type.to_string()),
            ("subject", event.resource.to_string()),
            ("time", event.ts.to_string()),
            ("datacontenttype", "application/json".to_owned()),
            ("qsleventkey", event.event_key.to_string()),
            ("qslkid", event.kid.to_string()),
        ];
        // After the trace, whose members are the sender's words.
        attributes.extend(known.map(|(name, text)| (name.to_owned(), Value::Text(text))));
        attributes.insert("qslattempt".to_owned(), Value::Integer(delivery.attempt));
        if event.is_replay() {
            attributes.insert(REPLAY.to_owned(), Value::Boolean(true));
        }
        Self { attributes, data: &event.detail_core }
    }

    /// The attributes as binary mode has them: all but the content type, which is the request's own.
    pub(super) fn headers(&self) -> impl Iterator<Item = (String, String)> {
        self.attributes.iter().filter(|(name, _)| *name != "datacontenttype").map(|(name, value)| {
            let value = match value {
                Value::Text(text) => utf8_percent_encode(text, HEADER_VALUE).to_string(),
                Value::Integer(number) => number.to_string(),
                Value::Boolean(yes) => yes.to_string(),
            };
            (format!("ce-{name}"), value)
        })
    }
}

/// As JSON format has it: attributes and `data` side by side.
impl Serialize for CloudEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.attributes.len() + 1))?;
        for (name, value) in &self.attributes {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("data", self.data)?;
        map.end()
    }
}

/// The name of the signing where it names the event, as the id of a CloudEvent that was posted does; else the event's
/// key.
fn id(event: &Verified) -> String {
    match &event.jti {
        Some(jti) if event.has_env => jti.to_string(),
        _ => event.event_key.to_string(),
    }
}

/// The members of the trace, by names that CloudEvents allows. One that has no letter or digit, or a value that no
/// attribute may have, is left out, and so is one that would say of an event that it is replayed.
fn extensions(event: &Verified) -> BTreeMap<String, Value> {
    let mut extensions = BTreeMap::new();
    let members = event.trace.iter().filter(|(_, text)| !text.chars().any(is_disallowed));
    for (member, text) in members {
        let letters = member.chars().filter(char::is_ascii_alphanumeric);
        let name: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
        // `data` is no attribute, and `data_base64` cannot come of letters and digits.
        if !["", "data", "dataschema", REPLAY].contains(&name.as_str()) {
            extensions.insert(name, Value::Text(text.to_owned()));
        }
    }
    extensions
}

/// What a string of CloudEvents has not: control characters and code points that are no characters.
fn is_disallowed(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}
