//! Publishing on a bus that refuses what EventBridge refuses.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::batch::{BYTES, ENTRY_BYTES, entry_size};
use super::fake::{FakeBus, FakeSigner, Next};
use super::ids::IdempotencyKey;
use super::*;
use crate::time::Millis;

mod together;

fn event(source: &str, core: &Value) -> Value {
    json!({
        "source": source, "detailType": "Tram.Left.v1", "resource": "urn:qsl:tram:line:7",
        "trace": {"correlationId": "ride-4", "userId": "u-2"}, "detailCore": core,
    })
}

fn parsed(events: &Value) -> Vec<NewEvent> {
    parse_events(events.to_string().as_bytes()).unwrap().0
}

fn some(count: usize) -> Vec<NewEvent> {
    let events: Vec<Value> = (0..count).map(|n| event("qsl.tram", &json!({ "n": n }))).collect();
    parsed(&Value::from(events))
}

/// A request of these events.
fn list(events: Vec<NewEvent>) -> Posted {
    Posted { events, in_list: true, keys: Keys::None }
}

fn publisher(bus: FakeBus) -> (Publisher, Arc<FakeSigner>, Arc<FakeBus>) {
    publisher_by(bus, Millis::now)
}

fn publisher_by(bus: FakeBus, now: fn() -> Millis) -> (Publisher, Arc<FakeSigner>, Arc<FakeBus>) {
    let (signer, bus) = (Arc::new(FakeSigner::default()), Arc::new(bus));
    (Publisher::by(signer.clone(), bus.clone(), "platform/lanes".parse().unwrap(), now), signer, bus)
}

fn is_published(placed: &Placed) -> bool {
    matches!(placed.outcome, Outcome::Published { .. })
}

#[tokio::test]
async fn events_leave_signed_in_batches_of_ten_of_one_source() {
    let (publisher, _, bus) = publisher(FakeBus::default());
    let mut events: Vec<Value> = (0..23).map(|n| event("qsl.tram", &json!({ "n": n }))).collect();
    events.insert(5, event("qsl.lane", &json!({})));
    let placed = publisher.publish(&list(parsed(&Value::from(events)))).await.unwrap();
    assert_eq!(placed.iter().filter(|placed| is_published(placed)).count(), 24);
    assert_eq!(bus.sizes(), [10, 1, 10, 3]);
    assert!(bus.puts.lock().unwrap()[0][0].detail.contains("sig_compact"));
}

#[tokio::test]
async fn failed_entries_alone_are_put_again_and_only_where_it_may_help() {
    let spared = vec![(1, "ThrottlingException"), (2, "NotAuthorizedForSourceException"), (4, "InternalFailure")];
    let bus = FakeBus::default().next(Next::Spares(spared)).next(Next::Spares(vec![(0, "ThrottlingException")]));
    let (publisher, signer, bus) = publisher(bus);
    let placed = publisher.publish(&list(some(6))).await.unwrap();
    assert_eq!(bus.sizes(), [6, 2, 1]);
    assert!(matches!(&placed[2].outcome, Outcome::Refused(fault) if fault.code == "NotAuthorizedForSourceException"));
    assert_eq!(placed.iter().filter(|placed| is_published(placed)).count(), 5);
    assert_eq!(signer.sizes(), [6]);
}

#[cfg(feature = "paused-clock")]
#[tokio::test(start_paused = true)]
async fn a_put_that_times_out_is_uncertain_and_not_repeated() {
    let (publisher, signer, bus) = publisher(FakeBus::default().next(Next::Hangs));
    let placed = publisher.publish(&list(some(2))).await.unwrap();
    assert!(placed.iter().all(|placed| matches!(placed.outcome, Outcome::Uncertain(_))));
    assert_eq!((bus.sizes(), signer.sizes()), (vec![2], vec![2]));
}

#[cfg(feature = "paused-clock")]
#[tokio::test(start_paused = true)]
async fn a_bus_that_stays_throttled_ends_within_the_life_of_the_signature() {
    let mut bus = FakeBus::default();
    for _ in 0..50 {
        bus = bus.next(Next::Fails(PutError::NotSent("ThrottlingException".to_owned())));
    }
    let (publisher, _, bus) = publisher(bus);
    let began = tokio::time::Instant::now();
    let placed = publisher.publish(&list(some(1))).await.unwrap();
    assert!(matches!(placed[0].outcome, Outcome::NotSent(_)));
    assert!(began.elapsed().as_secs() < 60);
    assert_eq!(bus.sizes().len(), 5);
}

#[tokio::test]
async fn an_event_too_large_is_refused_before_anything_is_signed() {
    let (publisher, signer, _) = publisher(FakeBus::default());
    let large = parsed(&event("qsl.tram", &json!({"blob": "x".repeat(450_000)})));
    let refused = publisher.publish(&list(large.clone())).await.unwrap_err();
    assert!(matches!(refused, PublishError::TooLarge { index: 0, limit: ENTRY_BYTES, .. }));
    assert!(signer.sizes().is_empty());
}

#[tokio::test]
async fn the_size_told_before_signing_is_an_upper_bound() {
    for length in [0, 1, 2, 1_000, 430_000] {
        let (publisher, _, bus) = publisher(FakeBus::default());
        let events = parsed(&event("qsl.tram", &json!({"blob": "x".repeat(length)})));
        publisher.publish(&list(events.clone())).await.unwrap();
        let size = bus.puts.lock().unwrap()[0][0].size();
        let told = entry_size(&events[0]);
        assert!(size <= told && told <= size + 1_024, "{size} {told}");
    }
}

#[tokio::test]
async fn large_entries_share_no_put_that_is_too_large() {
    let (publisher, _, bus) = publisher(FakeBus::default());
    let one = event("qsl.tram", &json!({"blob": "x".repeat(200_000)}));
    let body = json!([one, one, one, one]).to_string();
    let (events, _) = parse_events(body.as_bytes()).unwrap();
    let placed = publisher.publish(&list(events.clone())).await.unwrap();
    assert!(placed.iter().all(is_published));
    assert!(bus.puts.lock().unwrap().iter().all(|put| put.iter().map(Entry::size).sum::<usize>() <= BYTES));
    assert_eq!(bus.sizes(), [2, 2]);
}

#[tokio::test]
async fn the_same_key_is_the_same_event() {
    let (publisher, _, _) = publisher(FakeBus::default());
    let key = IdempotencyKey::parse("order-12").unwrap();
    let keyed = Posted { keys: Keys::OfRequest(key), ..list(some(2)) };
    let first = publisher.publish(&keyed).await.unwrap();
    let again = publisher.publish(&keyed).await.unwrap();
    assert_eq!(first[0].jti, again[0].jti);
    assert_ne!(first[0].jti, first[1].jti);
}

#[tokio::test]
async fn with_a_clock_that_is_off_nothing_is_published_and_the_reason_is_told() {
    for off in [|| Millis::now().plus_millis(-600_000), || Millis::now().plus_millis(600_000)] {
        let (publisher, _, bus) = publisher_by(FakeBus::default(), off);
        let failure = publisher.publish(&list(some(2))).await.unwrap_err();
        let PublishError::Sign(SignFailure::Unavailable { code, detail, .. }) = failure else { panic!("{failure}") };
        assert!(code == "CLOCKS_APART" && detail.contains(" 600 s apart"), "{code} {detail}");
        assert!(bus.sizes().is_empty());
    }
    let (publisher, ..) = publisher_by(FakeBus::default(), || Millis::now().plus_millis(60_000));
    let a_minute = publisher.publish(&list(some(2))).await.unwrap();
    assert!(a_minute.iter().all(is_published));
}

fn away(retry_after: Option<Duration>) -> SignFailure {
    let (code, detail) = ("SIGNATURE_SERVICE_UNREACHABLE".to_owned(), "no route".to_owned());
    SignFailure::Unavailable { code, detail, retry_after }
}

#[tokio::test]
async fn a_signature_service_that_is_away_for_a_moment_is_asked_again_and_the_bus_once() {
    let (publisher, signer, bus) = publisher(FakeBus::default());
    signer.failures.lock().unwrap().extend([away(None), away(None)]);
    let placed = publisher.publish(&list(some(2))).await.unwrap();
    assert!(placed.iter().all(is_published));
    assert_eq!((signer.sizes(), bus.sizes()), (vec![2, 2, 2], vec![2]));
    let asked = signer.asked.lock().unwrap();
    assert!(asked.iter().all(|request| request[0].detail_core.as_str() == asked[0][0].detail_core.as_str()));
}

#[cfg(feature = "paused-clock")]
#[tokio::test(start_paused = true)]
async fn a_signature_service_that_stays_away_is_asked_ever_less_and_given_up_within_ten_seconds() {
    let (publisher, signer, bus) = publisher(FakeBus::default());
    signer.failures.lock().unwrap().extend(std::iter::repeat_n(away(None), 1_000));
    let began = tokio::time::Instant::now();
    assert_eq!(publisher.publish(&list(some(1))).await.unwrap_err(), PublishError::Sign(away(None)));
    assert!((3..10).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!((5..=7).contains(&signer.sizes().len()), "{:?}", signer.sizes());
    assert!(bus.sizes().is_empty());
}

#[cfg(feature = "paused-clock")]
#[tokio::test(start_paused = true)]
async fn a_busy_signature_service_is_asked_when_it_says() {
    let (publisher, signer, _) = publisher(FakeBus::default());
    signer.failures.lock().unwrap().push_back(away(Some(Duration::from_secs(2))));
    let began = tokio::time::Instant::now();
    assert!(is_published(&publisher.publish(&list(some(1))).await.unwrap()[0]));
    assert!((2_000..3_000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_refusal_and_a_time_that_is_far_off_are_passed_on_at_once() {
    let refused = SignFailure::Refused {
        status: 403,
        code: "SOURCE_NOT_GRANTED".to_owned(),
        detail: "no".to_owned(),
        errors: Vec::new(),
    };
    for failure in [refused, away(Some(Duration::from_secs(30)))] {
        let (publisher, signer, bus) = publisher(FakeBus::default());
        signer.failures.lock().unwrap().push_back(failure.clone());
        assert_eq!(publisher.publish(&list(some(1))).await.unwrap_err(), PublishError::Sign(failure));
        assert_eq!((signer.sizes(), bus.sizes()), (vec![1], vec![]));
    }
}

fn faults(body: &str) -> Vec<(String, String)> {
    match parse_events(body.as_bytes()).unwrap_err() {
        InputFault::Fields(errors) => errors.into_iter().map(|error| (error.field, error.reason)).collect(),
        InputFault::TooLarge { .. } => panic!("too large"),
    }
}

#[test]
fn each_field_at_fault_is_named() {
    let bad = json!({"source": "tram", "detailType": "tram.left", "resource": "line 7", "trace": {}, "detailCore": []});
    let named: Vec<String> = faults(&bad.to_string()).into_iter().map(|(field, _)| field).collect();
    assert_eq!(named, ["source", "detailType", "resource", "trace/correlationId", "detailCore"]);
    let second = json!({"events": [event("qsl.tram", &json!({})), event("qsl.tram", &json!(1))]});
    assert_eq!(faults(&second.to_string())[0].0, "events/1/detailCore");
    let mut extra = event("qsl.tram", &json!({}));
    extra["detail-type"] = json!("x");
    assert_eq!(faults(&extra.to_string())[0].0, "detail-type");
}

#[test]
fn a_body_that_no_consumer_would_take_is_refused() {
    let good = event("qsl.tram", &json!({"n": 1})).to_string();
    for (from, to, reason) in [
        ("\"n\":1", "\"n\":1,\"n\":2", "twice"),
        ("\"n\":1", "\"n\":9007199254740993", "exactly"),
        ("\"n\":1", "\"n\":\"\\ud800\"", "JSON"),
        ("{\"n\":1}", "{\"n\":1", "JSON"),
    ] {
        let body = good.replace(from, to);
        assert!(faults(&body)[0].1.contains(reason), "{body}");
    }
    let deep = good.replace("{\"n\":1}", &format!("{{\"n\":{}1{}}}", "[".repeat(62), "]".repeat(62)));
    assert_eq!(faults(&deep)[0].1, "is nested too deep");
    for body in ["[]", "1", "{\"events\":{}}", ""] {
        assert_eq!(faults(body).len(), 1, "{body}");
    }
}
