//! What a consuming service refuses, remembers and shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use examples::records::{Records, Row};
use examples::{Consumer, Delivery, DeliveryToken, Ledger, NotWritten, consumer_routes};
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;

async fn handle(State(ledger): State<Ledger>, event: Delivery) -> Result<StatusCode, NotWritten> {
    Ok(if ledger.first(&event).await? { StatusCode::CREATED } else { StatusCode::NO_CONTENT })
}

struct Service {
    routes: Router,
    _token: tempfile::NamedTempFile,
}

fn service() -> Service {
    service_with(Ledger::default())
}

fn service_with(ledger: Ledger) -> Service {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let consumer = Consumer { token: DeliveryToken::in_file(file.path()), ledger };
    Service { routes: consumer_routes().route("/events", post(handle)).with_state(consumer), _token: file }
}

impl Service {
    async fn deliver(
        &self,
        authorization: Option<&str>,
        detail_type: &str,
        resource: &str,
        body: &Value,
    ) -> StatusCode {
        self.deliver_with(authorization, detail_type, resource, body, &[]).await
    }

    async fn deliver_with(
        &self,
        authorization: Option<&str>,
        detail_type: &str,
        resource: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> StatusCode {
        let mut request = Request::post("/events")
            .header("content-type", "application/json")
            .header("qsl-detail-type", detail_type)
            .header("qsl-resource", resource)
            .header("qsl-correlation-id", "c-1")
            .header("qsl-event-key", "ab12")
            .header("qsl-kid", "payments-x")
            .header("qsl-attempt", "2");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.routes.clone().oneshot(request).await.unwrap().status()
    }

    async fn handled(&self) -> Vec<Value> {
        let request = Request::get("/handled").body(Body::empty()).unwrap();
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let body: Value = serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap();
        body["handled"].as_array().unwrap().clone()
    }
}

const SIDECAR: Option<&str> = Some("Bearer s3cret");

#[tokio::test]
async fn what_is_not_from_the_sidecar_is_refused() {
    let service = service();
    for stranger in [None, Some("Bearer wrong!"), Some("Bearer "), Some("s3cret"), Some("Bearer s3cret2")] {
        let answer = service.deliver(stranger, "Payment.Initiated.v1", "urn:qsl:a:b:1", &json!({})).await;
        assert_eq!(answer, StatusCode::UNAUTHORIZED, "{stranger:?}");
    }
    assert!(service.handled().await.is_empty());
}

#[tokio::test]
async fn a_payments_event_counts_once_whatever_its_format() {
    let service = service();
    let begun = Timestamp::now();
    let payload = json!({"paymentId": "p-1", "amount": 125.5});
    let envelope = json!({"detail": {"detailCore": payload}});
    let resource = "urn:qsl:paymentgateway:payment:p-1";
    assert_eq!(service.deliver(SIDECAR, "Payment.Initiated.v1", resource, &payload).await, StatusCode::CREATED);
    assert_eq!(service.deliver(SIDECAR, "Payment.Initiated.v1", resource, &envelope).await, StatusCode::NO_CONTENT);
    assert_eq!(service.deliver(SIDECAR, "Payment.Settled.v1", resource, &payload).await, StatusCode::CREATED);
    let mut handled = service.handled().await;
    assert_eq!(handled.len(), 2);
    let at = handled[0].as_object_mut().unwrap().remove("handledAt").unwrap();
    let at: Timestamp = at.as_str().unwrap().parse().unwrap();
    assert!((begun..=Timestamp::now()).contains(&at), "{at}");
    assert_eq!(
        handled[0],
        json!({"detailType": "Payment.Initiated.v1", "resource": resource, "correlationId": "c-1",
               "eventKey": "ab12", "kid": "payments-x", "attempt": 2, "deliveries": 2, "replays": 0})
    );
}

#[tokio::test]
async fn what_is_replayed_is_worked_on_again_and_counted() {
    let service = service();
    let (resource, payload) = ("urn:qsl:paymentgateway:payment:p-1", json!({"paymentId": "p-1"}));
    let replay = [("qsl-replay", "true")];
    let deliver = |headers| service.deliver_with(SIDECAR, "Payment.Initiated.v1", resource, &payload, headers);
    assert_eq!(deliver(&[]).await, StatusCode::CREATED);
    assert_eq!(deliver(&replay).await, StatusCode::CREATED);
    assert_eq!(deliver(&[]).await, StatusCode::NO_CONTENT);
    let handled = service.handled().await;
    assert_eq!((handled.len(), &handled[0]["deliveries"], &handled[0]["replays"]), (1, &json!(3), &json!(1)));
}

#[tokio::test]
async fn a_workflows_event_counts_once_by_its_resource() {
    let service = service();
    let (one, two) = ("urn:qsl:orchestration:workflow:w-1", "urn:qsl:orchestration:workflow:w-2");
    assert_eq!(service.deliver(SIDECAR, "Workflow.Started.v1", one, &json!({"step": 1})).await, StatusCode::CREATED);
    assert_eq!(service.deliver(SIDECAR, "Workflow.Started.v1", one, &json!({"step": 2})).await, StatusCode::NO_CONTENT);
    assert_eq!(service.deliver(SIDECAR, "Workflow.Started.v1", two, &json!({"step": 1})).await, StatusCode::CREATED);
    assert_eq!(service.handled().await.len(), 2);
}

#[tokio::test]
async fn each_delivery_is_written_down_before_it_is_answered_and_comes_again_where_it_is_not() {
    let written: Arc<Mutex<Vec<Row>>> = Arc::default();
    let rows = Arc::clone(&written);
    let take = async move |Json(row): Json<Row>| {
        let mut rows = rows.lock().unwrap();
        rows.push(row);
        // The first is not kept.
        if rows.len() == 1 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::CREATED }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/rows/treasury", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/rows/treasury", post(take))).await });
    let service = service_with(Ledger::with(Records::at(&url, "treasury-1").unwrap()));
    let deliver = async || service.deliver(SIDECAR, "Payment.Settled.v1", "urn:qsl:a:b:1", &json!({})).await;
    assert_eq!(deliver().await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(service.handled().await.is_empty());
    assert_eq!(deliver().await, StatusCode::CREATED);
    assert_eq!(deliver().await, StatusCode::NO_CONTENT);
    let written = written.lock().unwrap();
    assert_eq!(written.len(), 3);
    assert!(written.iter().all(|row| row.pod == "treasury-1" && row.event_key == "ab12"), "{written:?}");
}
