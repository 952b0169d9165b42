//! Treasury: reserves funds when a payment is initiated and books it when it settles.
//!
//! Its inbox routes by source and detail-type, so each kind of event has a handler of its own, and the body is the
//! payload alone (`format: DetailCore`). A payment of less than nothing it refuses with 422.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use examples::{Consumer, Delivery, Ledger, NotWritten, consumer_routes, serve};
use serde_json::Value;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    serve("treasury", routes(Consumer::from_env()?)).await
}

fn routes(consumer: Consumer) -> Router {
    consumer_routes()
        .route("/payments/initiated", post(payment_initiated))
        .route("/payments", post(payment_changed))
        .route("/workflows", post(workflow_changed))
        .with_state(consumer)
}

async fn payment_initiated(State(ledger): State<Ledger>, payment: Delivery) -> Result<StatusCode, NotWritten> {
    // No repetition makes it good, so it is no 5xx: the sidecar puts it into the dead-letter queue.
    if payment.detail_core().get("amount").and_then(Value::as_f64).is_some_and(|amount| amount < 0.0) {
        tracing::warn!(resource = payment.resource, "an amount below zero");
        return Ok(StatusCode::UNPROCESSABLE_ENTITY);
    }
    if ledger.first(&payment).await? {
        tracing::info!(resource = payment.resource, "funds reserved");
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn payment_changed(State(ledger): State<Ledger>, payment: Delivery) -> Result<StatusCode, NotWritten> {
    if ledger.first(&payment).await? {
        tracing::info!(resource = payment.resource, detail_type = payment.detail_type, "reservation updated");
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn workflow_changed(State(ledger): State<Ledger>, workflow: Delivery) -> Result<StatusCode, NotWritten> {
    if ledger.first(&workflow).await? {
        tracing::info!(resource = workflow.resource, detail_type = workflow.detail_type, "workflow noted");
    }
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use axum::body::Body;
    use axum::http::Request;
    use examples::DeliveryToken;
    use serde_json::json;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_payment_of_less_than_nothing_is_refused_and_one_of_nothing_is_not() {
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "s3cret").unwrap();
        let ledger = Ledger::default();
        let routes = routes(Consumer { token: DeliveryToken::in_file(token.path()), ledger: ledger.clone() });
        for (amount, status) in [(-1.0, StatusCode::UNPROCESSABLE_ENTITY), (0.0, StatusCode::NO_CONTENT)] {
            let body = json!({"paymentId": format!("p-{amount}"), "amount": amount}).to_string();
            let request = Request::post("/payments/initiated").header("authorization", "Bearer s3cret");
            let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
            assert_eq!(routes.clone().oneshot(request).await.unwrap().status(), status, "{amount}");
        }
        assert_eq!(ledger.handled().len(), 1);
    }
}
