//! One installation on loopback: a journal, an identity provider that browsers can sign in at, gateways, and a browser.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use eventing_http::Entry;
use eventing_service::admin::Readiness;
use eventing_service::server::Server;
use gateway::http::{Gateway, router};
use gateway::hub::Hub;
use gateway::journal::{HttpJournal, Journal};
use gateway::metrics::Metrics;
use gateway::oidc::{Keys, Tokens};
use gateway::settings::Settings;
use gateway::tail;
use identity_provider::Issuer;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::browser::Browser;
use crate::journal::{FakeJournal, hex};
use crate::path::Path;

/// The correlation that the tests follow.
pub(crate) const LINE: &str = "c-7f3a/rent for november";

/// The installation.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) journal: FakeJournal,
    issuer: String,
}

/// One replica of the gateway. Dropped, it stops.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    _stop: DropGuard,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_tokens_for(3_600).await
    }

    /// The same, with sign-ins for so many seconds.
    pub(crate) async fn with_tokens_for(seconds: i64) -> Self {
        eventing_service::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "good\n").unwrap();
        let journal = FakeJournal::start(folder.path()).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let routes = identity_provider::router(Issuer::new(&issuer).unwrap().granting("events", seconds));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { folder, journal, issuer }
    }

    pub(crate) async fn replica(&self) -> Replica {
        let settings = Settings::parse_from([
            "gateway",
            "--namespace",
            "ops",
            "--oidc-audience",
            "events",
            "--oidc-issuer",
            &self.issuer,
            "--oidc-client-id",
            "page",
        ]);
        let keys = Keys::new(&self.issuer, None).unwrap();
        let address = format!("https://localhost:{}", self.journal.address.port());
        let path = |name| self.folder.path().join(name);
        let journal: Arc<dyn Journal> = Arc::new(HttpJournal::new(address, path("ca.crt"), path("token")));
        let (hub, shutdown) = (Hub::default(), CancellationToken::new());
        let check = Readiness::new().check("journal", "first answer");
        tokio::spawn(tail::follow(Arc::clone(&journal), hub.clone(), Metrics::default(), check, shutdown.clone()));
        let server = Server::plain(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap().drain(Duration::ZERO);
        let address = server.address();
        let tokens = Arc::new(Tokens::new(settings.oidc, keys));
        let (fresh, ended) = (Arc::clone(&tokens), shutdown.clone());
        tokio::spawn(async move { fresh.keys().keep_fresh(ended, |_| ()).await });
        let gateway = Gateway {
            tokens: Arc::clone(&tokens),
            hub: hub.clone(),
            journal,
            metrics: Metrics::default(),
            shutdown: shutdown.clone(),
        };
        tokio::spawn(server.serve(router(gateway), shutdown.clone()));
        while hub.position().is_none() || !tokens.keys().are_known() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Replica { address, _stop: shutdown.drop_guard() }
    }

    /// A replica, the way to it, and a browser on its page.
    pub(crate) async fn page(&self) -> (Replica, Path, Browser) {
        let replica = self.replica().await;
        let path = Path::to(replica.address).await;
        let browser = Browser::start().await;
        browser.open(&path.url).await;
        (replica, path, browser)
    }

    /// A replica, the way to it, and a browser in which somebody has signed in.
    pub(crate) async fn signed_in(&self, user: &str, scope: &str) -> (Replica, Path, Browser) {
        let (replica, path, browser) = self.page().await;
        sign_in(&browser, user, scope).await;
        (replica, path, browser)
    }
}

/// Signs in from the page, at the provider's form.
pub(crate) async fn sign_in(browser: &Browser, user: &str, scope: &str) {
    browser.click("main button").await;
    answer(browser, user, scope).await;
    browser.wait("document.querySelector('#who')?.hidden === false").await;
}

/// Says who one is, at the provider's form.
pub(crate) async fn answer(browser: &Browser, user: &str, scope: &str) {
    browser.fill("[name=sub]", user).await;
    browser.fill("[name=tenant_id]", "north").await;
    browser.script(&format!("document.querySelector('[name=scope]').value = {}", json!(scope))).await;
    browser.click("form button").await;
}

/// Looks for a correlation.
pub(crate) async fn find(browser: &Browser, correlation: &str) {
    browser.fill("#correlation", correlation).await;
    browser.click("#find button").await;
}

/// A step of [`LINE`]: `name` is its key, and it is signed so many milliseconds after eight in the morning.
#[expect(clippy::needless_pass_by_value, reason = "a payload is written where the step is")]
pub(crate) fn step(name: u8, millis: u32, detail_type: &str, resource: &str, core: Value) -> Entry {
    let ts = format!("2026-11-23T08:{:02}:{:02}.{:03}000Z", millis / 60_000, millis / 1_000 % 60, millis % 1_000);
    let (source, kid, algorithm) = match resource.split(':').nth(2) {
        Some("paymentgateway") => ("qsl.payment", "payments-9f1Kq2LmX0aBcD3e", "Dilithium2"),
        Some("treasury") => ("qsl.treasury", "treasury-77aaQw0x1b2c3d4e", "ML-DSA-44"),
        _ => ("qsl.workflow", "workflows-Qm3v81XxkTz0aa2E", "ML-DSA-44"),
    };
    serde_json::from_value(json!({
        "position": 0, "eventKey": hex(name), "eventBridgeIds": [format!("5f0c1de2-0000-4000-8000-0000000000{name:02x}")],
        "source": source, "detailType": detail_type, "resource": resource, "correlationId": LINE,
        "userId": "ada", "tenantId": "north", "trace": {"correlationId": LINE, "userId": "ada"}, "ts": ts, "sentAt": 1,
        "kid": kid, "algorithm": algorithm, "envelopeVerified": true, "detailCore": core, "status": "x",
    }))
    .unwrap()
}

pub(crate) const WORKFLOW: &str = "urn:qsl:orchestration:workflow:w-208";
pub(crate) const PAYMENT: &str = "urn:qsl:paymentgateway:payment:p-4711";
pub(crate) const TRANSFER: &str = "urn:qsl:treasury:transfer:t-93";

/// A payment's life, in order; the first two are its beginning.
pub(crate) fn story() -> Vec<Entry> {
    let payment = json!({
        "paymentId": "p-4711", "amount": 125.5, "currency": "EUR", "instant": true,
        "creditor": {"name": "Harbour Books", "iban": "DE02120300000000202051"}, "references": ["INV-2041", "INV-2042"],
    });
    vec![
        step(1, 0, "Workflow.Started.v1", WORKFLOW, json!({"workflowId": "w-208"})),
        step(2, 212, "Payment.Initiated.v1", PAYMENT, payment),
        step(3, 1_493, "Payment.Authorized.v1", PAYMENT, json!({"paymentId": "p-4711", "by": "issuer"})),
        step(4, 9_870, "Transfer.Booked.v1", TRANSFER, json!({"transferId": "t-93"})),
        step(5, 11_650, "Payment.Settled.v1", PAYMENT, json!({"paymentId": "p-4711"})),
        step(6, 11_902, "Workflow.Completed.v1", WORKFLOW, json!({"workflowId": "w-208"})),
    ]
}
