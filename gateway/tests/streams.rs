//! The gateway on loopback: a real issuer, a real router, a journal over TLS.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod journal;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use eventing::time::Millis;
use eventing_service::admin::Readiness;
use eventing_service::server::Server;
use gateway::event::Event;
use gateway::http::{Gateway, router};
use gateway::hub::{Ahead, Hub};
use gateway::journal::{HttpJournal, Journal};
use gateway::metrics::Metrics;
use gateway::oidc::{Keys, Tokens};
use gateway::settings::Settings;
use gateway::tail;
use identity_provider::{Ask, Issuer};
use journal::{FakeJournal, entry, hex};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

/// One installation: a journal, an issuer, and as many gateways as a test wants.
struct World {
    folder: tempfile::TempDir,
    journal: FakeJournal,
    issuer: Issuer,
    issuer_name: String,
}

/// One replica of the gateway. Dropped, it stops.
struct Replica {
    url: String,
    hub: Hub,
    _stop: DropGuard,
}

impl World {
    async fn new() -> Self {
        eventing_service::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "good\n").unwrap();
        let journal = FakeJournal::start(folder.path()).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer_name = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Issuer::new(&issuer_name).unwrap();
        let routes = identity_provider::router(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { folder, journal, issuer, issuer_name }
    }

    async fn replica(&self) -> Replica {
        let oidc = ["gateway", "--namespace", "ops", "--oidc-audience", "events", "--oidc-issuer", &self.issuer_name];
        let settings = Settings::parse_from(oidc);
        let keys = Keys::new(&self.issuer_name, None).unwrap();
        let address = format!("https://localhost:{}", self.journal.address.port());
        let path = |name| self.folder.path().join(name);
        let journal: Arc<dyn Journal> = Arc::new(HttpJournal::new(address, path("ca.crt"), path("token")));
        let (hub, shutdown) = (Hub::default(), CancellationToken::new());
        let check = Readiness::new().check("journal", "first answer");
        tokio::spawn(tail::follow(Arc::clone(&journal), hub.clone(), Metrics::default(), check, shutdown.clone()));
        let server = Server::plain(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let url = format!("http://{}", server.address());
        let tokens = Arc::new(Tokens::new(settings.oidc, keys));
        let gateway =
            Gateway { tokens, hub: hub.clone(), journal, metrics: Metrics::default(), shutdown: shutdown.clone() };
        tokio::spawn(server.serve(router(gateway), shutdown.clone()));
        while hub.position().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Replica { url, hub, _stop: shutdown.drop_guard() }
    }

    fn token(&self, user: &str, scope: &str) -> String {
        let ask = Ask {
            sub: user.into(),
            tenant_id: Some("north".into()),
            scope: scope.into(),
            aud: "events".into(),
            expires_in: None,
        };
        self.issuer.token(&ask).unwrap()
    }
}

async fn get(replica: &Replica, path: &str, token: &str, last: Option<&str>) -> reqwest::Response {
    let mut request = reqwest::Client::new().get(format!("{}{path}", replica.url)).bearer_auth(token);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    request.send().await.unwrap()
}

/// An SSE client that keeps the last id.
struct Client {
    response: reqwest::Response,
    buffer: String,
    last_id: String,
}

impl Client {
    async fn open(replica: &Replica, path: &str, token: &str, last: Option<&str>) -> Self {
        let response = get(replica, path, token, last).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: String::new(), last_id: String::new() }
    }

    /// The next event's key, or nothing when the stream has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
                if let Some(id) = line("id:") {
                    id.clone_into(&mut self.last_id);
                }
                if let Some(data) = line("data:") {
                    assert_eq!(line("event:"), Some("event"));
                    return Some(serde_json::from_str(data).unwrap());
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.response.chunk()).await;
            let chunk = chunk.unwrap().ok().flatten()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn expect(&mut self, name: u8) -> Value {
        let event = self.next().await.unwrap();
        assert_eq!(event["eventKey"], hex(name));
        event
    }
}

#[tokio::test]
async fn a_timeline_shows_each_what_they_may_see() {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    world.journal.append(entry(2, "line-7", "ada", false));
    let replica = world.replica().await;
    let read = async |user: &str, scope: &str, path: &str| {
        let response = get(&replica, path, &world.token(user, scope), None).await;
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["events"].as_array().map_or(0, Vec::len), body)
    };
    let (status, events, body) = read("ada", "", "/events/line-7").await;
    assert_eq!((status, events), (200, 1));
    assert_eq!(body["correlationId"], "line-7");
    assert_eq!(body["events"][0]["detailCore"]["name"], 1);
    assert_eq!(body["lastEventId"], "2");
    assert_eq!(read("ops", "events:operator", "/events/line-7").await.1, 2);
    assert_eq!(read("ben", "events:tenant", "/events/line-7").await.1, 1);
    let (status, _, problem) = read("ben", "", "/events/line-7").await;
    assert_eq!((status, &problem["code"]), (404, &"NOT_FOUND".into()));
    assert_eq!(read("ben", "", "/events/line-99").await.2, problem, "another's and nobody's look alike");
    assert_eq!(read("ben", "", "/events/stream?correlationId=line-7").await.0, 404);

    assert_eq!(get(&replica, "/events/line-7", "nonsense", None).await.status(), 401);
    let bare = reqwest::get(format!("{}/events/line-7", replica.url)).await.unwrap();
    assert_eq!((bare.status().as_u16(), &bare.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
}

#[tokio::test]
async fn a_stream_brings_each_event_once_ahead_or_not_and_goes_on_where_it_was_cut() {
    let world = World::new().await;
    world.journal.append(entry(1, "line-7", "ada", true));
    let replica = world.replica().await;
    let (path, token) = ("/events/stream?correlationId=line-7", world.token("ada", ""));
    let mut client = Client::open(&replica, path, &token, None).await;
    world.journal.append(entry(2, "line-7", "ada", true));
    assert_eq!(client.expect(2).await["position"], 2);

    let mut early = Event::from_entry(&entry(3, "line-7", "ada", true)).unwrap();
    early.position = None;
    assert_eq!(replica.hub.ahead(early, Millis::now().plus_millis(60_000)), Ahead::Sent);
    client.expect(3).await;
    let with_key_ahead = client.last_id.clone();
    assert!(with_key_ahead.starts_with("2~"), "{with_key_ahead}");
    world.journal.append(entry(4, "line-7", "ben", true));
    world.journal.append(entry(3, "line-7", "ada", true));
    world.journal.append(entry(5, "line-7", "ada", true));
    client.expect(5).await;
    assert_eq!(client.last_id, "5");
    drop((client, replica));

    world.journal.append(entry(6, "line-7", "ada", true));
    let other = world.replica().await;
    let mut client = Client::open(&other, path, &token, Some("5")).await;
    client.expect(6).await;
    world.journal.append(entry(7, "line-7", "ada", true));
    client.expect(7).await;
    // Cut off while an event was ahead: at another replica it does not come again.
    let mut client = Client::open(&other, path, &token, Some(&with_key_ahead)).await;
    for name in [5, 6, 7] {
        client.expect(name).await;
    }
}

#[tokio::test]
async fn the_user_stream_follows_a_user_through_all_correlations() {
    let world = World::new().await;
    let replica = world.replica().await;
    let token = world.token("ada", "");
    let mut client = Client::open(&replica, "/events/stream/user", &token, None).await;
    for (name, line, user, signed) in [
        (1, "line-1", "ada", true),
        (2, "line-2", "ben", true),
        (3, "line-3", "ada", false),
        (4, "line-4", "ada", true),
    ] {
        world.journal.append(entry(name, line, user, signed));
    }
    client.expect(1).await;
    client.expect(4).await;
    let mut resumed = Client::open(&replica, "/events/stream/user", &token, Some("1")).await;
    resumed.expect(4).await;
    assert_eq!(get(&replica, "/events/stream/user", &token, Some("nonsense")).await.status(), 400);
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let world = World::new().await;
    let replica = world.replica().await;
    let ask = Ask { sub: "ada".into(), aud: "events".into(), expires_in: Some(2), ..Ask::default() };
    let token = world.issuer.token(&ask).unwrap();
    let started = std::time::Instant::now();
    let mut client = Client::open(&replica, "/events/stream/user", &token, None).await;
    assert_eq!(client.next().await, None);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(replica.hub.streams().0, 0);
}
