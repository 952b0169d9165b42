//! An event as the sidecar delivers it: a POST with the event's facts in headers.

use std::path::PathBuf;

use axum::extract::{FromRef, FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt};
use serde_json::Value;

/// Knows the sidecar from any other pod that posts to this port.
///
/// The sidecar writes a random token into a file that only this pod can read, and sends it with each delivery.
#[derive(Clone)]
pub struct DeliveryToken(PathBuf);

impl DeliveryToken {
    /// The token's file, as the injected variable names it.
    pub fn from_env() -> anyhow::Result<Self> {
        std::env::var("QSL_EVENTING_TOKEN_FILE")
            .map(|path| Self(path.into()))
            .map_err(|_| anyhow::anyhow!("QSL_EVENTING_TOKEN_FILE is not set: is this pod injected?"))
    }

    /// A token in a file of your choosing.
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Whether the request carries the token. The file is small and in memory, so it is read each time.
    async fn accepts(&self, headers: &HeaderMap) -> bool {
        let Ok(expected) = tokio::fs::read_to_string(&self.0).await else {
            tracing::error!(path = %self.0.display(), "delivery token cannot be read");
            return false;
        };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let expected = expected.trim();
        !expected.is_empty() && given.is_some_and(|given| same(given.as_bytes(), expected.as_bytes()))
    }
}

/// Compares in a time that does not depend on where the two differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// A delivered event. As an axum extractor it answers 401 to whatever does not carry the token.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// What happened, such as `Payment.Initiated.v1`.
    pub detail_type: String,
    /// What it happened to, such as `urn:qsl:paymentgateway:payment:p-1`.
    pub resource: String,
    /// What ties a business transaction's events together.
    pub correlation_id: String,
    /// The event's identity: one value for all copies of an event.
    pub event_key: String,
    /// The key that signed it.
    pub kid: String,
    /// How often this event was tried here.
    pub attempt: u32,
    /// Whether somebody replays it, so that it is to be worked on once more.
    pub is_replay: bool,
    /// The body: the payload (`format: DetailCore`) or the whole event (`format: Envelope`).
    pub body: Value,
}

impl Delivery {
    /// The signed payload, in either format.
    pub fn detail_core(&self) -> &Value {
        self.body.pointer("/detail/detailCore").unwrap_or(&self.body)
    }

    /// What makes two deliveries the same to the business: a payment's event by the payment's id, any other by its
    /// resource.
    pub fn business_key(&self) -> (String, String) {
        let payment = self.detail_core().get("paymentId").and_then(Value::as_str);
        (self.detail_type.clone(), payment.unwrap_or(&self.resource).to_owned())
    }
}

impl<S> FromRequest<S> for Delivery
where
    S: Send + Sync,
    DeliveryToken: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let headers = request.headers().clone();
        if !DeliveryToken::from_ref(state).accepts(&headers).await {
            return Err((StatusCode::UNAUTHORIZED, "only this pod's sidecar may deliver").into_response());
        }
        let Json(body) = request.extract::<Json<Value>, _>().await.map_err(IntoResponse::into_response)?;
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Self {
            detail_type: text("qsl-detail-type"),
            resource: text("qsl-resource"),
            correlation_id: text("qsl-correlation-id"),
            event_key: text("qsl-event-key"),
            kid: text("qsl-kid"),
            attempt: text("qsl-attempt").parse().unwrap_or(1),
            is_replay: text("qsl-replay") == "true",
            body,
        })
    }
}
