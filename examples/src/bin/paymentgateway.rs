//! Payment gateway: publishes a payment's life as `Payment.*` events.
//!
//! `POST /payments/{id}/{initiated|authorized|settled|failed}` with
//! `{"correlationId": …, "userId": …, "tenantId": …, "amount": …, "currency": …}`.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use examples::publish::{Event, Publisher, Request, idempotency_key};
use examples::serve;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    serve("paymentgateway", routes(Publisher::from_env()?)).await
}

fn routes(publisher: Publisher) -> Router {
    Router::new().route("/payments/{id}/{step}", post(payment)).with_state(publisher)
}

/// A step of a payment's life, by the name in our URL.
fn detail_type(step: &str) -> Option<&'static str> {
    Some(match step {
        "initiated" => "Payment.Initiated.v1",
        "authorized" => "Payment.Authorized.v1",
        "settled" => "Payment.Settled.v1",
        "failed" => "Payment.Failed.v1",
        _ => return None,
    })
}

async fn payment(
    State(publisher): State<Publisher>,
    Path((id, step)): Path<(String, String)>,
    headers: HeaderMap,
    Json(request): Json<Request>,
) -> Response {
    let Some(detail_type) = detail_type(&step) else {
        return (StatusCode::NOT_FOUND, "a payment is initiated, authorized, settled or failed").into_response();
    };
    let mut detail_core = request.facts;
    detail_core.insert("paymentId".to_owned(), id.as_str().into());
    let event = Event {
        source: "qsl.payment",
        detail_type: detail_type.to_owned(),
        resource: format!("urn:qsl:paymentgateway:payment:{id}"),
        trace: request.trace,
        detail_core,
    };
    // A payment takes each step once, so the step is the event's natural key.
    let key = idempotency_key(&headers, || format!("payments/{id}/{step}"));
    publisher.publish(&event, &key).await
}
