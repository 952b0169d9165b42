//! The signs of life of a watch. kube's watcher tells objects and errors; that a watch is alive though nothing changes
//! (an answer, a bookmark, its orderly end) it keeps to itself, and its own first list waits for ever. So the signs are
//! taken where every watch passes, at its client. There too a request is cut off that is never answered, and an answer
//! that stops in its middle.
//!
//! ```text
//!   Pulse::new ─▶ Api::all(pulse.listen(client)) ─▶ watcher(api, pulse.config()).backoff(Pauses::default())
//!        └─▶ is_stale: not ready
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher;
use tokio::time::{Instant, timeout};
use tower::BoxError;
use tower_http::timeout::TimeoutBody;

/// How long a watch is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After so many seconds the API server ends a watch, to be asked anew: the longest time without a sign of life
    /// (45).
    pub watch_seconds: u32,
    /// How long the API server may take to begin an answer (10 s).
    pub answer: Duration,
    /// How long an answer may stop in its middle: longer than a quiet watch (53 s).
    pub silence: Duration,
    /// Without a sign of life for so long, what is known is stale (1 min).
    pub stale: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            watch_seconds: 45,
            answer: Duration::from_secs(10),
            silence: Duration::from_secs(53),
            stale: Duration::from_mins(1),
        }
    }
}

/// When the last sign of life of one watch was. Clones share it.
#[derive(Clone, Debug)]
pub struct Pulse {
    last: Arc<Mutex<Instant>>,
    patience: Patience,
}

/// The API server did not begin to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API server did not begin to answer within {0:?}")]
struct NoAnswer(Duration);

impl Pulse {
    /// Begins now.
    pub fn new(patience: Patience) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), patience }
    }

    /// How the watch is asked for.
    pub fn config(&self) -> watcher::Config {
        watcher::Config::default().timeout(self.patience.watch_seconds)
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
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed() >= self.patience.stale
    }

    fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn send(
        &self,
        client: &Client,
        request: Request<Body>,
    ) -> Result<Response<impl http_body::Body<Data = bytes::Bytes, Error = BoxError> + Send + use<>>, BoxError> {
        let Patience { answer, silence, .. } = self.patience;
        let response = timeout(answer, client.send(request)).await.map_err(|_| NoAnswer(answer))??;
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
            TimeoutBody::new(silence, body)
        }))
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::StreamExt as _;
    use http_body_util::combinators::UnsyncBoxBody;
    use http_body_util::{Full, StreamBody};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;
    use kube::runtime::WatchStreamExt as _;

    use super::*;

    const SHORT: Patience = Patience {
        watch_seconds: 45,
        answer: Duration::from_millis(100),
        silence: Duration::from_millis(300),
        stale: Duration::from_millis(200),
    };

    type Answer = UnsyncBoxBody<bytes::Bytes, BoxError>;

    /// Lists nothing, and watches in silence; or does not answer at all.
    fn server(answers: bool) -> Client {
        let service = tower::service_fn(move |request: Request<Body>| async move {
            if !answers {
                std::future::pending::<()>().await;
            }
            let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let silence = futures::stream::pending::<Result<http_body::Frame<bytes::Bytes>, BoxError>>();
            let list = r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[]}"#;
            let body: Answer = if is_watch {
                StreamBody::new(silence).boxed_unsync()
            } else {
                Full::new(bytes::Bytes::from_static(list.as_bytes())).map_err(|never| match never {}).boxed_unsync()
            };
            Ok::<_, BoxError>(Response::new(body))
        });
        Client::new(service, "default")
    }

    async fn after(milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    #[tokio::test]
    async fn a_watch_that_falls_silent_is_stale_and_then_cut_off() {
        let pulse = Pulse::new(SHORT);
        let api: Api<ConfigMap> = Api::all(pulse.listen(server(true)));
        let mut events = watcher(api, pulse.config()).backoff(Pauses::default()).boxed();
        for _ in 0..2 {
            events.next().await.unwrap().unwrap();
        }
        assert!(!pulse.is_stale());
        let silent = tokio::time::timeout(Duration::from_millis(250), events.next()).await;
        assert!(silent.is_err());
        assert!(pulse.is_stale());
        let cut = tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap();
        assert!(cut.is_err(), "{cut:?}");
    }

    #[tokio::test]
    async fn a_first_list_that_is_never_answered_is_cut_off() {
        let pulse = Pulse::new(SHORT);
        let api: Api<ConfigMap> = Api::all(pulse.listen(server(false)));
        let mut events = watcher(api, pulse.config()).backoff(Pauses::default()).boxed();
        events.next().await.unwrap().unwrap();
        let cut = tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap();
        assert!(matches!(cut, Err(watcher::Error::InitialListFailed(_))), "{cut:?}");
        after(150).await;
        assert!(pulse.is_stale());
    }

    #[tokio::test]
    async fn every_watch_asks_to_be_ended_before_it_counts_as_stale() {
        let Patience { watch_seconds, answer, silence, stale } = Patience::default();
        let watch = Duration::from_secs(u64::from(watch_seconds));
        assert!(watch < silence && watch + answer < stale && silence < stale);
        assert_eq!(Pulse::new(Patience::default()).config().timeout, Some(45));
    }

    #[test]
    fn pauses_grow_to_a_bound_that_a_recovered_watch_survives() {
        let pauses: Vec<Duration> = Pauses::default().take(12).collect();
        assert!(pauses.first().unwrap() < &Duration::from_millis(1_201));
        assert!(pauses.iter().all(|pause| *pause <= LONGEST.mul_f64(1.5)));
        assert!(*pauses.last().unwrap() >= LONGEST / 2);
        let mut pauses = Pauses::default();
        let _ = pauses.by_ref().take(6).count();
        pauses.reset();
        assert!(pauses.next().unwrap() < Duration::from_millis(1_201));
    }
}
