//! An installation with a page, the way to it, and a browser.

use eventing_http::Entry;
use eventing_service::server::Limits;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::ground::journal::{FakeJournal, hex};
use crate::ground::{Replica, World as Ground};
use crate::path::Path;

/// The correlation that the tests follow.
pub(crate) const LINE: &str = "c-7f3a/rent for november";

/// An installation in whose page people sign in.
pub(crate) struct World {
    ground: Ground,
    pub(crate) journal: FakeJournal,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_tokens_for(3_600).await
    }

    /// The same, with sign-ins for so many seconds.
    pub(crate) async fn with_tokens_for(seconds: i64) -> Self {
        let ground = Ground::issuing(|issuer| issuer.granting("events", seconds)).await;
        Self { journal: ground.journal.clone(), ground }
    }

    pub(crate) async fn replica(&self) -> Replica {
        self.ground.replica_with(&["--oidc-client-id", "page"], Limits::default()).await
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
pub(crate) fn step(name: u32, millis: u32, detail_type: &str, resource: &str, core: Value) -> Entry {
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
