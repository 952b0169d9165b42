//! CloudEvents 1.0 as a publish request: structured, in a batch, or with the attributes in headers. Each attribute has
//! its member of our event: `type` is the detail-type, `subject` the resource, `data` the payload, `id` the idempotency
//! key; extensions are members of the trace. What our event has no place for is refused by name; only `time` is checked
//! and left, since the time of an event is that of its signature.
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>

use super::ids::IdempotencyKey;
use super::input::{EVENTS, InputFault, Keys, NewEvent, Posted, error, fields, json, parse_event};
use super::ports::FieldError;
use crate::json::{Json, Object};
use crate::time::Micros;

/// Attributes of ours that a delivered event has besides: one that is posted again gets its own.
const OURS: [&str; 4] = ["qsleventkey", "qslkid", "qslattempt", "qslreplay"];
/// The extensions that are members of the trace under another name.
const MEMBERS: [(&str, &str); 4] =
    [("correlationid", "correlationId"), ("userid", "userId"), ("tenantid", "tenantId"), ("deviceid", "deviceId")];
/// The most characters of a member of the trace.
const MEMBER: usize = 512;

/// A body of `application/cloudevents+json`.
///
/// # Errors
/// With each attribute at fault.
pub fn parse_structured(body: &[u8]) -> Result<Posted, InputFault> {
    let json = json(body)?;
    let mut errors = Vec::new();
    let read = structured(&json, "", &mut errors);
    posted(read.into_iter().collect(), false, errors)
}

/// A body of `application/cloudevents-batch+json`.
///
/// # Errors
/// With each attribute at fault.
pub fn parse_batch(body: &[u8]) -> Result<Posted, InputFault> {
    let json = json(body)?;
    let list = json.as_array().filter(|list| (1..=EVENTS).contains(&list.len()));
    let list = list.ok_or_else(|| fields(vec![error("events", &format!("must have 1 to {EVENTS} events"))]))?;
    let mut errors = Vec::new();
    let mut read: Vec<(NewEvent, IdempotencyKey)> = Vec::with_capacity(list.len());
    for (at, json) in list.iter().enumerate() {
        let Some((event, key)) = structured(json, &format!("events/{at}/"), &mut errors) else { continue };
        // To consumers the second would be a copy of the first, and be dropped.
        if read.iter().any(|(other, of)| of == &key && other.source == event.source) {
            errors.push(error(&format!("events/{at}/id"), "is the id of another event of this source and batch"));
        }
        read.push((event, key));
    }
    posted(read, true, errors)
}

/// A body that is `data` alone, with the attributes of the headers `ce-…`, decoded.
///
/// # Errors
/// With each attribute at fault, by its header's name.
pub fn parse_binary(attributes: &[(String, String)], body: &[u8]) -> Result<Posted, InputFault> {
    let data = json(body)?;
    let mut errors = Vec::new();
    let names = attributes.iter().map(|(name, _)| name.as_str());
    for (at, name) in names.clone().enumerate() {
        if names.clone().take(at).any(|other| other == name) {
            errors.push(error(&format!("ce-{name}"), "must be there once"));
        }
        if matches!(name, "data" | "data_base64" | "datacontenttype") {
            errors.push(error(&format!("ce-{name}"), "is no header: it is the body, and its Content-Type"));
        }
    }
    let object: Object<'_> = attributes.iter().map(|(name, text)| (name.as_str(), Json::from(text.as_str()))).collect();
    let read = Reader { at: "ce-", errors: &mut errors }.event(&object, Some(&data));
    for error in &mut errors {
        if error.field == "ce-data" {
            error.field.clear();
        }
    }
    posted(read.into_iter().collect(), false, errors)
}

fn posted(read: Vec<(NewEvent, IdempotencyKey)>, in_list: bool, errors: Vec<FieldError>) -> Result<Posted, InputFault> {
    if !errors.is_empty() {
        return Err(fields(errors));
    }
    let (events, keys) = read.into_iter().unzip();
    Ok(Posted { events, in_list, keys: Keys::OfEach(keys) })
}

fn structured(json: &Json<'_>, at: &str, errors: &mut Vec<FieldError>) -> Option<(NewEvent, IdempotencyKey)> {
    let Some(object) = json.as_object() else {
        errors.push(error(at.trim_end_matches('/'), "must be a CloudEvent: an object"));
        return None;
    };
    Reader { at, errors }.event(object, object.get("data"))
}

/// Reads one CloudEvent; every fault of it is noted, not the first alone.
struct Reader<'e> {
    /// What stands before an attribute's name where a fault names it.
    at: &'e str,
    errors: &'e mut Vec<FieldError>,
}

impl Reader<'_> {
    fn fault(&mut self, attribute: &str, reason: &str) {
        self.errors.push(error(&format!("{}{attribute}", self.at), reason));
    }

    fn event(mut self, object: &Object<'_>, data: Option<&Json<'_>>) -> Option<(NewEvent, IdempotencyKey)> {
        // An attribute that is null is not set (JSON format, 2.2).
        let set = |name: &str| object.get(name).filter(|value| **value != Json::Null);
        if set("specversion").and_then(Json::as_str) != Some("1.0") {
            self.fault("specversion", "must be 1.0");
        }
        let key = self.key(set("id"));
        self.content_type(set("datacontenttype"));
        self.time(set("time"));
        for name in ["dataschema", "data_base64"] {
            if set(name).is_some() {
                self.fault(name, "has no place in an event here: data is a JSON object, its schema that of the type");
            }
        }
        let trace = Json::Object(self.trace(object));
        let known = [("source", set("source")), ("detailType", set("type")), ("resource", set("subject"))];
        let known = known.into_iter().chain([("trace", Some(&trace)), ("detailCore", data)]);
        let event: Object<'_> = known.filter_map(|(name, value)| Some((name, value?.clone()))).collect();
        let mut faults = Vec::new();
        let event = parse_event(&Json::Object(event), "", &[], &mut faults);
        for FieldError { field, reason } in faults {
            self.fault(attribute(&field), &reason);
        }
        Some((event?, key?))
    }

    fn key(&mut self, id: Option<&Json<'_>>) -> Option<IdempotencyKey> {
        let key = match id {
            None => Err("must be there"),
            Some(Json::String(text)) => IdempotencyKey::parse(text).map_err(|error| error.reason),
            Some(_) => Err("must be a text"),
        };
        key.map_err(|reason| self.fault("id", reason)).ok()
    }

    fn content_type(&mut self, value: Option<&Json<'_>>) {
        let Some(value) = value else { return };
        let essence = value.as_str().and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        if essence != "application/json" && !essence.ends_with("+json") {
            self.fault("datacontenttype", "must be application/json: data is a JSON object");
        }
    }

    fn time(&mut self, value: Option<&Json<'_>>) {
        if value.is_some_and(|value| !value.as_str().is_some_and(is_timestamp)) {
            self.fault("time", "must be an RFC 3339 timestamp, such as 2026-11-23T08:00:00Z");
        }
    }

    /// The extensions, under their names in a trace.
    fn trace<'o>(&mut self, object: &'o Object<'_>) -> Object<'o> {
        let mut trace = Vec::new();
        for (name, value) in object.iter() {
            if is_defined(name) || OURS.contains(&name) || *value == Json::Null {
                continue;
            }
            if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
                self.fault(name, "is no attribute's name: lower-case letters and digits alone");
                continue;
            }
            match extension(value) {
                Ok(value) => trace.push((member(name), value)),
                Err(reason) => self.fault(name, reason),
            }
        }
        trace.into_iter().collect()
    }
}

/// The attributes that CloudEvents itself defines, and the data.
fn is_defined(name: &str) -> bool {
    matches!(name, "specversion" | "id" | "source" | "type" | "subject" | "time")
        || matches!(name, "datacontenttype" | "dataschema" | "data" | "data_base64")
}

fn member(extension: &str) -> &str {
    MEMBERS.iter().find(|(name, _)| *name == extension).map_or(extension, |(_, member)| member)
}

/// The attribute that became a field of our event.
fn attribute(field: &str) -> &str {
    match field {
        "detailType" => "type",
        "resource" => "subject",
        "detailCore" => "data",
        // Each other member has been looked at before.
        "trace" | "trace/correlationId" => "correlationid",
        other => other,
    }
}

/// A value of an extension as a text; CloudEvents has booleans and integers, too.
fn extension<'o>(value: &'o Json<'_>) -> Result<Json<'o>, &'static str> {
    match value {
        Json::String(text) if text.chars().nth(MEMBER).is_some() => Err("may have 512 characters"),
        Json::String(text) => Ok(Json::from(text.as_ref())),
        Json::Bool(value) => Ok(Json::String(value.to_string().into())),
        Json::Number(value) if value.fract() == 0.0 => Ok(Json::String(format!("{value:.0}").into())),
        _ => Err("must be a text, an integer or a boolean"),
    }
}

/// RFC 3339 with any offset, in either case.
fn is_timestamp(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let Some(at) = text.len().checked_sub(6).filter(|at| text.is_char_boundary(*at)) else { return false };
    let (instant, offset) = text.split_at(at);
    let utc = match offset.as_bytes() {
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let digits = [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit);
            let in_range = offset.get(1..3).is_some_and(|hours| hours < "24") && *m1 < b'6';
            if !(digits && in_range) {
                return false;
            }
            format!("{instant}Z")
        }
        _ => text,
    };
    Micros::parse_rfc3339(&utc).is_ok()
}

#[cfg(test)]
mod tests;
