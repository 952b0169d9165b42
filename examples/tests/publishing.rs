//! What a publishing service sends to the sidecar, and what it makes of the answer.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use examples::publish::{Event, Publisher, Request};
use serde_json::{Value, json};

type Seen = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

/// A sidecar that notes what it is asked and refuses it.
async fn sidecar() -> (String, Seen) {
    async fn events(State(seen): State<Seen>, headers: HeaderMap, Json(body): Json<Value>) -> impl IntoResponse {
        seen.lock().unwrap().push((headers, body));
        let problem = json!({"status": 503, "code": "PUBLISHING_DISABLED"}).to_string();
        let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::RETRY_AFTER, "7")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, problem)
    }
    let seen = Seen::default();
    let routes = Router::new().route("/v1/events", post(events)).with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (address, seen)
}

fn event() -> Event {
    let request: Request = serde_json::from_value(json!({
        "correlationId": "c-1", "userId": "u-1", "amount": 125.5, "currency": "EUR"
    }))
    .unwrap();
    Event {
        source: "qsl.payment",
        detail_type: "Payment.Initiated.v1".to_owned(),
        resource: "urn:qsl:paymentgateway:payment:p-1".to_owned(),
        trace: request.trace,
        detail_core: request.facts,
    }
}

#[tokio::test]
async fn the_callers_facts_become_trace_and_payload() {
    let (address, seen) = sidecar().await;
    Publisher::at(&address).unwrap().publish(&event(), "payments/p-1/initiated").await;
    let (headers, body) = seen.lock().unwrap().pop().unwrap();
    assert_eq!(headers.get("idempotency-key").unwrap(), "payments/p-1/initiated");
    assert_eq!(headers.get("content-type").unwrap(), "application/json");
    assert_eq!(
        body,
        json!({"source": "qsl.payment", "detailType": "Payment.Initiated.v1",
               "resource": "urn:qsl:paymentgateway:payment:p-1",
               "trace": {"correlationId": "c-1", "userId": "u-1"},
               "detailCore": {"amount": 125.5, "currency": "EUR"}})
    );
}

#[tokio::test]
async fn the_sidecars_refusal_reaches_the_caller() {
    let (address, _) = sidecar().await;
    let answer = Publisher::at(&address).unwrap().publish(&event(), "k").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers().get(header::RETRY_AFTER).unwrap(), "7");
    assert_eq!(answer.headers().get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
    let body: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap();
    assert_eq!(body.pointer("/code").unwrap(), "PUBLISHING_DISABLED");
}

#[tokio::test]
async fn without_a_sidecar_the_caller_is_told_to_come_back() {
    let answer = Publisher::at("http://127.0.0.1:1").unwrap().publish(&event(), "k").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
}
