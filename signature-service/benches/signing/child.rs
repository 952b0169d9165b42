//! The service that is measured: its server, router, token cache, signer and audit log as the product wires them. The
//! directory does not change, and the API server is in memory.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use eventing_http::{HttpSigner, Service as Address};
use eventing_service::authentication::TokenReviewer;
use eventing_service::authorisation::AccessReviewer;
use eventing_service::server::Server;
use prometheus_client::registry::Registry;
use signature_service::app::LIMITS;
use signature_service::http::{Service, router};
use signature_service::metrics::Metrics;
use signature_service::places::Places;
use signature_service::signer::Signer;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cluster;

/// Serves until the process is ended. Standard output is the log's; the address goes to standard error.
#[allow(clippy::print_stderr, reason = "its answer")]
pub async fn serve(folder: &Path) -> Result<()> {
    eventing_service::logging::init("info")?;
    let server = Server::tls(SocketAddr::from(([127, 0, 0, 1], 0)), folder).await?.limits(LIMITS);
    let client = cluster::api_server();
    let (_publish, directory) = watch::channel(Arc::new(cluster::directory()?));
    let shutdown = CancellationToken::new();
    let service = Service {
        directory,
        authenticator: Arc::new(TokenReviewer::new(client.clone(), cluster::AUDIENCE)),
        authorizer: Arc::new(AccessReviewer::new(client)),
        signer: Signer::default(),
        places: Places::default(),
        strangers: Arc::default(),
        metrics: Metrics::register(&mut Registry::default()),
        shutdown: shutdown.clone(),
    };
    eprintln!("{}", server.address());
    Ok(server.serve(router(service), shutdown).await?)
}

/// The process of the service; it ends with this value.
pub struct Running {
    process: Child,
    address: SocketAddr,
    ca: String,
    folder: TempDir,
}

impl Running {
    /// Starts it.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
        std::fs::write(folder.path().join("tls.crt"), made.cert.pem())?;
        std::fs::write(folder.path().join("tls.key"), made.signing_key.serialize_pem())?;
        std::fs::write(folder.path().join("token"), cluster::token())?;
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        BufReader::new(process.stderr.take().context("no standard error")?).read_line(&mut said)?;
        let address = said.trim().parse().with_context(|| format!("the service did not start: {said}"))?;
        Ok(Self { process, address, ca: made.cert.pem(), folder })
    }

    /// A client as a sidecar has it.
    pub fn signer(&self) -> Result<HttpSigner> {
        let token = Some(self.folder.path().join("token"));
        Ok(HttpSigner::new(Address::new(&format!("https://{}", self.address), &self.ca, token)?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
