//! Publishing: one POST to the sidecar, which signs the event and puts it on the bus.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An event to publish.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Who publishes, such as `qsl.payment`.
    pub source: &'static str,
    /// What happened, such as `Payment.Initiated.v1`.
    pub detail_type: String,
    /// What it happened to, such as `urn:qsl:paymentgateway:payment:p-1`.
    pub resource: String,
    /// Who and what it belongs to.
    pub trace: Trace,
    /// The payload that is signed.
    pub detail_core: Map<String, Value>,
}

/// Who and what an event belongs to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// What ties a business transaction's events together. The sidecar refuses an event without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The user who may follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The tenant who may follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The device it began on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
}

/// What a caller of these services sends: the trace's members beside those of the payload.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// Who and what it belongs to.
    #[serde(flatten)]
    pub trace: Trace,
    /// Everything else.
    #[serde(flatten)]
    pub facts: Map<String, Value>,
}

/// The sidecar's publishing side.
#[derive(Clone)]
pub struct Publisher {
    client: reqwest::Client,
    url: String,
}

impl Publisher {
    /// The sidecar that the injected variable names.
    pub fn from_env() -> anyhow::Result<Self> {
        let base = std::env::var("QSL_EVENTING_URL")
            .map_err(|_| anyhow::anyhow!("QSL_EVENTING_URL is not set: is this pod injected?"))?;
        Self::at(&base)
    }

    /// A sidecar at this address.
    pub fn at(base: &str) -> anyhow::Result<Self> {
        // The client wants a provider for TLS although the sidecar is plain HTTP on localhost.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(30)).no_proxy().build()?;
        Ok(Self { client, url: format!("{}/v1/events", base.trim_end_matches('/')) })
    }

    /// Publishes, and answers what the sidecar answered. With the same idempotency key a repeated call is the same
    /// event to every consumer.
    pub async fn publish(&self, event: &Event, idempotency_key: &str) -> Response {
        let answer = self.client.post(&self.url).header("Idempotency-Key", idempotency_key).json(event).send().await;
        match answer {
            Ok(answer) => pass_through(answer).await,
            Err(error) => {
                tracing::warn!(%error, "the sidecar does not answer");
                (StatusCode::SERVICE_UNAVAILABLE, "the sidecar does not answer").into_response()
            }
        }
    }
}

/// The sidecar's answer as ours: its status, its body, and when to try again.
async fn pass_through(answer: reqwest::Response) -> Response {
    let status = answer.status();
    let mut headers = HeaderMap::new();
    for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
        if let Some(value) = answer.headers().get(&name) {
            headers.insert(name, value.clone());
        }
    }
    match answer.bytes().await {
        Ok(body) => (status, headers, body).into_response(),
        Err(_) => (StatusCode::BAD_GATEWAY, "the sidecar's answer was cut off").into_response(),
    }
}

/// The caller's `Idempotency-Key`, or else this one.
pub fn idempotency_key(headers: &HeaderMap, otherwise: impl FnOnce() -> String) -> String {
    let given = headers.get("idempotency-key").map(HeaderValue::to_str);
    given.and_then(Result::ok).map_or_else(otherwise, str::to_owned)
}
