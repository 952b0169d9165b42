//! Where deliveries are written down besides, before they are answered: what a service's database would be.
//!
//! Tests that kill the services read there what was handled (`src/bin/records.rs`); nothing else sets it up.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::delivery::Delivery;

/// A delivery, written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The pod that has it.
    pub pod: String,
    /// The event's identity.
    pub event_key: String,
    /// When the pod had it.
    pub handled_at: Timestamp,
    /// How often the event was handed to it, this time included.
    pub attempt: u32,
}

/// A delivery that could not be written down: it is to come again.
#[derive(Debug)]
pub struct NotWritten;

impl IntoResponse for NotWritten {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, "the records do not answer").into_response()
    }
}

/// The place.
#[derive(Clone)]
pub struct Records {
    client: reqwest::Client,
    url: String,
    pod: String,
}

impl Records {
    /// The place that `RECORDS_URL` names; none where it is not set.
    pub fn from_env() -> anyhow::Result<Option<Self>> {
        let Ok(url) = std::env::var("RECORDS_URL") else { return Ok(None) };
        let pod = std::env::var("HOSTNAME").map_err(|_| anyhow::anyhow!("HOSTNAME is not set: is this a pod?"))?;
        Self::at(&url, &pod).map(Some)
    }

    /// This place, for this pod.
    pub fn at(url: &str, pod: &str) -> anyhow::Result<Self> {
        // The client wants a provider for TLS although the records are plain HTTP.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(5)).no_proxy().build()?;
        Ok(Self { client, url: url.to_owned(), pod: pod.to_owned() })
    }

    /// Writes a delivery down.
    pub async fn write(&self, delivery: &Delivery, at: Timestamp) -> Result<(), NotWritten> {
        let row = Row {
            pod: self.pod.clone(),
            event_key: delivery.event_key.clone(),
            handled_at: at,
            attempt: delivery.attempt,
        };
        let answer = self.client.post(&self.url).json(&row).send().await.and_then(reqwest::Response::error_for_status);
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, event_key = row.event_key, "the records do not take a row");
                Err(NotWritten)
            }
        }
    }
}
