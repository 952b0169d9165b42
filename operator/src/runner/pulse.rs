//! The signs of life of a watch. kube's watcher tells objects and errors; that a watch is alive though nothing changes
//! (an answer, a bookmark, its orderly end) it keeps to itself. So the signs are taken where every watch passes: at
//! its client. There too a request is cut off that is never answered, and an answer that stops in the middle.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::{
    Client,
    client::Body,
    runtime::{utils::Backoff, watcher},
};
use tokio::time::{Instant, timeout};
use tower::BoxError;
use tower_http::timeout::TimeoutBody;

/// After so long the API server ends a watch, to be asked anew: the longest time without a sign of life.
const WATCH: u32 = 45;
/// How long the API server may take to begin an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long an answer may stop in its middle: longer than a quiet watch.
const SILENCE: Duration = Duration::from_secs(53);
/// Without a sign of life for so long, what is known is stale.
pub(super) const STALE: Duration = Duration::from_mins(1);

/// How every watch is asked for.
pub fn watch_config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH)
}

/// The pauses of a watch that fails: doubling, jittered by a half either way, and never so long that a watch which
/// could be alive again is stale. kube's own go up to a minute.
#[derive(Debug, Default)]
pub struct Pauses {
    failures: u32,
    last: Option<Instant>,
}

/// The first pause.
const FIRST: Duration = Duration::from_millis(800);
/// The longest, before jitter.
const LONGEST: Duration = Duration::from_secs(15);
/// A watch that recovers says nothing: without a failure for so long, the count begins anew.
const RECOVERED: Duration = Duration::from_mins(2);

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.last.is_some_and(|last| last.elapsed() > RECOVERED) {
            self.failures = 0;
        }
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.last = Some(Instant::now());
        Some(pause.mul_f64(0.5 + rand::random::<f64>()))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// When the last sign of life was. Clones share it.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Mutex<Instant>>);

impl Default for Pulse {
    fn default() -> Self {
        Self::new()
    }
}

/// The API server did not begin to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server did not begin to answer within {ANSWER:?}")]
struct NoAnswer;

impl Pulse {
    /// Begins now.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// A client as `client`, for one watch: its answers are this one's signs of life.
    pub fn listen(&self, client: Client) -> Client {
        let (namespace, pulse) = (client.default_namespace().to_owned(), self.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (client, pulse) = (client.clone(), pulse.clone());
            async move { pulse.send(&client, request).await }
        });
        Client::new(service, namespace)
    }

    /// Whether there was no sign of life for too long.
    pub fn is_stale(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= STALE
    }

    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn send(
        &self,
        client: &Client,
        request: Request<Body>,
    ) -> Result<Response<impl http_body::Body<Data = bytes::Bytes, Error = BoxError> + Send + use<>>, BoxError> {
        let response = timeout(ANSWER, client.send(request)).await.map_err(|_| NoAnswer)??;
        // A refusal is an answer, but what is known does not get fresher by it.
        let alive = response.status().is_success();
        if alive {
            self.beat();
        }
        let pulse = self.clone();
        Ok(response.map(|body| {
            let body = body.map_frame(move |frame| {
                if alive {
                    pulse.beat();
                }
                frame
            });
            TimeoutBody::new(SILENCE, body)
        }))
    }
}
