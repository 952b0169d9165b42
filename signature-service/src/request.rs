//! The body of `POST /v1/sign`, parsed by the rules that verifiers apply, every fault with its field.

use eventing::json::{Fault, Json, Limits, parse};
use eventing::publish::{FieldError, NewEvent, parse_event};
use eventing::types::{BusId, Jti};

/// The most bytes of a body.
pub const MAX_BODY_BYTES: usize = 2 << 20;
/// The most events of a batch.
pub const MAX_EVENTS: usize = 100;
/// The body's own levels stand around events whose depth is judged one by one.
const LIMITS: Limits = Limits { bytes: MAX_BODY_BYTES, depth: 80 };

/// A batch that has its form.
#[derive(Debug, Clone)]
pub struct SignRequest {
    /// The bus it is for.
    pub bus: BusId,
    /// The events, with the name of their signing where the caller gave one.
    pub events: Vec<(NewEvent, Option<Jti>)>,
}

/// Why a body is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFault {
    /// More than [`MAX_BODY_BYTES`].
    TooLarge,
    /// These fields are wrong.
    Fields(Vec<FieldError>),
}

/// Reads a body.
///
/// # Errors
/// Every field that is wrong: nothing of such a batch is signed.
pub fn parse_request(body: &[u8]) -> Result<SignRequest, RequestFault> {
    let json = parse(body, LIMITS).map_err(|fault| match fault {
        Fault::TooLarge => RequestFault::TooLarge,
        other => one("", &other.to_string()),
    })?;
    let object = json.as_object().ok_or_else(|| one("", "must be an object"))?;
    let mut errors = Vec::new();
    for (name, _) in object.iter().filter(|(name, _)| !matches!(*name, "bus" | "events")) {
        errors.push(error(name, "is not a field of a request"));
    }
    let bus = match object.get("bus").and_then(Json::as_str).map(str::parse::<BusId>) {
        Some(Ok(bus)) => Some(bus),
        Some(Err(fault)) => note(&mut errors, "bus", fault.reason),
        None => note(&mut errors, "bus", "must be a text"),
    };
    let events = match object.get("events").and_then(Json::as_array) {
        Some(list) if (1..=MAX_EVENTS).contains(&list.len()) => {
            list.iter().enumerate().filter_map(|(at, json)| event(json, at, &mut errors)).collect()
        }
        Some(_) => note(&mut errors, "events", "must have 1 to 100 events").unwrap_or_default(),
        None => note(&mut errors, "events", "must be a list").unwrap_or_default(),
    };
    match bus {
        Some(bus) if errors.is_empty() => Ok(SignRequest { bus, events }),
        _ => Err(RequestFault::Fields(errors)),
    }
}

fn event(json: &Json, at: usize, errors: &mut Vec<FieldError>) -> Option<(NewEvent, Option<Jti>)> {
    let prefix = format!("events/{at}/");
    let jti = match json.as_object().and_then(|event| event.get("jti")) {
        None => None,
        Some(jti) => match jti.as_str().map(Jti::parse) {
            Some(Ok(jti)) => Some(jti),
            Some(Err(fault)) => note(errors, &format!("{prefix}jti"), fault.reason),
            None => note(errors, &format!("{prefix}jti"), "must be a text"),
        },
    };
    Some((parse_event(json, &prefix, &["jti"], errors)?, jti))
}

fn error(field: &str, reason: &str) -> FieldError {
    FieldError { field: field.to_owned(), reason: reason.to_owned() }
}

fn one(field: &str, reason: &str) -> RequestFault {
    RequestFault::Fields(vec![error(field, reason)])
}

fn note<T>(errors: &mut Vec<FieldError>, field: &str, reason: &str) -> Option<T> {
    errors.push(error(field, reason));
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use serde_json::{Value, json};

    use super::*;

    fn good() -> Value {
        json!({"bus": "city/trams", "events": [{
            "source": "qsl.tram", "detailType": "Tram.Departed.v1", "resource": "urn:qsl:depot:tram:7",
            "trace": {"correlationId": "line-7", "userId": "driver-1"},
            "detailCore": {"stop": "harbour", "delay": 1.5}, "jti": "0f8fad5b-d9cb-469f-a165-70867728950e"}]})
    }

    fn faults(body: &Value) -> Vec<String> {
        match parse_request(body.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(RequestFault::TooLarge) => vec!["too large".to_owned()],
            Err(RequestFault::Fields(errors)) => errors.into_iter().map(|error| error.field).collect(),
        }
    }

    #[test]
    fn a_good_batch_is_read() {
        let request = parse_request(good().to_string().as_bytes()).unwrap();
        assert_eq!(request.bus.to_string(), "city/trams");
        let (event, jti) = &request.events[0];
        assert_eq!(event.source.as_str(), "qsl.tram");
        assert_eq!(jti.as_ref().unwrap().as_str(), "0f8fad5b-d9cb-469f-a165-70867728950e");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut body = good();
        body["bus"] = json!("trams");
        body["events"][0]["source"] = json!("tram");
        body["events"][0]["jti"] = json!("7");
        body["events"][0]["detailCore"] = json!([]);
        body["extra"] = json!(1);
        let mut named = faults(&body);
        named.sort();
        assert_eq!(named, ["bus", "events/0/detailCore", "events/0/jti", "events/0/source", "extra"]);
    }

    #[test]
    fn what_a_verifier_would_refuse_is_refused_before_it_is_signed() {
        let text = good().to_string();
        for (from, to) in [
            ("1.5", "9007199254740993"),
            ("1.5", "1e400"),
            ("\"stop\":\"harbour\"", "\"stop\":1,\"stop\":2"),
            ("harbour", "\\ud800"),
        ] {
            let bad = text.replacen(from, to, 1);
            assert_ne!(bad, text);
            assert!(parse_request(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = text.replacen("1.5", &format!("{}1{}", "[".repeat(70), "]".repeat(70)), 1);
        let Err(RequestFault::Fields(errors)) = parse_request(deep.as_bytes()) else { panic!("{deep}") };
        assert_eq!(errors[0].field, "events/0/detailCore");
    }

    #[test]
    fn batches_are_neither_empty_nor_endless() {
        let mut body = good();
        let event = body["events"][0].clone();
        body["events"] = json!([]);
        assert_eq!(faults(&body), ["events"]);
        body["events"] = json!(vec![event; 101]);
        assert_eq!(faults(&body), ["events"]);
        assert_eq!(faults(&json!([])), [""]);
        assert_eq!(parse_request(&vec![b' '; MAX_BODY_BYTES + 1]).unwrap_err(), RequestFault::TooLarge);
    }
}
