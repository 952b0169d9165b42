//! The API as an application, a browser and the `preStop` meet it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Mutex;

use axum::http::Request;
use axum::http::request::Builder;
use eventing::publish::{EntryFault, NewEvent};
use eventing::types::{BusId, Jti, Kid};
use serde_json::Value;
use tower::ServiceExt;

use super::*;

/// Publishes nothing, and writes down what it was to sign.
#[derive(Default)]
struct Fake {
    signed: Mutex<Vec<(String, Option<Jti>)>>,
    answer: Mutex<Option<Outcome>>,
    problem: Mutex<Option<Problem>>,
}

impl Publish for Fake {
    async fn publish(&self, posted: Posted) -> Result<Vec<Placed>, Problem> {
        if let Some(problem) = self.problem.lock().unwrap().clone() {
            return Err(problem);
        }
        let bus: BusId = "platform/lanes".parse().unwrap();
        let place = |(at, event): (usize, &NewEvent)| {
            let jti = posted.jti(&bus, at);
            self.signed.lock().unwrap().push((event.detail_core.as_str().to_owned(), jti.clone()));
            let published = Outcome::Published { event_id: format!("eb-{at}") };
            Placed {
                jti: jti.unwrap_or_else(|| Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap()),
                kid: Kid::parse("lanes-k").unwrap(),
                outcome: self.answer.lock().unwrap().clone().unwrap_or(published),
            }
        };
        Ok(posted.events.iter().enumerate().map(place).collect())
    }
}

struct World {
    fake: Arc<Fake>,
    router: Router,
    drain: Drain,
    drained: watch::Sender<bool>,
    token: DeliveryToken,
}

fn world() -> World {
    world_with(true, false)
}

fn world_with(has_bus: bool, require_token: bool) -> World {
    let directory = tempfile::tempdir().unwrap();
    let token = DeliveryToken::read_or_create(&directory.path().join("token")).unwrap();
    let fake = Arc::new(Fake::default());
    let drain = Drain::new(Duration::from_secs(1));
    let (ended, drained) = watch::channel(false);
    let publish = has_bus.then(|| fake.clone());
    let api =
        Api { publish, tracer: Tracer::default(), token: token.clone(), require_token, drain: drain.clone(), drained };
    World { fake, router: router(api), drain, drained: ended, token }
}

fn request() -> Builder {
    Request::post("/v1/events").header("Host", "localhost:15080").header("Content-Type", "application/json")
}

fn event() -> Value {
    json!({
        "source": "qsl.tram", "detailType": "Tram.Left.v1", "resource": "urn:qsl:tram:line:7",
        "trace": {"correlationId": "ride-4"}, "detailCore": {"b": 125.50, "a": 1},
    })
}

impl World {
    async fn send(&self, request: Request<Body>) -> (StatusCode, Value, Option<String>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default(), content_type)
    }

    async fn post(&self, body: impl ToString) -> (StatusCode, Value) {
        let (status, body, _) = self.send(request().body(Body::from(body.to_string())).unwrap()).await;
        (status, body)
    }

    fn signed(&self) -> usize {
        self.fake.signed.lock().unwrap().len()
    }
}

#[tokio::test]
async fn an_event_is_accepted_with_its_ids() {
    let world = world();
    let (status, body) = world.post(event()).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let placed = json!({"jti": "0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52", "kid": "lanes-k", "eventId": "eb-0"});
    assert_eq!(body, json!({ "events": [placed] }));
    assert_eq!(world.fake.signed.lock().unwrap()[0].0, r#"{"a":1,"b":125.5}"#);
}

#[tokio::test]
async fn one_or_many_in_two_spellings() {
    let world = world();
    for body in [json!([event(), event()]), json!({"events": [event(), event()]})] {
        let (status, body) = world.post(body).await;
        assert_eq!((status, body["events"].as_array().unwrap().len()), (StatusCode::ACCEPTED, 2));
    }
}

#[tokio::test]
async fn an_idempotency_key_is_the_jti_and_in_a_list_one_each() {
    let world = world();
    let key = "0F8FAD5B-D9CB-469F-A165-70867728950E";
    let keyed = |body: Value| request().header("Idempotency-Key", key).body(Body::from(body.to_string())).unwrap();
    let (_, body, _) = world.send(keyed(event())).await;
    assert_eq!(body["events"][0]["jti"], key.to_ascii_lowercase());
    let (_, body, _) = world.send(keyed(json!([event(), event()]))).await;
    assert_ne!(body["events"][0]["jti"], body["events"][1]["jti"]);
    let bad = request().header("Idempotency-Key", "k".repeat(300)).body(Body::from(event().to_string())).unwrap();
    let (status, body, _) = world.send(bad).await;
    assert_eq!((status, &body["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("Idempotency-Key")));
}

#[tokio::test]
async fn a_bad_body_names_the_field_and_signs_nothing() {
    let world = world();
    for (member, value) in [
        ("source", json!("tram")),
        ("detailType", json!("TramLeft")),
        ("resource", json!("line 7")),
        ("detailCore", json!("text")),
    ] {
        let mut bad = event();
        bad[member] = value;
        let bad = request().body(Body::from(bad.to_string())).unwrap();
        let (status, body, content_type) = world.send(bad).await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("INVALID_EVENT")));
        assert_eq!(body["errors"][0]["field"], member);
        assert_eq!(content_type.as_deref(), Some("application/problem+json"));
    }
    let (status, _) = world.post("{").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, body) = world.post("x".repeat(2_000_000)).await;
    assert_eq!((status, &body["limit"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!(1_048_576)));
    assert_eq!(world.signed(), 0);
}

#[tokio::test]
async fn a_browser_is_refused() {
    let world = world();
    let requests = [
        Request::post("/v1/events").header("Content-Type", "application/json"),
        Request::post("/v1/events").header("Content-Type", "application/json").header("Host", "attacker.example"),
        request().header("Origin", "http://localhost:15080"),
        Request::post("/v1/events").header("Host", "localhost").header("Content-Type", "text/plain"),
        Request::post("/v1/events").header("Host", "localhost"),
        request().header("Host", "attacker.example"),
    ];
    for request in requests {
        let (status, body, _) = world.send(request.body(Body::from(event().to_string())).unwrap()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
    }
    assert_eq!(world.signed(), 0);
}

#[tokio::test]
async fn each_way_to_fail_has_its_code() {
    let world = world();
    let fault = EntryFault { code: "MalformedDetail".to_owned(), message: "no".to_owned() };
    for (outcome, status, code) in [
        (Outcome::Uncertain("late".to_owned()), 503, "PUBLISH_UNCERTAIN"),
        (Outcome::NotSent("throttled".to_owned()), 503, "PUBLISH_FAILED"),
        (Outcome::Refused(fault), 502, "PUBLISH_REFUSED"),
    ] {
        *world.fake.answer.lock().unwrap() = Some(outcome);
        let (got, body) = world.post(event()).await;
        assert_eq!((got.as_u16(), &body["code"]), (status, &json!(code)));
        assert!(body["events"][0]["jti"].is_string());
    }
    let disabled = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "PUBLISHING_DISABLED", "later").retry_after(30);
    *world.fake.problem.lock().unwrap() = Some(disabled);
    let response =
        world.router.clone().oneshot(request().body(Body::from(event().to_string())).unwrap()).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"30".parse().unwrap()));
}

#[tokio::test]
async fn without_a_bus_and_on_other_paths_there_is_a_problem_too() {
    let without = world_with(false, false);
    let (status, body) = without.post(event()).await;
    assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("NO_BUS")));
    let other = Request::get("/v1/events").header("Host", "localhost").body(Body::empty()).unwrap();
    assert_eq!(without.send(other).await.0, StatusCode::METHOD_NOT_ALLOWED);
    let other = Request::post("/v2").header("Host", "localhost").body(Body::empty()).unwrap();
    assert_eq!(without.send(other).await.1["code"], "NO_SUCH_PATH");
}

#[tokio::test]
async fn the_token_is_asked_for_where_it_must_be() {
    let world = world_with(true, true);
    assert_eq!(world.post(event()).await.0, StatusCode::UNAUTHORIZED);
    let bearer = world.token.bearer();
    let given = request().header("Authorization", bearer).body(Body::from(event().to_string())).unwrap();
    assert_eq!(world.send(given).await.0, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_drain_is_answered_when_receiving_has_ended() {
    let world = world();
    let ask = |bearer: String| {
        let request = Request::post("/drain").header("Host", "127.0.0.1:15080").header("Authorization", bearer);
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(world.send(ask("Bearer x".to_owned())).await.0, StatusCode::UNAUTHORIZED);
    assert!(!world.drain.is_requested());
    let router = world.router.clone();
    let asked = ask(world.token.bearer());
    let answer = tokio::spawn(async move { router.oneshot(asked).await.unwrap().status() });
    world.drain.requested().await;
    assert!(!answer.is_finished());
    world.drained.send_replace(true);
    assert_eq!(answer.await.unwrap(), StatusCode::NO_CONTENT);
}

fn cloud_event() -> Value {
    json!({
        "specversion": "1.0", "id": "0F8FAD5B-D9CB-469F-A165-70867728950E", "source": "qsl.tram",
        "type": "Tram.Left.v1", "subject": "urn:qsl:tram:line:7", "correlationid": "ride-4",
        "data": {"b": 125.50, "a": 1},
    })
}

/// A CloudEvent with its attributes in headers.
fn binary() -> Builder {
    let event = cloud_event();
    let attributes = event.as_object().unwrap().iter().filter(|(name, _)| *name != "data");
    attributes.fold(request(), |request, (name, value)| request.header(format!("ce-{name}"), value.as_str().unwrap()))
}

#[tokio::test]
async fn a_cloud_event_of_each_mode_is_an_event_named_by_its_id() {
    let typed = |content_type: &str, body: &Value| {
        let request = Request::post("/v1/events").header("Host", "localhost").header("Content-Type", content_type);
        request.body(Body::from(body.to_string())).unwrap()
    };
    for asked in [
        typed("application/cloudevents+json; charset=utf-8", &cloud_event()),
        typed("application/cloudevents-batch+json", &json!([cloud_event()])),
        binary().body(Body::from(r#"{"b": 125.50, "a": 1}"#)).unwrap(),
    ] {
        let world = world();
        let (status, body, _) = world.send(asked).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        let (payload, jti) = world.fake.signed.lock().unwrap().remove(0);
        assert_eq!(payload, r#"{"a":1,"b":125.5}"#);
        assert_eq!(jti.unwrap().to_string(), "0f8fad5b-d9cb-469f-a165-70867728950e");
    }
}

#[tokio::test]
async fn a_cloud_event_that_is_none_of_ours_is_refused_with_the_attribute() {
    let world = world();
    let named = async |asked: Request<Body>| {
        let (status, body, _) = world.send(asked).await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("INVALID_EVENT")));
        body["errors"][0]["field"].as_str().unwrap().to_owned()
    };
    let sourced = |source: &str| {
        let mut asked = binary().body(Body::from("{}")).unwrap();
        asked.headers_mut().insert("ce-source", source.parse().unwrap());
        asked
    };
    assert_eq!(named(sourced("tram")).await, "ce-source");
    assert_eq!(named(sourced("%FF")).await, "ce-source");
    assert_eq!(named(request().header("ce-id", "1").body(Body::from("{}")).unwrap()).await, "ce-specversion");
    let keyed = binary().header("Idempotency-Key", "k").body(Body::from("{}")).unwrap();
    assert_eq!(named(keyed).await, "Idempotency-Key");
    assert_eq!(world.signed(), 0);
}
