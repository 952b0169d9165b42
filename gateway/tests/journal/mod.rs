//! A journal in memory behind the journal's own HTTP interface, over TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path as UrlPath, Query, State};
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use eventing_http::{Changes, Entry, Timeline};
use eventing_service::server::Server;
use serde::Deserialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The journal's content, and a bell that rings when something comes in.
#[derive(Clone)]
pub(crate) struct FakeJournal {
    entries: Arc<Mutex<Vec<Entry>>>,
    bell: watch::Sender<u64>,
    pub(crate) address: SocketAddr,
}

/// One entry, `name` being its key.
pub(crate) fn entry(name: u8, correlation: &str, user: &str, signed_envelope: bool) -> Entry {
    serde_json::from_value(serde_json::json!({
        "position": 0, "eventKey": hex(name), "eventBridgeIds": ["id"], "source": "qsl.tram",
        "detailType": "Tram.Departed.v1", "resource": "urn:qsl:depot:tram:7", "correlationId": correlation,
        "userId": user, "tenantId": "north", "trace": {"correlationId": correlation, "userId": user},
        "ts": "2026-11-23T08:00:00.000000Z", "sentAt": 1, "kid": "trams-1", "algorithm": "ML-DSA-44",
        "envelopeVerified": signed_envelope, "detailCore": {"name": name}, "status": "Departed",
    }))
    .unwrap()
}

/// A key of 32 times the same byte.
pub(crate) fn hex(name: u8) -> String {
    format!("{name:02x}").repeat(32)
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
        let journal = Self { entries: Arc::default(), bell: watch::Sender::new(0), address: server.address() };
        let router = Router::new()
            .route("/v1/timeline/{correlation}", get(timeline))
            .route("/v1/changes", get(changes))
            .with_state(journal.clone());
        tokio::spawn(server.serve(router, CancellationToken::new()));
        journal
    }

    /// Appends an entry; its position is the next.
    pub(crate) fn append(&self, mut entry: Entry) {
        let mut entries = self.entries.lock().unwrap();
        entry.position = entries.len() as u64 + 1;
        let position = entry.position;
        entries.push(entry);
        self.bell.send_replace(position);
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
    let entries = journal.entries.lock().unwrap();
    let events = entries.iter().filter(|entry| entry.correlation_id == correlation).cloned().collect();
    Json(Timeline { events, next: None })
}

async fn changes(State(journal): State<FakeJournal>, Query(ask): Query<Ask>, headers: HeaderMap) -> Json<Changes> {
    assert_token(&headers);
    let mut bell = journal.bell.subscribe();
    let after = ask.after.unwrap_or(u64::MAX);
    let waited = bell.wait_for(|end| *end != after);
    let _ = tokio::time::timeout(Duration::from_secs(ask.wait), waited).await;
    let entries = journal.entries.lock().unwrap();
    let end = entries.len() as u64;
    let changes: Vec<Entry> =
        entries.iter().filter(|entry| entry.position > after).take(ask.limit.unwrap_or(100)).cloned().collect();
    let position = changes.last().map_or(end.min(after), |last| last.position);
    Json(Changes { changes, position, generation: 1 })
}
