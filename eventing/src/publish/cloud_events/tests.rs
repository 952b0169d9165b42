//! CloudEvents as SDKs write them, and each way to be wrong.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use serde_json::{Value, json};

use super::*;
use crate::types::BusId;

const ID: &str = "0F8FAD5B-D9CB-469F-A165-70867728950E";

fn tram() -> Value {
    json!({
        "specversion": "1.0", "id": ID, "source": "qsl.tram", "type": "Tram.Left.v1",
        "subject": "urn:qsl:tram:line:7", "time": "2026-11-23T09:00:00.5+01:00", "datacontenttype": "application/json",
        "correlationid": "ride-4", "userid": "u-2", "traceparent": "00-a-b-01", "lane": 3, "express": true,
        "dataschema": null, "qslattempt": 2, "data": {"b": 125.50, "a": 1},
    })
}

fn jti(posted: &Posted, at: usize) -> String {
    let bus: BusId = "platform/lanes".parse().unwrap();
    posted.jti(&bus, at).unwrap().to_string()
}

fn faults(read: Result<Posted, InputFault>) -> Vec<(String, String)> {
    match read.unwrap_err() {
        InputFault::Fields(errors) => errors.into_iter().map(|error| (error.field, error.reason)).collect(),
        InputFault::TooLarge { .. } => panic!("too large"),
    }
}

fn structured_faults(event: &Value) -> Vec<(String, String)> {
    faults(parse_structured(event.to_string().as_bytes()))
}

#[test]
fn each_attribute_has_its_place_in_the_event() {
    let posted = parse_structured(tram().to_string().as_bytes()).unwrap();
    let event = &posted.events[0];
    assert_eq!((event.source.as_str(), event.detail_type.as_str()), ("qsl.tram", "Tram.Left.v1"));
    assert_eq!((event.resource.as_str(), event.detail_core.as_str()), ("urn:qsl:tram:line:7", r#"{"a":1,"b":125.5}"#));
    let trace = serde_json::to_value(&event.trace).unwrap();
    let expected = json!({
        "correlationId": "ride-4", "userId": "u-2", "traceparent": "00-a-b-01", "lane": "3", "express": "true",
    });
    assert_eq!(trace, expected);
    assert_eq!((jti(&posted, 0), posted.in_list), (ID.to_ascii_lowercase(), false));
}

#[test]
fn in_a_batch_each_event_is_the_same_event_wherever_it_stands() {
    let mut other = tram();
    other["id"] = json!("order-2");
    let batch = |events: Value| parse_batch(events.to_string().as_bytes()).unwrap();
    let (one, turned) = (batch(json!([tram(), other])), batch(json!([other, tram()])));
    assert_eq!((jti(&one, 0), jti(&one, 1)), (jti(&turned, 1), jti(&turned, 0)));
    assert_ne!(jti(&one, 0), jti(&one, 1));
    let twice = faults(parse_batch(json!([tram(), other, tram()]).to_string().as_bytes()));
    assert_eq!(twice, [("events/2/id".to_owned(), "is the id of another event of this source and batch".to_owned())]);
}

#[test]
fn the_headers_of_binary_mode_say_what_the_members_of_structured_mode_do() {
    let attributes: Vec<(String, String)> = [
        ("specversion", "1.0"),
        ("id", ID),
        ("source", "qsl.tram"),
        ("type", "Tram.Left.v1"),
        ("subject", "urn:qsl:tram:line:7"),
        ("correlationid", "ride-4"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let posted = parse_binary(&attributes, br#"{"a":1}"#).unwrap();
    assert_eq!((posted.events[0].detail_core.as_str(), jti(&posted, 0)), (r#"{"a":1}"#, ID.to_ascii_lowercase()));
    let named = |attributes: &[(String, String)], body: &[u8]| -> Vec<String> {
        faults(parse_binary(attributes, body)).into_iter().map(|(field, _)| field).collect()
    };
    assert_eq!(named(&attributes[1..], b"{}"), ["ce-specversion"]);
    assert_eq!(named(&[attributes.clone(), attributes[1..2].to_vec()].concat(), b"{}"), ["ce-id"]);
    assert_eq!(named(&attributes, b"[]"), [""]);
    let typed = [attributes.clone(), vec![("datacontenttype".to_owned(), "application/json".to_owned())]].concat();
    assert_eq!(named(&typed, b"{}"), ["ce-datacontenttype"]);
    assert_eq!(
        named(&[], b"{}"),
        ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-subject", "ce-correlationid"]
    );
}

#[test]
fn each_attribute_at_fault_is_named() {
    for (name, value) in [
        ("specversion", json!("0.3")),
        ("specversion", json!(1)),
        ("id", json!("")),
        ("id", json!(4)),
        ("source", json!("https://tram.example/")),
        ("type", json!("com.example.tram")),
        ("subject", json!("line 7")),
        ("subject", Value::Null),
        ("time", json!("yesterday")),
        ("time", json!("2026-11-23T09:00:00")),
        ("time", json!("2026-11-23T09:00:00+25:00")),
        ("datacontenttype", json!("text/xml")),
        ("dataschema", json!("https://tram.example/schema")),
        ("correlationid", Value::Null),
        ("correlationid", json!("")),
        ("userid", json!("u".repeat(513))),
        ("lane", json!(1.5)),
        ("lane", json!({})),
        ("Lane", json!("x")),
        ("data", json!([1])),
        ("data", json!("text")),
    ] {
        let mut event = tram();
        event[name] = value.clone();
        let named: Vec<String> = structured_faults(&event).into_iter().map(|(field, _)| field).collect();
        assert_eq!(named, [name], "{value}");
    }
    let mut binary = tram();
    let data = binary.as_object_mut().unwrap().remove("data").unwrap();
    binary["data_base64"] = json!("e30=");
    let named: Vec<String> = structured_faults(&binary).into_iter().map(|(field, _)| field).collect();
    assert_eq!(named, ["data_base64", "data"], "{data}");
}

#[test]
fn what_is_no_cloud_event_at_all_is_said() {
    assert_eq!(structured_faults(&json!([]))[0].1, "must be a CloudEvent: an object");
    for body in ["[]", "{}", "1"] {
        assert_eq!(faults(parse_batch(body.as_bytes()))[0].1, "must have 1 to 100 events", "{body}");
    }
    assert_eq!(faults(parse_batch(b"[1]"))[0].0, "events/0");
    let twice = tram().to_string().replace(r#""express":true"#, r#""express":true,"express":true"#);
    assert!(faults(parse_structured(twice.as_bytes()))[0].1.contains("twice"));
}

#[test]
fn times_of_any_offset_are_taken() {
    for good in ["2026-11-23T08:00:00Z", "2026-11-23t08:00:00.123456z", "2026-11-23T08:00:00-09:30"] {
        assert!(is_timestamp(good), "{good}");
    }
    for bad in ["", "Z", "2026-02-30T08:00:00Z", "2026-11-23T08:00:00+0100", "2026-11-23T08:00:00+01:60", "ééééé+01:00"]
    {
        assert!(!is_timestamp(bad), "{bad}");
    }
}
