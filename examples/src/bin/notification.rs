//! Notification: tells the user what became of a payment or a workflow.
//!
//! Its deployment names one path for everything (`eventing.qsl.dev/app-path: /notifications`).

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use examples::{Consumer, Delivery, Ledger, NotWritten, consumer_routes, serve};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    serve("notification", routes(Consumer::from_env()?)).await
}

fn routes(consumer: Consumer) -> Router {
    consumer_routes().route("/notifications", post(notify)).with_state(consumer)
}

async fn notify(State(ledger): State<Ledger>, event: Delivery) -> Result<StatusCode, NotWritten> {
    if ledger.first(&event).await? {
        tracing::info!(resource = event.resource, detail_type = event.detail_type, "user notified");
    }
    Ok(StatusCode::NO_CONTENT)
}
