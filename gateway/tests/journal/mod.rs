//! A journal in memory behind the journal's own HTTP interface, over TLS.
#![allow(dead_code, reason = "each test uses a part of it")]

mod listing;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use eventing::claim::{Answer, Ask as ClaimAsk, Change, Key, Record, decide};
use eventing::time::Millis;
use eventing::types::EventKey;
use eventing_http::{Changes, ClaimAction, ClaimAnswer, ClaimRequest, DeadLetterReport, Entry, LINES, Timeline};
use eventing_service::server::Server;
use futures::{StreamExt as _, stream};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

#[allow(unused_imports, reason = "each test uses a part of it")]
pub(crate) use listing::letter;

/// The journal's content, and a bell that rings when something comes in.
#[derive(Clone)]
pub(crate) struct FakeJournal {
    entries: Arc<Mutex<Vec<Entry>>>,
    dead_letters: Arc<Mutex<Vec<DeadLetterReport>>>,
    claims: Arc<Mutex<HashMap<EventKey, Record>>>,
    generation: Arc<AtomicU64>,
    bell: watch::Sender<u64>,
    listing: listing::Listing,
    pub(crate) address: SocketAddr,
}

/// One entry, `name` being its key.
pub(crate) fn entry(name: u32, correlation: &str, user: &str, signed_envelope: bool) -> Entry {
    serde_json::from_value(serde_json::json!({
        "position": 0, "eventKey": hex(name), "eventBridgeIds": ["id"], "source": "qsl.tram",
        "detailType": "Tram.Departed.v1", "resource": "urn:qsl:depot:tram:7", "correlationId": correlation,
        "userId": user, "tenantId": "north", "trace": {"correlationId": correlation, "userId": user},
        "ts": "2026-11-23T08:00:00.000000Z", "sentAt": 1, "kid": "trams-1", "algorithm": "ML-DSA-44",
        "envelopeVerified": signed_envelope, "detailCore": {"name": name}, "status": "Departed",
    }))
    .unwrap()
}

/// A key of eight times the same number.
pub(crate) fn hex(name: u32) -> String {
    format!("{name:08x}").repeat(8)
}

#[derive(Deserialize)]
struct Ask {
    after: Option<u64>,
    #[serde(default)]
    wait: u64,
    limit: Option<usize>,
}

impl FakeJournal {
    /// Starts one; its CA is written to `folder/ca.crt`, the token it wants is "good".
    pub(crate) async fn start(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("ca.crt"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
        let server = Server::tls(SocketAddr::from(([127, 0, 0, 1], 0)), folder).await.unwrap();
        let journal = Self {
            entries: Arc::default(),
            dead_letters: Arc::default(),
            claims: Arc::default(),
            generation: Arc::new(AtomicU64::new(1)),
            bell: watch::Sender::new(0),
            listing: listing::Listing::default(),
            address: server.address(),
        };
        let router = Router::new()
            .route("/v1/timeline/{correlation}", get(timeline))
            .route("/v1/changes", get(changes))
            .route("/v1/correlations", get(listing::correlations))
            .route("/v1/dead-letters", get(listing::dead_letters))
            .route("/v1/claims", post(claims))
            .with_state(journal.clone());
        tokio::spawn(server.serve(router, CancellationToken::new()));
        journal
    }

    /// Appends an entry; its position is the next.
    pub(crate) fn append(&self, entry: Entry) {
        self.append_all([entry]);
    }

    /// Appends entries that are there at once.
    pub(crate) fn append_all(&self, new: impl IntoIterator<Item = Entry>) {
        let mut entries = self.entries.lock().unwrap();
        for mut entry in new {
            entry.position = entries.len() as u64 + 1;
            entries.push(entry);
        }
        self.bell.send_replace(entries.len() as u64);
    }

    /// Tells of a dead letter of every correlation.
    pub(crate) fn tell(&self, dead_letter: DeadLetterReport) {
        self.dead_letters.lock().unwrap().push(dead_letter);
    }

    /// Another journal, with nothing in it.
    #[allow(dead_code, reason = "not every test does it")]
    pub(crate) fn begin_anew(&self) {
        self.entries.lock().unwrap().clear();
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.bell.send_replace(0);
    }

    /// What came after a position, for which it waits until then.
    async fn look(&self, after: u64, until: Instant, limit: usize) -> Changes {
        let mut bell = self.bell.subscribe();
        let _ = tokio::time::timeout_at(until, bell.wait_for(|end| *end != after)).await;
        let entries = self.entries.lock().unwrap();
        let end = entries.len() as u64;
        let first = usize::try_from(after).map_or(entries.len(), |first| first.min(entries.len()));
        let changes: Vec<Entry> = entries[first..].iter().take(limit).cloned().collect();
        let position = changes.last().map_or(end.min(after), |last| last.position);
        Changes { changes, position, generation: self.generation.load(Ordering::SeqCst) }
    }

    /// A correlation as its timeline is: by the signed time.
    pub(crate) fn timeline(&self, correlation: &str) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap();
        let mut events: Vec<_> = entries.iter().filter(|entry| entry.correlation_id == correlation).cloned().collect();
        events.sort_by(|one, other| one.ts.cmp(&other.ts));
        events
    }
}

fn assert_token(headers: &HeaderMap) {
    assert_eq!(headers["authorization"], "Bearer good");
}

async fn timeline(
    State(journal): State<FakeJournal>,
    UrlPath(correlation): UrlPath<String>,
    headers: HeaderMap,
) -> Json<Timeline> {
    assert_token(&headers);
    Json(Timeline { events: journal.timeline(&correlation), next: None })
}

async fn changes(State(journal): State<FakeJournal>, Query(ask): Query<Ask>, headers: HeaderMap) -> Response {
    assert_token(&headers);
    let (after, limit) = (ask.after.unwrap_or(u64::MAX), ask.limit.unwrap_or(100));
    let until = Instant::now() + Duration::from_secs(ask.wait);
    if headers.get("accept").is_none_or(|accepted| accepted != LINES) {
        return Json(journal.look(after, until, limit).await).into_response();
    }
    let lines = stream::unfold((journal, after), move |(journal, after)| async move {
        let changes = journal.look(after, until, limit).await;
        let position = changes.position;
        let line = serde_json::to_string(&changes).unwrap() + "\n";
        (position != after).then_some((line, (journal, position)))
    });
    // A network cuts where it likes.
    let pieces = lines.flat_map(|line| {
        let (one, other) = line.split_at(line.len() / 2);
        stream::iter([one.to_owned(), other.to_owned()]).map(Ok::<_, Infallible>)
    });
    ([("content-type", LINES)], Body::from_stream(pieces)).into_response()
}

/// Decided as the journal decides.
async fn claims(
    State(journal): State<FakeJournal>,
    headers: HeaderMap,
    Json(request): Json<ClaimRequest>,
) -> Json<ClaimAnswer> {
    assert_token(&headers);
    let ask = match request.action {
        ClaimAction::Claim => ClaimAsk::Claim { lapse: Duration::from_secs(request.lapse_seconds.into()) },
        ClaimAction::Confirm => ClaimAsk::Confirm,
        ClaimAction::Release => ClaimAsk::Release { attempts: request.attempts },
        ClaimAction::Probe => return Json(ClaimAnswer::Settled),
    };
    let mut known = journal.claims.lock().unwrap();
    let keep = |seconds: u32| Duration::from_secs(seconds.into());
    let records: Vec<_> = request
        .keys
        .iter()
        .map(|key| Key { record: known.get(&key.key).cloned(), keep: keep(key.keep_seconds) })
        .collect();
    let (answer, changes) = decide(ask, &request.holder, &records, Millis::now());
    for (key, change) in request.keys.iter().zip(changes) {
        match change {
            Change::None => {}
            Change::Write(record) => drop(known.insert(key.key, record)),
            Change::Remove => drop(known.remove(&key.key)),
        }
    }
    Json(match answer {
        Answer::Claimed { attempts } => ClaimAnswer::Claimed { attempts },
        Answer::Handled => ClaimAnswer::Handled,
        Answer::Held { lapses_in } => {
            ClaimAnswer::Held { lapses_in_seconds: u32::try_from(lapses_in.as_secs()).unwrap() }
        }
        Answer::Settled => ClaimAnswer::Settled,
    })
}
