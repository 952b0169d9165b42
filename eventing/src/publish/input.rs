//! The body of a publish request: each field parsed, each fault named. Nothing is signed that a consumer would refuse.

use super::ids::IdempotencyKey;
use super::ports::FieldError;
use crate::envelope::Trace;
use crate::json::{Fault, Json, Limits, Object, parse};
use crate::signing::{DetailCore, SignError};
use crate::types::{BusId, DetailType, Jti, Resource, Source};

/// The most events of one request.
pub const EVENTS: usize = 100;

/// An event that has its form and is not signed yet.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Who sends.
    pub source: Source,
    /// What happened.
    pub detail_type: DetailType,
    /// What it happened to.
    pub resource: Resource,
    /// Whose and which story.
    pub trace: Trace,
    /// The payload, in its canonical form.
    pub detail_core: DetailCore,
}

/// What one request asks to publish.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The events.
    pub events: Vec<NewEvent>,
    /// Whether they came as a list: faults name the place in it.
    pub in_list: bool,
    /// What makes the same request the same events.
    pub keys: Keys,
}

/// The idempotency keys of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// None: the signature service names each signing.
    None,
    /// One for the whole request.
    OfRequest(IdempotencyKey),
    /// One for each event, in their order: the ids of CloudEvents.
    OfEach(Vec<IdempotencyKey>),
}

impl Posted {
    /// The name of an event's signing, where a key gives it one. A key of the whole request gives each event of a list
    /// its own by the index; an event's own key does not depend on what else is in the list.
    pub fn jti(&self, bus: &BusId, index: usize) -> Option<Jti> {
        let source = &self.events.get(index)?.source;
        match &self.keys {
            Keys::None => None,
            Keys::OfRequest(key) => Some(key.jti(bus, source, self.in_list.then_some(index))),
            Keys::OfEach(keys) => Some(keys.get(index)?.jti(bus, source, None)),
        }
    }
}

/// What is wrong with a request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputFault {
    /// It is larger than any event.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// These fields are not what they must be.
    Fields(Vec<FieldError>),
}

/// The events of a request: one object, a list, or `{"events": [..]}`. `true` says that they came as a list.
pub fn parse_events(body: &[u8]) -> Result<(Vec<NewEvent>, bool), InputFault> {
    let json = json(body)?;
    let list = match &json {
        Json::Array(list) => Some(list.as_slice()),
        Json::Object(object) => match object.get("events") {
            Some(Json::Array(list)) => Some(list.as_slice()),
            Some(_) => return Err(fields(vec![error("events", "must be a list")])),
            None => None,
        },
        _ => return Err(fields(vec![error("", "must be an event, or a list of events")])),
    };
    let mut errors = Vec::new();
    let events = match list {
        None => parse_event(&json, "", &[], &mut errors).into_iter().collect(),
        Some(list) if list.is_empty() || list.len() > EVENTS => {
            return Err(fields(vec![error("events", &format!("must have 1 to {EVENTS} events"))]));
        }
        Some(list) => list
            .iter()
            .enumerate()
            .filter_map(|(at, json)| parse_event(json, &format!("events/{at}/"), &[], &mut errors))
            .collect(),
    };
    if errors.is_empty() { Ok((events, list.is_some())) } else { Err(fields(errors)) }
}

/// The body as JSON of one meaning.
pub(super) fn json(body: &[u8]) -> Result<Json<'_>, InputFault> {
    parse(body, Limits::BODY).map_err(|fault| match fault {
        Fault::TooLarge => InputFault::TooLarge { limit: Limits::BODY.bytes },
        fault => fields(vec![error("", &fault.to_string())]),
    })
}

pub(super) const fn fields(errors: Vec<FieldError>) -> InputFault {
    InputFault::Fields(errors)
}

pub(super) fn error(field: &str, reason: &str) -> FieldError {
    FieldError { field: field.to_owned(), reason: reason.to_owned() }
}

/// One event, its fields named after `at`; every fault of it is noted, not the first alone. Fields of the caller's own
/// are passed over.
pub fn parse_event(json: &Json, at: &str, own: &[&str], errors: &mut Vec<FieldError>) -> Option<NewEvent> {
    let Some(object) = json.as_object() else {
        errors.push(error(at.trim_end_matches('/'), "must be an object"));
        return None;
    };
    for (name, _) in object.iter() {
        if !matches!(name, "source" | "detailType" | "resource" | "trace" | "detailCore") && !own.contains(&name) {
            errors.push(error(&format!("{at}{name}"), "is not a field of an event"));
        }
    }
    let source = word(object, at, "source", Source::parse, errors);
    let detail_type = word(object, at, "detailType", DetailType::parse, errors);
    let resource = word(object, at, "resource", Resource::parse, errors);
    let trace = trace(object, at, errors);
    let detail_core = detail_core(object, at, errors);
    Some(NewEvent {
        source: source?,
        detail_type: detail_type?,
        resource: resource?,
        trace: trace?,
        detail_core: detail_core?,
    })
}

fn word<T>(
    object: &Object,
    at: &str,
    name: &str,
    parse: impl Fn(&str) -> Result<T, crate::types::ParseError>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    let parsed = match object.get(name) {
        None => Err("must be there".to_owned()),
        Some(Json::String(text)) => parse(text).map_err(|error| error.reason.to_owned()),
        Some(_) => Err("must be a text".to_owned()),
    };
    parsed.map_err(|reason| errors.push(error(&format!("{at}{name}"), &reason))).ok()
}

fn trace(object: &Object, at: &str, errors: &mut Vec<FieldError>) -> Option<Trace> {
    let Some(json) = object.get("trace") else {
        errors.push(error(&format!("{at}trace"), "must be there"));
        return None;
    };
    let parsed = json.as_object().map(|_| serde_json::from_value::<Trace>(json.to_value()));
    match (parsed, json.as_object().and_then(|trace| trace.get("correlationId"))) {
        (Some(Ok(trace)), _) => Some(trace),
        (None, _) => {
            errors.push(error(&format!("{at}trace"), "must be an object"));
            None
        }
        (Some(Err(_)), None | Some(Json::Null)) => {
            errors.push(error(&format!("{at}trace/correlationId"), "must be there"));
            None
        }
        (Some(Err(fault)), Some(_)) => {
            errors.push(error(&format!("{at}trace"), &fault.to_string()));
            None
        }
    }
}

fn detail_core(object: &Object, at: &str, errors: &mut Vec<FieldError>) -> Option<DetailCore> {
    let reason = match object.get("detailCore").map(DetailCore::of) {
        Some(Ok(core)) => return Some(core),
        None => "must be there".to_owned(),
        Some(Err(SignError::NotAnObject)) => "must be an object".to_owned(),
        Some(Err(SignError::DetailCore(fault))) => fault.to_string(),
        Some(Err(other)) => other.to_string(),
    };
    errors.push(error(&format!("{at}detailCore"), &reason));
    None
}
