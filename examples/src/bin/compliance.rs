//! Compliance: screens each payment and keeps a file on each workflow.
//!
//! Its inbox names no routes: every event is a `POST /events` with the whole envelope as its body.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use examples::{Consumer, Delivery, Ledger, NotWritten, consumer_routes, serve};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    serve("compliance", routes(Consumer::from_env()?)).await
}

fn routes(consumer: Consumer) -> Router {
    consumer_routes().route("/events", post(event)).with_state(consumer)
}

async fn event(State(ledger): State<Ledger>, event: Delivery) -> Result<StatusCode, NotWritten> {
    if ledger.first(&event).await? {
        tracing::info!(resource = event.resource, detail_type = event.detail_type, "screened");
    }
    Ok(StatusCode::NO_CONTENT)
}
