//! How an application is told that an event is replayed: by the grant that was verified, in every format, and by nothing
//! that a sender could write.

use eventing::config::BatchConfig;
use eventing::grant::Purpose;
use futures::future::join_all;

use super::*;

/// The same delivery as the verifier gives it where a grant of this purpose held.
fn sent_again(delivery: &Delivery, purpose: Purpose) -> Delivery {
    let mut event = eventing::verify::Verified::clone(&delivery.event);
    (event.purpose, event.grant_digest) = (Some(purpose), Some([7; 32]));
    Delivery { event: Arc::new(event), ..delivery.clone() }
}

/// An event whose sender claims in everything that it may write that it is a replay.
fn claims_to_be_one() -> Delivery {
    let mut delivery = delivery_of("ride-4", &json!({"qsl-replay": "true", "QSL-Replay": true}));
    let mut event = eventing::verify::Verified::clone(&delivery.event);
    for name in ["qslreplay", "qsl-replay", "QSL-Replay", "qsl.replay"] {
        event.trace = event.trace.with(name, "true").unwrap();
    }
    delivery.event = Arc::new(event);
    delivery
}

const FORMATS: [Format; 4] =
    [Format::DetailCore, Format::Envelope, Format::CloudEventsBinary, Format::CloudEventsStructured];

#[test]
fn a_replay_is_marked_in_every_format_and_a_redrive_in_none() {
    let plain = delivery("ride-4");
    for format in FORMATS {
        for (purpose, mark) in [(Purpose::Replay, Some("true")), (Purpose::Redrive, None)] {
            let (headers, body) = request::of_one(format, &sent_again(&plain, purpose), None).unwrap();
            assert_eq!(headers.get("qsl-replay").map(|value| value.to_str().unwrap()), mark, "{format:?} {purpose}");
            if format == Format::CloudEventsBinary {
                assert_eq!(headers.get("ce-qslreplay").map(|value| value.to_str().unwrap()), mark, "{purpose}");
            }
            if format == Format::CloudEventsStructured {
                let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(event.get("qslreplay"), mark.map(|_| &json!(true)), "{purpose}");
            }
        }
    }
}

/// Attack 11: a sender marks its own event.
#[test]
fn nothing_that_a_sender_writes_marks_an_event_as_a_replay() {
    for format in FORMATS {
        let (headers, body) = request::of_one(format, &claims_to_be_one(), None).unwrap();
        let marks: Vec<_> = headers.keys().filter(|name| name.as_str().contains("replay")).collect();
        assert!(marks.is_empty(), "{format:?}: {marks:?}");
        let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(event.get("qslreplay").is_none(), "{format:?}: {event}");
    }
    // What is marked is marked by us, whatever the sender wrote at the same place.
    let replay = sent_again(&claims_to_be_one(), Purpose::Replay);
    let (_, body) = request::of_one(Format::CloudEventsStructured, &replay, None).unwrap();
    let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["qslreplay"], json!(true));
}

#[tokio::test]
async fn replays_and_other_events_are_never_in_one_request() {
    let (address, got) = application().await;
    let mut config = config(Format::Envelope, vec![], Unrouted::DeadLetter);
    config.forward.batch = Some(BatchConfig { max_events: 2, max_wait_milliseconds: 10_000 });
    let (forwarder, _) = forwarder(address.port(), None, config);
    let plain = Delivery { attempt: 1, ..delivery("ride-4") };
    let replay = sent_again(&plain, Purpose::Replay);
    let deliveries = [&plain, &replay, &plain, &replay].map(Clone::clone);
    let answers = join_all(deliveries.map(|delivery| forwarder.handle(delivery))).await;
    assert_eq!(answers, vec![HandlerAnswer::Done; 4]);
    let marked: Vec<(bool, String)> = got
        .lock()
        .unwrap()
        .iter()
        .map(|(_, headers, _)| (headers.contains_key("qsl-replay"), headers["qsl-events"].to_str().unwrap().to_owned()))
        .collect();
    assert!(marked.contains(&(true, "2".to_owned())) && marked.contains(&(false, "2".to_owned())), "{marked:?}");
    assert_eq!(marked.len(), 2);
}
