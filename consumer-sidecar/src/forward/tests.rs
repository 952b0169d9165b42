//! Deliveries as an application meets them, on a real socket.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use eventing::algorithm::Algorithm;
use eventing::attributes::Attributes;
use eventing::config::{Format, Route, ServicesConfig, Unrouted, VerificationConfig};
use eventing::envelope::Trace;
use eventing::keyset::{Jwk, KeyRing, KeySet, KeySetDocument, KeyState, KeyUse, SourcePattern};
use eventing::signing::{EventFacts, PrivateKey, kid_for, sign_event};
use eventing::time::Millis;
use eventing::types::{BusId, Jti};
use eventing::verify::{Policy, RawMessage, verify};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::*;

mod batches;
mod cloud_events;
mod replays;

const NOW: Millis = Millis(1_800_000_000_000);
const ARN: &str = "arn:aws:sqs:eu-west-1:111122223333:quay-inbox";

fn config(format: Format, routes: Vec<Route>, unrouted: Unrouted) -> InboxConfig {
    serde_json::from_value(json!({
        "queueUrl": "http://q", "queueArn": ARN, "deadLetterQueueUrl": "http://d", "deadLetterQueueArn": ARN,
        "roleArn": "arn:aws:iam::111122223333:role/r", "region": "eu-west-1", "buses": ["platform/lanes"],
        "services": ServicesConfig { signature_service: "https://s".into(), journal: "https://j".into(), ca: String::new() },
    }))
    .map(|config: InboxConfig| InboxConfig {
        forward: ForwardConfig { routes, unrouted, format, timeout_seconds: 1, ..ForwardConfig::default() },
        ..config
    })
    .unwrap()
}

/// An event that was truly signed and verified; its body spells a number otherwise than it was signed.
fn delivery(correlation: &str) -> Delivery {
    delivery_of(correlation, &json!({"fare": 2.5}))
}

/// The same with another payload.
fn delivery_of(correlation: &str, core: &serde_json::Value) -> Delivery {
    let private = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    let bus: BusId = "platform/lanes".parse().unwrap();
    let jwk = Jwk {
        kid: kid_for("lanes", &private.public_key()).unwrap(),
        algorithm: Algorithm::MlDsa44,
        public_key: private.public_key(),
        key_use: KeyUse::Sig,
        sources: vec![SourcePattern::Any],
        nbf: NOW.seconds() - 60,
        exp: NOW.seconds() + 60,
        state: KeyState::Active,
    };
    let trace = Trace::new(correlation.parse().unwrap()).with("traceparent", "00-a-b-01").unwrap();
    let facts = EventFacts {
        source: &"qsl.tram".parse().unwrap(),
        detail_type: &"Tram.Left.v1".parse().unwrap(),
        resource: &"urn:qsl:tram:line:7".parse().unwrap(),
        trace: &trace,
        detail_core: &core.to_string(),
    };
    let jti = Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap();
    let signed = sign_event(&private, &jwk.kid, facts, jti, NOW.into()).unwrap();
    let body = json!({
        "id": "d-1", "detail-type": "Tram.Left.v1", "source": "qsl.tram", "resources": ["urn:qsl:tram:line:7"],
        "detail": signed.detail,
    });
    let body = body.to_string().replace("2.5", "2.50");
    let document =
        KeySetDocument { bus: bus.clone(), version: 1, issued: 0, expires: i64::MAX / 2_000, keys: vec![jwk] };
    let mut ring = KeyRing::new([bus]);
    ring.take(KeySet::new(&document).unwrap()).unwrap();
    let raw = RawMessage { body: body.as_bytes(), attributes: &Attributes::new(), sent_at: NOW };
    let policy = Policy::new(&VerificationConfig::default(), ARN.parse().unwrap());
    let event = Arc::new(verify(&raw, &ring, &policy, NOW).unwrap());
    Delivery { event, body: Arc::from(body), attempt: 2, received: NOW }
}

type Got = Arc<Mutex<Vec<(String, HeaderMap, String)>>>;

/// An application that answers by path: `/429`, `/until`, `/slow`, anything else is well.
async fn application() -> (SocketAddr, Got) {
    let got: Got = Got::default();
    let handle = |State(got): State<Got>, uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let path = uri.path().to_owned();
        got.lock().unwrap().push((path.clone(), headers, String::from_utf8(body.to_vec()).unwrap()));
        match path.as_str() {
            "/429" => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]),
            "/until" => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")]),
            "/slow" => {
                sleep(Duration::from_secs(30)).await;
                (StatusCode::OK, [("x", "y")])
            }
            _ => (StatusCode::NO_CONTENT, [("x", "y")]),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(handle).with_state(got.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, got)
}

fn forwarder(port: u16, path: Option<&str>, config: InboxConfig) -> (Arc<Forwarder>, DeliveryToken) {
    forwarder_to(Inbox { name: "quay".into(), port, path: path.map(str::to_owned), health_path: None }, config)
}

/// A forwarder that watches the application, as the sidecar has it do.
fn forwarder_to(app: Inbox, config: InboxConfig) -> (Arc<Forwarder>, DeliveryToken) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let token = DeliveryToken::read_or_create(&directory.path().join("token")).unwrap();
    let configuration = watch::channel(Some(Arc::new(config))).1;
    let forwarder = Arc::new(Forwarder::new(app, &token, configuration, Tracer::default()).unwrap());
    let watched = Arc::clone(&forwarder);
    tokio::spawn(async move { watched.watch().await });
    (forwarder, token)
}

fn to(path: &str) -> Route {
    Route { source: Some("qsl.tram".parse().unwrap()), detail_type: None, path: path.to_owned() }
}

#[tokio::test]
async fn the_application_gets_what_was_signed_with_headers_that_say_what_it_is() {
    let (address, got) = application().await;
    let config = config(Format::DetailCore, vec![to("/trams")], Unrouted::DeadLetter);
    let (forwarder, token) = forwarder(address.port(), None, config);
    forwarder.ready().await;
    let delivery = delivery("ride-4");
    let key = delivery.event.event_key.to_string();
    assert_eq!(forwarder.handle(delivery).await, HandlerAnswer::Done);
    let (path, headers, body) = got.lock().unwrap().remove(0);
    assert_eq!((path.as_str(), body.as_str()), ("/trams", r#"{"fare":2.5}"#));
    for (name, value) in [
        ("qsl-source", "qsl.tram"),
        ("qsl-detail-type", "Tram.Left.v1"),
        ("qsl-resource", "urn:qsl:tram:line:7"),
        ("qsl-correlation-id", "ride-4"),
        ("qsl-event-key", &key),
        ("qsl-attempt", "2"),
        ("traceparent", "00-a-b-01"),
        ("authorization", &token.bearer()),
        ("content-type", "application/json"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(headers["qsl-kid"].to_str().unwrap().starts_with("lanes-"));
}

#[tokio::test]
async fn within_the_envelope_the_payload_is_spelt_as_it_was_signed() {
    let (address, got) = application().await;
    let (forwarder, _) = forwarder(address.port(), None, config(Format::Envelope, vec![], Unrouted::DeadLetter));
    assert_eq!(forwarder.handle(delivery("ride-4")).await, HandlerAnswer::Done);
    let (path, _, body) = got.lock().unwrap().remove(0);
    assert_eq!(path, "/events");
    assert!(body.contains(r#""detailCore":{"fare":2.5}"#) && body.contains(r#""id":"d-1""#));
}

#[tokio::test]
async fn no_text_of_an_event_makes_a_header() {
    let (address, got) = application().await;
    let (forwarder, _) = forwarder(address.port(), None, config(Format::DetailCore, vec![], Unrouted::DeadLetter));
    let answer = forwarder.handle(delivery("a\r\nAuthorization: Bearer x é%")).await;
    assert_eq!(answer, HandlerAnswer::Done);
    let (_, headers, _) = got.lock().unwrap().remove(0);
    assert_eq!(headers["qsl-correlation-id"], "a%0D%0AAuthorization: Bearer x %C3%A9%25");
    assert_eq!(headers.get_all("authorization").iter().count(), 1);
}

#[tokio::test]
async fn answers_are_told_apart() {
    let (address, _) = application().await;
    let with = |path: &str| config(Format::DetailCore, vec![to(path)], Unrouted::DeadLetter);
    let (busy, _) = forwarder(address.port(), None, with("/429"));
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(busy.handle(delivery("r")).await, HandlerAnswer::Status { status: 429, retry_after });
    let (until, _) = forwarder(address.port(), None, with("/until"));
    let asked = until.handle(delivery("r")).await;
    let HandlerAnswer::Status { status: 503, retry_after: Some(wait) } = asked else { panic!("{asked:?}") };
    assert!(wait > Duration::from_hours(24 * 365), "{wait:?}");
    let (slow, _) = forwarder(address.port(), None, with("/slow"));
    assert_eq!(slow.handle(delivery("r")).await, HandlerAnswer::Timeout);
    // Bound and not listening: nobody else takes the port, and nobody answers.
    let unused = tokio::net::TcpSocket::new_v4().unwrap();
    unused.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (absent, _) = forwarder(unused.local_addr().unwrap().port(), None, with("/"));
    assert_eq!(absent.handle(delivery("r")).await, HandlerAnswer::Unreachable);
    assert!(timeout(Duration::from_millis(300), absent.ready()).await.is_err());
}

#[tokio::test]
async fn what_no_route_takes_goes_where_the_inbox_says() {
    let other = Route { source: Some("qsl.lane".parse().unwrap()), detail_type: None, path: "/lanes".to_owned() };
    let (address, got) = application().await;
    let with =
        |path, unrouted| forwarder(address.port(), path, config(Format::DetailCore, vec![other.clone()], unrouted)).0;
    let rejects = with(None, Unrouted::DeadLetter);
    assert_eq!(rejects.handle(delivery("r")).await, HandlerAnswer::NoRoute);
    let passes = with(None, Unrouted::Acknowledge);
    assert_eq!(passes.handle(delivery("r")).await, HandlerAnswer::Unrouted);
    assert_eq!(with(Some("/rest"), Unrouted::DeadLetter).handle(delivery("r")).await, HandlerAnswer::Done);
    assert_eq!(got.lock().unwrap()[0].0, "/rest");
}

#[tokio::test]
async fn an_application_that_says_it_is_ill_is_handed_nothing_until_it_is_well() {
    let status = Arc::new(Mutex::new(StatusCode::OK));
    let health = |State(status): State<Arc<Mutex<StatusCode>>>| async move { *status.lock().unwrap() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = Router::new().route("/up", axum::routing::get(health)).with_state(Arc::clone(&status));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let app = Inbox { name: "quay".into(), port, path: None, health_path: Some("/up".into()) };
    let (forwarder, _) = forwarder_to(app, config(Format::DetailCore, vec![], Unrouted::DeadLetter));
    forwarder.ready().await;
    // Its port stays open all the while.
    *status.lock().unwrap() = StatusCode::SERVICE_UNAVAILABLE;
    let mut able = forwarder.app.able();
    timeout(Duration::from_secs(30), able.wait_for(|able| !able)).await.unwrap().unwrap();
    *status.lock().unwrap() = StatusCode::OK;
    timeout(Duration::from_secs(30), forwarder.ready()).await.unwrap();
}

#[tokio::test]
async fn an_application_that_ends_while_it_has_an_event_is_gone_and_one_that_only_hangs_up_answered_badly() {
    for survives in [false, true] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (forwarder, _) = forwarder(port, None, config(Format::DetailCore, vec![], Unrouted::DeadLetter));
        let application = async {
            // The first connection only asked whether somebody listens.
            drop(listener.accept().await.unwrap());
            let (mut events, _) = listener.accept().await.unwrap();
            let mut begin = [0; 4];
            tokio::io::AsyncReadExt::read_exact(&mut events, &mut begin).await.unwrap();
            let left = survives.then_some(listener);
            drop(events);
            left
        };
        let delivering = async {
            forwarder.ready().await;
            forwarder.handle(delivery("r")).await
        };
        let (_listening, answer) = tokio::join!(application, delivering);
        let broke = HandlerAnswer::Retry("the connection to the handler broke".to_owned());
        assert_eq!(answer, if survives { broke } else { HandlerAnswer::Gone });
    }
}
