//! The stream of events: posts to the sidecar of the payment gateway as the service in its pod would, each repeated with
//! its `Idempotency-Key` until the sidecar has it on the bus.

use std::collections::BTreeSet;
use std::time::Duration;

use eventing::time::Millis;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::book::{Author, Event, Shared};
use super::ground::Ground;
use crate::forward::Forward;

/// Where a sidecar takes events, on its pod's loopback.
const SIDECAR_PORT: u16 = 15080;
/// The most events that wait for their answer: what an application would keep in its outbox before it takes no more.
const OUTBOX: usize = 64;
/// How long to wait where the answer does not say.
const AGAIN: Duration = Duration::from_secs(1);

/// What a publisher may be told while keys rotate and the signature service comes and goes: each a 503 with Retry-After
/// (`docs/reliability.md` has the list).
pub(super) const RETRIABLE: [&str; 6] = [
    "SIGNATURE_SERVICE_UNREACHABLE",
    "NO_ACTIVE_KEY",
    "OVERLOADED",
    "AUTHENTICATION_UNAVAILABLE",
    "PUBLISH_FAILED",
    "PUBLISH_UNCERTAIN",
];

/// The way to the sidecar's loopback.
pub(super) struct Door<'a> {
    ground: &'a Ground,
    http: Client,
    forward: Mutex<Forward>,
}

impl<'a> Door<'a> {
    /// Opens it.
    pub(super) async fn open(ground: &'a Ground) -> anyhow::Result<Self> {
        let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { ground, http, forward: Mutex::new(Self::forward(ground).await?) })
    }

    async fn forward(ground: &Ground) -> anyhow::Result<Forward> {
        Forward::open(&ground.kubectl, "paymentgateway", "deployment/paymentgateway", SIDECAR_PORT).await
    }

    async fn post(&self, body: &Value, key: &str) -> anyhow::Result<Answer> {
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
struct Answer {
    status: StatusCode,
    after: Option<Duration>,
    body: Value,
}

impl Answer {
    fn kids(&self) -> impl Iterator<Item = String> {
        let events = self.body["events"].as_array().cloned().unwrap_or_default();
        events.into_iter().filter_map(|event| Some(event["kid"].as_str()?.to_owned()))
    }

    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("none")
    }

    fn is_retriable(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE && self.after.is_some() && RETRIABLE.contains(&self.code())
    }
}

/// Publishes until `stop`, then until each event is on the bus.
pub(super) async fn publish(
    ground: &Ground,
    door: &Door<'_>,
    book: &Shared,
    every: Duration,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let run = ground.run.clone();
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut outbox = FuturesUnordered::new();
    let mut number = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(()) = outbox.next() => {}
            _ = tick.tick(), if outbox.len() < OUTBOX => {
                number += 1;
                outbox.push(one(door, book, format!("p-{run}-{number}"), &run));
            }
        }
    }
    while outbox.next().await.is_some() {}
    Ok(())
}

async fn one(door: &Door<'_>, book: &Shared, payment: String, run: &str) {
    let body = event(&payment, run);
    let (mut kids, mut is_uncertain) = (BTreeSet::new(), false);
    book.with(|book| book.unpublished += 1);
    loop {
        let at = Millis::now();
        let said = door.post(&body, &payment).await;
        let (label, after) = match &said {
            Ok(answer) if answer.status.is_success() => {
                kids.extend(answer.kids());
                let event = Event { author: Author::Sidecar, at, kids, is_uncertain };
                book.with(|book| {
                    book.unpublished -= 1;
                    book.events.insert(payment, event);
                });
                return;
            }
            Ok(answer) => {
                let label = format!("{} {}", answer.status.as_u16(), answer.code());
                if !answer.is_retriable() {
                    // An application would give it up here.
                    let bad =
                        format!("{payment} was answered {label}, Retry-After {:?}: {}", answer.after, answer.body);
                    book.with(|book| {
                        book.unpublished -= 1;
                        book.bad_answers.push(bad);
                    });
                    return;
                }
                if answer.code() == "PUBLISH_UNCERTAIN" {
                    kids.extend(answer.kids());
                    is_uncertain = true;
                }
                (label, answer.after)
            }
            Err(_) => {
                is_uncertain = true;
                ("no answer (port-forward)".to_owned(), None)
            }
        };
        book.with(|book| *book.answers.entry(label).or_default() += 1);
        sleep(after.unwrap_or(AGAIN)).await;
    }
}

/// The first step of a payment.
pub(super) fn event(payment: &str, run: &str) -> Value {
    json!({
        "source": "qsl.payment", "detailType": "Payment.Initiated.v1",
        "resource": format!("urn:qsl:paymentgateway:payment:{payment}"),
        "trace": {"correlationId": run, "userId": "u-1", "tenantId": "t-1"},
        "detailCore": {"paymentId": payment, "amount": 125.50, "currency": "EUR"},
    })
}
