//! A journal with a million events that answers at once: what is old is made up when it is asked for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bench_figures::payment::payment;
use eventing_http::LINES;
use eventing_service::server::Server;
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Events that were there before.
pub const HISTORY: u64 = 1_000_000;
/// Which journal it is.
pub const GENERATION: u64 = 1;
/// Events of a correlation in its timeline.
const TIMELINE: u64 = 10;
/// Bytes of a payload.
const SIZE: usize = 1_024;

/// What came since, each as JSON, and when.
#[derive(Clone)]
pub struct Journal {
    new: Arc<Mutex<Vec<(String, Instant)>>>,
    bell: watch::Sender<u64>,
    correlations: u64,
    pub address: SocketAddr,
}

#[derive(Deserialize)]
struct Ask {
    after: Option<u64>,
    #[serde(default)]
    wait: u64,
    limit: Option<u64>,
}

/// The name of a correlation.
pub fn correlation(number: u64) -> String {
    format!("line-{number}")
}

/// What marks the event at a position; clients look for it in what they read.
pub const MARK: &str = "urn:qsl:bench:n:";
/// Digits behind the mark.
pub const DIGITS: usize = 9;

/// The resource of the event at a position.
pub fn resource(position: u64) -> String {
    format!("{MARK}{position:0DIGITS$}")
}

/// The event at a position, as its readers get it.
pub fn event(position: u64, correlation: &str) -> String {
    entry(position, correlation).to_string()
}

/// The event at a position.
fn entry(position: u64, correlation: &str) -> Value {
    json!({
        "position": position, "eventKey": format!("{position:064x}"), "eventBridgeIds": ["0d9c39a8-5b3e-4d0a-9c33"],
        "source": "qsl.payment", "detailType": "Payment.Initiated.v1", "resource": resource(position),
        "correlationId": correlation, "userId": "u-5", "tenantId": "north",
        "trace": {"correlationId": correlation, "userId": "u-5", "tenantId": "north"},
        "ts": "2026-11-23T08:00:00.000000Z", "sentAt": 1, "kid": "payments-1", "algorithm": "ML-DSA-44",
        "envelopeVerified": true, "detailCore": payment(u32::try_from(position).unwrap_or_default(), SIZE),
        "status": "Initiated",
    })
}

impl Journal {
    /// Starts one; its CA is written to `folder/ca.crt`.
    pub async fn start(folder: &Path, correlations: usize) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        for (name, text) in [("tls.crt", made.cert.pem()), ("ca.crt", made.cert.pem())] {
            std::fs::write(folder.join(name), text)?;
        }
        std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem())?;
        let server = Server::tls(SocketAddr::from(([127, 0, 0, 1], 0)), folder).await?;
        let journal = Self {
            new: Arc::default(),
            bell: watch::Sender::new(HISTORY),
            correlations: u64::try_from(correlations)?,
            address: server.address(),
        };
        let router = Router::new()
            .route("/v1/timeline/{correlation}", get(timeline))
            .route("/v1/changes", get(changes))
            .with_state(journal.clone());
        tokio::spawn(server.serve(router, CancellationToken::new()));
        Ok(journal)
    }

    fn recorded(&self) -> MutexGuard<'_, Vec<(String, Instant)>> {
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next event, of this correlation.
    pub fn append(&self, correlation: &str) {
        let position = self.end() + 1;
        self.append_entry(&entry(position, correlation));
    }

    /// The next event, as it is; its position is the next.
    pub fn append_entry(&self, entry: &Value) {
        let text = entry.to_string();
        let mut new = self.recorded();
        new.push((text, Instant::now()));
        let end = HISTORY + u64::try_from(new.len()).unwrap_or_default();
        drop(new);
        self.bell.send_replace(end);
    }

    /// The last position.
    pub fn end(&self) -> u64 {
        *self.bell.borrow()
    }

    /// When each event came, the first of them at the position behind the history.
    pub fn came(&self) -> Vec<Instant> {
        self.recorded().iter().map(|(_, at)| *at).collect()
    }

    /// What came after a position, for which it waits until then, and up to where.
    async fn look(&self, after: u64, until: Instant, limit: u64) -> (String, u64) {
        let mut bell = self.bell.subscribe();
        let _ = tokio::time::timeout_at(until.into(), bell.wait_for(|end| *end > after)).await;
        let end = self.end().min(after + limit).max(after);
        let events: Vec<_> = (after + 1..=end).map(|position| self.at(position)).collect();
        (json("changes", &events, &place(end)), end)
    }

    fn at(&self, position: u64) -> String {
        let new = usize::try_from(position.saturating_sub(HISTORY + 1)).unwrap_or_default();
        match self.recorded().get(new).filter(|_| position > HISTORY) {
            Some((text, _)) => text.clone(),
            None => entry(position, &correlation(position % self.correlations)).to_string(),
        }
    }
}

fn json(name: &str, events: &[String], rest: &str) -> String {
    format!(r#"{{"{name}":[{}]{rest}}}"#, events.join(","))
}

fn answer(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Where a reader of changes goes on.
fn place(position: u64) -> String {
    format!(r#","position":{position},"generation":{GENERATION}"#)
}

async fn timeline(State(journal): State<Journal>, UrlPath(correlation): UrlPath<String>) -> Response {
    let events: Vec<_> = (1..=TIMELINE).map(|nth| entry(HISTORY / 2 + nth, &correlation).to_string()).collect();
    drop(journal);
    answer(json("events", &events, ""))
}

async fn changes(State(journal): State<Journal>, headers: HeaderMap, Query(ask): Query<Ask>) -> Response {
    let Some(after) = ask.after else {
        return answer(json("changes", &[], &place(journal.end())));
    };
    let until = Instant::now() + Duration::from_secs(ask.wait);
    let limit = ask.limit.unwrap_or(100);
    if headers.get(header::ACCEPT).is_none_or(|accepted| accepted != LINES) {
        return answer(journal.look(after, until, limit).await.0);
    }
    let lines = stream::unfold((journal, after), move |(journal, after)| async move {
        let (line, end) = journal.look(after, until, limit).await;
        (end > after).then(|| (Ok::<_, Infallible>(line + "\n"), (journal, end)))
    });
    ([(header::CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response()
}
