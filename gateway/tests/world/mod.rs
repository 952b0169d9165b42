//! One installation on loopback: a real issuer, a journal over TLS, and the gateway's own server.
#![allow(dead_code, reason = "not every test uses all of it")]

#[path = "../journal/mod.rs"]
pub(crate) mod journal;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use eventing_service::admin::Readiness;
use eventing_service::server::Limits;
use gateway::http::{Entrance, Gateway, router};
use gateway::hub::Hub;
use gateway::journal::{HttpJournal, Journal};
use gateway::metrics::Metrics;
use gateway::oidc::{Keys, Tokens};
use gateway::server::Server;
use gateway::settings::Settings;
use gateway::tail;
use gateway::tickets::Tickets;
use identity_provider::{Ask, Issuer};
use journal::{FakeJournal, hex};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A journal, an issuer, and as many gateways as a test wants.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) journal: FakeJournal,
    pub(crate) issuer: Issuer,
    issuer_name: String,
}

/// One replica of the gateway. Dropped, it stops.
pub(crate) struct Replica {
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    pub(crate) hub: Hub,
    _stop: DropGuard,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::issuing(|issuer| issuer).await
    }

    /// The same, with an issuer that is as this makes it.
    pub(crate) async fn issuing(change: impl FnOnce(Issuer) -> Issuer) -> Self {
        eventing_service::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "good\n").unwrap();
        let journal = FakeJournal::start(folder.path()).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer_name = format!("http://{}", listener.local_addr().unwrap());
        let issuer = change(Issuer::new(&issuer_name).unwrap());
        let routes = identity_provider::router(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { folder, journal, issuer, issuer_name }
    }

    /// The issuer's name, which is its address.
    pub(crate) fn issuer_name(&self) -> &str {
        &self.issuer_name
    }

    /// The folder with the CA that signed the journal's certificate, ca.crt.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) async fn replica(&self) -> Replica {
        self.replica_with(&[], Limits::default()).await
    }

    /// A replica with these flags and limits.
    pub(crate) async fn replica_with(&self, flags: &[&str], limits: Limits) -> Replica {
        let oidc = ["gateway", "--namespace", "ops", "--oidc-audience", "events", "--oidc-issuer", &self.issuer_name];
        let settings = Settings::parse_from(oidc.iter().chain(flags));
        let keys = Keys::new(&self.issuer_name, None).unwrap();
        let address = format!("https://localhost:{}", self.journal.address.port());
        let path = |name| self.folder.path().join(name);
        let journal = Arc::new(HttpJournal::new(address, path("ca.crt"), path("token")));
        let (metrics, shutdown) = (Metrics::default(), CancellationToken::new());
        let hub = Hub::new(settings.entrance.streams_per_user);
        let tickets =
            Tickets::new(Arc::<HttpJournal>::clone(&journal), "ops/updates".parse().unwrap(), metrics.clone());
        let journal: Arc<dyn Journal> = journal;
        let check = Readiness::new().check("journal", "first answer");
        tokio::spawn(tail::follow(Arc::clone(&journal), hub.clone(), metrics.clone(), check, shutdown.clone()));
        let addresses = settings.entrance.addresses();
        let entrance = Entrance::new(&addresses, settings.entrance.cors_origins);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::listen(loopback, limits, Duration::from_secs(5), &addresses, metrics.clone()).unwrap();
        let address = server.address();
        let tokens = Arc::new(Tokens::new(settings.oidc, keys));
        let (kept, ended) = (Arc::clone(&tokens), shutdown.clone());
        tokio::spawn(async move { kept.keys().keep_fresh(ended, |_| ()).await });
        let known = Arc::clone(&tokens);
        let gateway = Gateway { tokens, tickets, entrance, hub: hub.clone(), journal, metrics };
        tokio::spawn(server.serve(router(gateway), shutdown.clone()));
        while hub.position().is_none() || !known.keys().are_known() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Replica { url: format!("http://{address}"), address, hub, _stop: shutdown.drop_guard() }
    }

    pub(crate) fn token(&self, user: &str, scope: &str) -> String {
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

pub(crate) async fn get(replica: &Replica, path: &str, token: &str, last: Option<&str>) -> reqwest::Response {
    let mut request = reqwest::Client::new().get(format!("{}{path}", replica.url)).bearer_auth(token);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    request.send().await.unwrap()
}

/// One block of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Block {
    pub(crate) id: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) data: Option<String>,
}

/// Puts blocks together from pieces of text.
#[derive(Debug, Default)]
pub(crate) struct Blocks(String);

impl Blocks {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.push_str(std::str::from_utf8(bytes).unwrap());
    }

    pub(crate) fn next(&mut self) -> Option<Block> {
        let (block, rest) = self.0.split_once("\n\n")?;
        let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim().to_owned());
        let found = Block { id: line("id:"), event: line("event:"), data: line("data:") };
        self.0 = rest.to_owned();
        Some(found)
    }
}

/// An SSE client that keeps the last id.
pub(crate) struct Client {
    pub(crate) response: reqwest::Response,
    blocks: Blocks,
    pub(crate) last_id: String,
}

impl Client {
    pub(crate) async fn open(replica: &Replica, path: &str, token: &str, last: Option<&str>) -> Self {
        Self::of(get(replica, path, token, last).await)
    }

    pub(crate) fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200, "{}", response.url());
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, blocks: Blocks::default(), last_id: String::new() }
    }

    /// The next block that is an event of any name, or nothing when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Block> {
        loop {
            while let Some(block) = self.blocks.next() {
                if let Some(id) = &block.id {
                    id.clone_into(&mut self.last_id);
                }
                if block.event.is_some() {
                    return Some(block);
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await;
            let chunk = chunk.unwrap().ok().flatten()?;
            self.blocks.add(&chunk);
        }
    }

    pub(crate) async fn expect(&mut self, name: u32) -> Value {
        let block = self.next().await.unwrap();
        assert_eq!(block.event.as_deref(), Some("event"));
        let event: Value = serde_json::from_str(&block.data.unwrap()).unwrap();
        assert_eq!(event["eventKey"], hex(name));
        event
    }

    /// The name of the next event, and the code in its data.
    pub(crate) async fn told(&mut self) -> (String, String) {
        let block = self.next().await.unwrap();
        let data: Value = serde_json::from_str(&block.data.unwrap()).unwrap();
        (block.event.unwrap(), data["code"].as_str().unwrap().to_owned())
    }
}
