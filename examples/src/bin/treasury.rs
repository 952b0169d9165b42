//! Treasury: reserves funds when a payment is initiated and books it when it settles.
//!
//! Its inbox routes by source and detail-type, so each kind of event has a handler of its own, and the body is the
//! payload alone (`format: DetailCore`).

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use examples::{Consumer, Delivery, Ledger, consumer_routes, serve};

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

async fn payment_initiated(State(ledger): State<Ledger>, payment: Delivery) -> StatusCode {
    if ledger.first(&payment) {
        tracing::info!(resource = payment.resource, "funds reserved");
    }
    StatusCode::NO_CONTENT
}

async fn payment_changed(State(ledger): State<Ledger>, payment: Delivery) -> StatusCode {
    if ledger.first(&payment) {
        tracing::info!(resource = payment.resource, detail_type = payment.detail_type, "reservation updated");
    }
    StatusCode::NO_CONTENT
}

async fn workflow_changed(State(ledger): State<Ledger>, workflow: Delivery) -> StatusCode {
    if ledger.first(&workflow) {
        tracing::info!(resource = workflow.resource, detail_type = workflow.detail_type, "workflow noted");
    }
    StatusCode::NO_CONTENT
}
