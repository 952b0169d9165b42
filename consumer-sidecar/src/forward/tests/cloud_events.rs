//! Deliveries as CloudEvents, and that they can be posted again.

use eventing::publish::Keys;
use eventing::publish::cloud_events::parse_structured;
use eventing::verify::Verified;

use super::*;

const JTI: &str = "0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52";

async fn delivered(format: Format, delivery: Delivery) -> (HeaderMap, String) {
    let (address, got) = application().await;
    let (forwarder, _) = forwarder(address.port(), None, config(format, vec![], Unrouted::DeadLetter));
    assert_eq!(forwarder.handle(delivery).await, HandlerAnswer::Done);
    let (_, headers, body) = got.lock().unwrap().remove(0);
    (headers, body)
}

#[tokio::test]
async fn in_binary_mode_the_attributes_are_headers_and_the_body_is_what_was_signed() {
    let delivery = delivery("ride \"4\" é%");
    let (key, kid) = (delivery.event.event_key.to_string(), delivery.event.kid.to_string());
    let (headers, body) = delivered(Format::CloudEventsBinary, delivery).await;
    assert_eq!(body, r#"{"fare":2.5}"#);
    for (name, value) in [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", JTI),
        ("ce-source", "qsl.tram"),
        ("ce-type", "Tram.Left.v1"),
        ("ce-subject", "urn:qsl:tram:line:7"),
        ("ce-time", "2027-01-15T08:00:00.000000Z"),
        ("ce-correlationid", "ride%20%224%22%20%C3%A9%25"),
        ("ce-traceparent", "00-a-b-01"),
        ("ce-qsleventkey", &key),
        ("ce-qslkid", &kid),
        ("ce-qslattempt", "2"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(!headers.contains_key("ce-datacontenttype") && !headers.contains_key("ce-data"));
}

#[tokio::test]
async fn in_structured_mode_one_object_has_it_all_and_the_data_is_spelt_as_it_was_signed() {
    let (headers, body) = delivered(Format::CloudEventsStructured, delivery("ride-4")).await;
    assert_eq!(headers["content-type"], "application/cloudevents+json");
    assert!(body.ends_with(r#","data":{"fare":2.5}}"#), "{body}");
    let event: serde_json::Value = serde_json::from_str(&body).unwrap();
    let known = json!({
        "specversion": "1.0", "id": JTI, "source": "qsl.tram", "type": "Tram.Left.v1",
        "subject": "urn:qsl:tram:line:7", "time": "2027-01-15T08:00:00.000000Z",
        "datacontenttype": "application/json", "correlationid": "ride-4", "traceparent": "00-a-b-01",
        "qslattempt": 2, "data": {"fare": 2.5},
    });
    for (name, value) in known.as_object().unwrap() {
        assert_eq!(&event[name], value, "{name}");
    }
    assert_eq!(event.as_object().unwrap().len(), known.as_object().unwrap().len() + 2);
}

#[tokio::test]
async fn what_was_delivered_is_the_same_event_when_it_is_posted_again() {
    let (_, body) = delivered(Format::CloudEventsStructured, delivery("ride-4")).await;
    let posted = parse_structured(body.as_bytes()).unwrap();
    let event = &posted.events[0];
    assert_eq!((event.detail_core.as_str(), event.resource.as_str()), (r#"{"fare":2.5}"#, "urn:qsl:tram:line:7"));
    let trace = serde_json::to_value(&event.trace).unwrap();
    assert_eq!(trace, json!({"correlationId": "ride-4", "traceparent": "00-a-b-01"}));
    assert!(matches!(posted.keys, Keys::OfEach(_)));
    assert_eq!(posted.jti(&"platform/lanes".parse().unwrap(), 0).unwrap().to_string(), JTI);
}

#[test]
fn of_the_trace_goes_what_an_attribute_may_be() {
    let mut delivery = delivery("ride-4");
    let mut event = Verified::clone(&delivery.event);
    for (name, value) in
        [("X-Lane 7", "n"), ("--", "n"), ("bell", "a\u{7}b"), ("data", "n"), ("id", "mine"), ("ß", "n")]
    {
        event.trace = event.trace.with(name, value).unwrap();
    }
    delivery.event = Arc::new(event);
    let (_, body) = request::of_one(Format::CloudEventsStructured, &delivery, None).unwrap();
    let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&event["xlane7"], &event["id"], &event["data"]), (&json!("n"), &json!(JTI), &json!({"fare": 2.5})));
    let names: Vec<&String> = event.as_object().unwrap().keys().collect();
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())), "{names:?}");
    assert!(event.get("bell").is_none());
}
