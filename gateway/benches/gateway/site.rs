//! All that is around the gateway, and the gateway as a process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use axum::response::IntoResponse as _;
use bench_figures::process::{Usage, usage};
use eventing::algorithm::Algorithm;
use eventing_process::testing::Program;
use identity_provider::{Ask, Issuer};
use serde_json::json;
use sidecar_ground::{Ground, Key, Names, Secrets};
use tempfile::TempDir;

use crate::Arguments;
use crate::journal::Journal;

/// How long a gateway may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// Users, who are of one tenant.
const USERS: usize = 500;
const NAMES: Names = Names {
    namespace: "platform",
    service_account: "qsl-gateway",
    inbox: "clientupdates",
    bus: ("platform", "qsl-core"),
    source: "qsl.payment",
};

/// One installation: a journal, a queue, an issuer.
pub struct Site {
    pub journal: Journal,
    pub ground: Ground,
    pub key: Key,
    /// A token of each user.
    pub tokens: Vec<Arc<str>>,
    issuer: String,
    folder: TempDir,
}

/// A running gateway.
pub struct Gateway {
    program: Program,
    pub address: SocketAddr,
}

impl Site {
    pub async fn new(arguments: &Arguments) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let journal = Journal::start(folder.path(), arguments.correlations).await?;
        let key = Key::generate("payments", Algorithm::MlDsa44)?;
        let nobody = Arc::new(|_: &[u8]| axum::http::StatusCode::NOT_FOUND.into_response());
        let ground = Ground::start(NAMES, Secrets::default(), &key, nobody, &json!({})).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let name = format!("http://{}", listener.local_addr()?);
        let issuer = Issuer::new(&name)?;
        let routes = identity_provider::router(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let token = |user| {
            let (sub, scope) = (format!("rider-{user}"), "events:tenant".to_owned());
            let ask = Ask { sub, scope, tenant_id: Some("north".into()), aud: "events".into(), expires_in: None };
            issuer.token(&ask).map(Into::into)
        };
        let tokens = (0..USERS).map(token).collect::<Result<_>>()?;
        Ok(Self { journal, ground, key, tokens, issuer: name, folder })
    }

    /// Starts a gateway, and waits until it is ready.
    pub async fn gateway(&self) -> Result<Gateway> {
        let (address, admin) = (free_port()?, free_port()?);
        let mut command = self.ground.consumer(Path::new(env!("CARGO_BIN_EXE_gateway")))?;
        command
            .args(["--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
            .args(["--oidc-issuer", &self.issuer, "--oidc-audience", "events"])
            .args(["--journal-url", &format!("https://localhost:{}", self.journal.address.port())])
            .arg("--journal-ca")
            .arg(self.folder.path().join("ca.crt"))
            .args(["--streams-per-user", "1000", "--streams-per-address", "100000", "--log", "warn"]);
        let program = Program::start(&mut command)?;
        let http = reqwest::Client::builder().tls_certs_only([]).build()?;
        for _ in 0..PATIENCE.as_millis() / 20 {
            let ready = http.get(format!("http://{admin}/readyz")).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(Gateway { program, address });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(anyhow!("the gateway did not start: {}", program.said()))
    }
}

impl Gateway {
    pub fn usage(&self) -> Result<Usage> {
        usage(self.program.id())
    }

    /// Ends it, which must be a good end.
    pub async fn end(self) -> Result<()> {
        self.program.terminate()?;
        let ending = tokio::task::spawn_blocking(move || self.program.ended());
        let (status, said) = tokio::time::timeout(PATIENCE, ending).await.context("it does not end")???;
        ensure!(status.success(), "the gateway ended with {status}: {said}");
        Ok(())
    }
}

/// What both took, together.
pub fn together(gateways: &[Gateway]) -> Result<Usage> {
    let mut sum = Usage { resident: 0, peak: 0, cpu_seconds: 0.0 };
    for gateway in gateways {
        let Usage { resident, peak, cpu_seconds } = gateway.usage()?;
        sum.resident += resident;
        sum.peak += peak;
        sum.cpu_seconds += cpu_seconds;
    }
    Ok(sum)
}

/// One that nobody listened at a moment ago.
fn free_port() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
