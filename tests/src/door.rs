//! The way to a sidecar's loopback: posts as the service in its pod would, through a port-forward that is made anew when
//! it breaks.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::forward::Forward;
use crate::ground::Ground;

/// Where a sidecar takes events, on its pod's loopback.
const SIDECAR_PORT: u16 = 15080;

/// What a publisher may be told while keys rotate, and while the signature service or its own pod comes and goes: each a
/// 503 with Retry-After (`docs/reliability.md` has the list).
pub(crate) const RETRIABLE: [&str; 8] = [
    "SIGNATURE_SERVICE_UNREACHABLE",
    "NO_ACTIVE_KEY",
    "OVERLOADED",
    "AUTHENTICATION_UNAVAILABLE",
    "BUS_NOT_CONFIGURED",
    "PUBLISHING_ENDED",
    "PUBLISH_FAILED",
    "PUBLISH_UNCERTAIN",
];

/// What a publisher is told while its bus has `publishing: Disabled`, besides.
pub(crate) const SWITCHED_OFF: &str = "PUBLISHING_DISABLED";

/// Of the retriable, what leaves open whether the event is on the bus.
const UNCERTAIN: [&str; 2] = ["PUBLISHING_ENDED", "PUBLISH_UNCERTAIN"];

/// The sidecar of the payment gateway.
pub(crate) struct Door<'a> {
    ground: &'a Ground,
    http: Client,
    forward: Mutex<Forward>,
}

impl<'a> Door<'a> {
    /// Opens it.
    ///
    /// # Errors
    /// When no pod of the payment gateway takes a forward within a minute.
    pub(crate) async fn open(ground: &'a Ground) -> anyhow::Result<Self> {
        let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { ground, http, forward: Mutex::new(Self::forward(ground).await?) })
    }

    async fn forward(ground: &Ground) -> anyhow::Result<Forward> {
        Forward::open(&ground.kubectl, "paymentgateway", "deployment/paymentgateway", SIDECAR_PORT).await
    }

    /// Posts an event under an `Idempotency-Key`.
    ///
    /// # Errors
    /// When no whole answer came: the event may be on the bus.
    pub(crate) async fn post(&self, body: &Value, key: &str) -> anyhow::Result<Answer> {
        let url = self.forward.lock().await.url.clone();
        let request = self.http.post(format!("{url}/v1/events")).header("Idempotency-Key", key).json(body);
        let answer = async {
            let answer = request.send().await?;
            let (status, after) = (answer.status(), answer.headers().get("retry-after").cloned());
            let after = after.and_then(|after| after.to_str().ok()?.parse().ok()).map(Duration::from_secs);
            reqwest::Result::Ok(Answer { status, after, body: answer.json().await? })
        };
        let error = match answer.await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        // The forward is kubectl's, not the product's: a new one where it broke, unless somebody was faster.
        let mut forward = self.forward.lock().await;
        if forward.url == url {
            *forward = Self::forward(self.ground).await?;
        }
        Err(error.into())
    }
}

/// What the sidecar said.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// When to post again.
    pub after: Option<Duration>,
    /// What became of the event, or the problem.
    pub body: Value,
}

impl Answer {
    /// The kids that signed.
    pub(crate) fn kids(&self) -> impl Iterator<Item = String> {
        let events = self.body["events"].as_array().cloned().unwrap_or_default();
        events.into_iter().filter_map(|event| Some(event["kid"].as_str()?.to_owned()))
    }

    /// The problem's code.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("none")
    }

    /// Whether it asks to post again, in a documented way.
    pub(crate) fn is_retriable(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE && self.after.is_some() && RETRIABLE.contains(&self.code())
    }

    /// Whether it asks to post again since publishing is switched off.
    pub(crate) fn is_switched_off(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE && self.after.is_some() && self.code() == SWITCHED_OFF
    }

    /// Whether the event may be on the bus although it was not taken.
    pub(crate) fn is_uncertain(&self) -> bool {
        UNCERTAIN.contains(&self.code())
    }
}

/// The first step of a payment, of this amount.
pub(crate) fn event(payment: &str, correlation: &str, amount: f64) -> Value {
    json!({
        "source": "qsl.payment", "detailType": "Payment.Initiated.v1",
        "resource": format!("urn:qsl:paymentgateway:payment:{payment}"),
        "trace": {"correlationId": correlation, "userId": "u-1", "tenantId": "t-1"},
        "detailCore": {"paymentId": payment, "amount": amount, "currency": "EUR"},
    })
}
