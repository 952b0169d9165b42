//! The example services, reached as their users would.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::forward::{Forward, Kubectl};

/// The consumers whose rules match every event of the demo.
pub const CONSUMERS: [&str; 3] = ["treasury", "compliance", "notification"];

/// Who an event belongs to.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Correlation of the run.
    pub correlation_id: String,
    /// The user who may see it.
    pub user_id: String,
    /// That user's tenant.
    pub tenant_id: String,
}

/// What the publisher was told of its event.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The event's `jti`.
    pub jti: String,
    /// EventBridge's id.
    pub event_id: String,
    /// Key that signed it.
    pub kid: String,
}

/// A line of `GET /handled`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handled {
    /// Its detail-type.
    pub detail_type: String,
    /// Its resource.
    pub resource: String,
    /// Its correlation.
    pub correlation_id: String,
    /// Its event key, hex.
    pub event_key: String,
    /// Key that signed it.
    pub kid: String,
    /// When it was delivered first, as of RFC 3339.
    pub handled_at: String,
    /// How often it was delivered.
    pub deliveries: u64,
    /// How many of these were replays.
    pub replays: u64,
}

#[derive(Deserialize)]
struct Events {
    events: Vec<Published>,
}

#[derive(Deserialize)]
struct HandledList {
    handled: Vec<Handled>,
}

/// The five services.
#[derive(Debug)]
pub struct Services {
    kubectl: Kubectl,
    http: Client,
    publishers: BTreeMap<&'static str, Forward>,
}

impl Services {
    /// Forwards the two publishers.
    pub async fn connect(kubectl: Kubectl) -> anyhow::Result<Self> {
        let mut publishers = BTreeMap::new();
        for name in ["orchestration", "paymentgateway"] {
            publishers.insert(name, Forward::open(&kubectl, name, &format!("svc/{name}"), 8080).await?);
        }
        let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { kubectl, http, publishers })
    }

    /// A step of a payment: `initiated`, `authorized`, `settled` or `failed`.
    pub async fn payment(&self, payment: &str, step: &str, trace: &Trace) -> anyhow::Result<Published> {
        self.publish(
            "paymentgateway",
            &format!("payments/{payment}/{step}"),
            trace,
            json!({"amount": 125.50, "currency": "EUR"}),
        )
        .await
    }

    /// A workflow event by its legacy name, `workflow_started` and its like.
    pub async fn workflow(&self, workflow: &str, legacy: &str, trace: &Trace) -> anyhow::Result<Published> {
        self.publish("orchestration", &format!("workflows/{workflow}/{legacy}"), trace, json!({})).await
    }

    async fn publish(&self, service: &str, path: &str, trace: &Trace, mut body: Value) -> anyhow::Result<Published> {
        body["correlationId"] = json!(trace.correlation_id);
        body["userId"] = json!(trace.user_id);
        body["tenantId"] = json!(trace.tenant_id);
        let forward = self.publishers.get(service).context("not a publisher")?;
        let answer = self.http.post(format!("{}/{path}", forward.url)).json(&body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{service} answered {status} to {path}: {text}");
        }
        let events: Events = serde_json::from_str(&text).with_context(|| format!("{service} answered {text}"))?;
        events.events.into_iter().next().context("no event in the answer")
    }

    /// What a consumer handled of this correlation. Forwarded anew each time: its pod may have been replaced.
    pub async fn handled(&self, service: &str, correlation_id: &str) -> anyhow::Result<Vec<Handled>> {
        let forward = Forward::open(&self.kubectl, service, &format!("svc/{service}"), 8080).await?;
        let answer: HandledList =
            self.http.get(format!("{}/handled", forward.url)).send().await?.error_for_status()?.json().await?;
        Ok(answer.handled.into_iter().filter(|one| one.correlation_id == correlation_id).collect())
    }

    /// Waits until a consumer handled `count` events of this correlation.
    pub async fn wait_handled(
        &self,
        service: &str,
        correlation_id: &str,
        count: usize,
        limit: Duration,
    ) -> anyhow::Result<Vec<Handled>> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let handled = self.handled(service, correlation_id).await?;
            if handled.len() >= count {
                return Ok(handled);
            }
            if tokio::time::Instant::now() > deadline {
                bail!("{service} handled {} of {count} events within {limit:?}: {handled:?}", handled.len());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
