//! The usual frame: a port, health, logs, and a graceful end.

use axum::extract::{FromRef, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::delivery::DeliveryToken;
use crate::ledger::Ledger;

/// What a consuming service holds.
#[derive(Clone)]
pub struct Consumer {
    /// How the sidecar is known.
    pub token: DeliveryToken,
    /// What was handled.
    pub ledger: Ledger,
}

impl Consumer {
    /// An empty ledger, and the injected token.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(Self { token: DeliveryToken::from_env()?, ledger: Ledger::from_env()? })
    }
}

impl FromRef<Consumer> for DeliveryToken {
    fn from_ref(consumer: &Consumer) -> Self {
        consumer.token.clone()
    }
}

impl FromRef<Consumer> for Ledger {
    fn from_ref(consumer: &Consumer) -> Self {
        consumer.ledger.clone()
    }
}

/// What each consuming service answers beside its deliveries: `GET /handled`.
pub fn consumer_routes() -> Router<Consumer> {
    Router::new().route("/handled", get(handled))
}

async fn handled(State(ledger): State<Ledger>) -> Json<Value> {
    Json(json!({ "handled": ledger.handled() }))
}

/// Serves on `PORT` (8080 unless set) until the pod is told to stop.
pub async fn serve(service: &'static str, routes: Router) -> anyhow::Result<()> {
    tracing_subscriber::fmt().json().init();
    let port: u16 = std::env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    let mut stop = signal(SignalKind::terminate())?;
    tracing::info!(service, port, "listening");
    axum::serve(listener, routes.route("/healthz", get(|| async { "ok" })))
        .with_graceful_shutdown(async move {
            stop.recv().await;
        })
        .await?;
    Ok(())
}
