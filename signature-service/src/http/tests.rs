#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
//! The router, called directly, over a sample directory and a fake authenticator.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, Response};
use eventing::time::Millis;
use eventing_service::authentication::{AuthenticationError, ServiceAccount};
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::directory::samples::{self, driver, key, signed_set, trams};
use crate::directory::{Directory, PublishedSet};

struct Tokens(HashMap<&'static str, ServiceAccount>);

#[async_trait]
impl Authenticator for Tokens {
    async fn authenticate(&self, token: &str) -> Result<ServiceAccount, AuthenticationError> {
        match token {
            "api-server-away" => Err(AuthenticationError::Unavailable),
            _ => self.0.get(token).cloned().ok_or(AuthenticationError::Refused("unknown")),
        }
    }
}

fn sample() -> Directory {
    let now = Millis::now().seconds();
    samples::directory(vec![key("trams", &["qsl.tram"], now - 60, now + 600)])
}

fn service(directory: Directory) -> (watch::Sender<Arc<Directory>>, Router) {
    let tokens = Tokens([("driver", driver()), ("passenger", ServiceAccount::new("depot", "passenger"))].into());
    let (publish, receive) = watch::channel(Arc::new(directory));
    let metrics = Metrics::register(&mut Registry::default());
    (publish, router(Service::new(receive, Arc::new(tokens), Signer::default(), metrics)))
}

fn batch() -> Value {
    let event = |stop: &str| {
        json!({"source": "qsl.tram", "detailType": "Tram.Departed.v1", "resource": "urn:qsl:depot:tram:7",
               "trace": {"correlationId": "line-7"}, "detailCore": {"stop": stop, "delay": 1.50}})
    };
    json!({"bus": "city/trams", "events": [event("harbour"), event("market")]})
}

async fn sign(router: &Router, token: &str, body: &Value) -> (u16, Response<Body>) {
    let request = Request::post("/v1/sign")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    (response.status().as_u16(), response)
}

async fn get_keys(router: &Router, query: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::get(format!("/keys/jwks-pqc{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn a_batch_is_signed_whole_in_order_with_rising_times() {
    let (_publish, router) = service(sample());
    let mut body = batch();
    body["events"][0]["jti"] = json!("0f8fad5b-d9cb-469f-a165-70867728950e");
    let (status, response) = sign(&router, "driver", &body).await;
    assert_eq!(status, 200);
    let answer = json_of(response).await;
    let (first, second) = (&answer["events"][0], &answer["events"][1]);
    assert_eq!(first["jti"], "0f8fad5b-d9cb-469f-a165-70867728950e");
    assert_eq!(first["detail"]["detailCore"], json!({"stop": "harbour", "delay": 1.5}));
    assert_eq!(second["detail"]["detailCore"]["stop"], "market");
    assert!(first["ts"].as_str().unwrap() < second["ts"].as_str().unwrap());
    let payload = first["detail"]["sig_compact"].as_str().unwrap().split('.').nth(1).unwrap();
    let payload = eventing::compact::b64url_decode(payload).unwrap();
    assert_eq!(payload, br#"{"delay":1.5,"stop":"harbour"}"#);
}

#[tokio::test]
async fn nothing_of_a_batch_is_signed_if_one_event_is_bad() {
    let (_publish, router) = service(sample());
    let mut body = batch();
    body["events"][1]["resource"] = json!("tram 7");
    let (status, response) = sign(&router, "driver", &body).await;
    let problem = json_of(response).await;
    assert_eq!((status, problem["code"].as_str().unwrap()), (400, "INVALID_EVENT"));
    assert_eq!(problem["errors"][0]["field"], "events/1/resource");
    assert!(problem.get("events").is_none());
}

#[tokio::test]
async fn each_refusal_has_its_status_and_code() {
    let (_publish, router) = service(sample());
    let code = async |router: &Router, token, body: &Value| {
        let (status, response) = sign(router, token, body).await;
        let retry = response.headers().contains_key("retry-after");
        (status, json_of(response).await["code"].as_str().unwrap().to_owned(), retry)
    };
    let expect = |status, code: &str, retry| (status, code.to_owned(), retry);
    assert_eq!(code(&router, "nobody", &batch()).await, expect(401, "UNAUTHENTICATED", false));
    assert_eq!(code(&router, "api-server-away", &batch()).await, expect(503, "AUTHENTICATION_UNAVAILABLE", true));
    assert_eq!(code(&router, "passenger", &batch()).await, expect(403, "SOURCE_NOT_GRANTED", false));
    let mut bell = batch();
    bell["events"][1]["source"] = json!("qsl.bell");
    assert_eq!(code(&router, "driver", &bell).await, expect(409, "NO_ACTIVE_KEY", false));
    let mut elsewhere = batch();
    elsewhere["bus"] = json!("city/buses");
    assert_eq!(code(&router, "driver", &elsewhere).await, expect(403, "SOURCE_NOT_GRANTED", false));

    let mut off = sample();
    off.buses.get_mut(&trams()).unwrap().publishing = false;
    let (_publish, router) = service(off);
    assert_eq!(code(&router, "driver", &batch()).await, expect(503, "PUBLISHING_DISABLED", true));
}

#[tokio::test]
async fn a_set_is_served_plain_for_people_and_signed_for_verifiers() {
    let (_publish, router) = service(sample());
    let plain = get_keys(&router, "?bus=city/trams", &[]).await;
    assert_eq!(plain.headers()["content-type"], "application/json");
    let keys = json_of(plain).await;
    assert_eq!(keys["keys"][0]["kty"], "AKP");
    assert_eq!(json_of(get_keys(&router, "", &[]).await).await, keys);

    let signed = get_keys(&router, "?bus=city/trams", &[("accept", "application/jose")]).await;
    assert_eq!(signed.headers()["content-type"], "application/jose");
    assert_eq!(text(signed).await.split('.').count(), 3);

    assert_eq!(get_keys(&router, "?bus=city/buses", &[]).await.status(), 404);
    assert_eq!(get_keys(&router, "?bus=city", &[]).await.status(), 400);
    assert_eq!(get_keys(&router, "", &[("accept", "application/jose")]).await.status(), 400);
    assert_eq!(get_keys(&router, "?wait=soon", &[]).await.status(), 400);
}

#[tokio::test]
async fn who_holds_the_newest_set_waits_for_the_next() {
    let (publish, router) = service(sample());
    let jose = ("accept", "application/jose");
    let first = get_keys(&router, "?bus=city/trams", &[jose]).await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let known = ("if-none-match", tag.as_str());
    assert_eq!(get_keys(&router, "?bus=city/trams", &[jose, known]).await.status(), 304);

    let before = std::time::Instant::now();
    assert_eq!(get_keys(&router, "?bus=city/trams&wait=1", &[jose, known]).await.status(), 304);
    assert!(before.elapsed() >= Duration::from_secs(1));

    let change = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        publish.send_replace(Arc::new(sample()));
    };
    let headers = [jose, known];
    let (changed, ()) = tokio::join!(get_keys(&router, "?bus=city/trams&wait=60", &headers), change);
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()["etag"].to_str().unwrap(), tag);
    assert!(before.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn the_signed_bytes_are_served_as_the_operator_wrote_them() {
    let mut directory = sample();
    let signed = signed_set(3, vec![]);
    directory.key_sets.insert(trams(), Arc::new(PublishedSet::read(&trams(), &signed).unwrap()));
    let (_publish, router) = service(directory);
    let served = get_keys(&router, "?bus=city/trams", &[("accept", "text/html, application/jose;q=0.9")]).await;
    assert_eq!(text(served).await, signed);
}
