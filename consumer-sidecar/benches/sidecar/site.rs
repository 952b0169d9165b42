//! All that is around a sidecar, and the sidecar as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bench_figures::process::{Usage, usage};
use eventing_process::testing::Program;
use serde_json::json;
use sidecar_ground::{Ground, Key, Names, Secrets, Sqs, aws};

use crate::app::App;
use crate::events::SOURCE;
use crate::service::at_once;

/// How long a sidecar may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(40);
const NAMES: Names = Names {
    namespace: "treasury",
    service_account: "treasury",
    inbox: "treasury",
    bus: ("platform", "qsl-core"),
    source: SOURCE,
};

/// One installation with one inbox, its application and its bus.
pub struct Site {
    pub sqs: Sqs,
    pub app: App,
    pub app_address: SocketAddr,
    ground: Ground,
}

impl Site {
    pub async fn new(key: &Arc<Key>, app: App) -> Result<Self> {
        let ground = Ground::start(NAMES, Secrets::default(), key, at_once(key)?, &json!({})).await?;
        let app_address = aws::serve(app.clone().routes()).await?;
        Ok(Self { sqs: ground.sqs.clone(), app, app_address, ground })
    }

    /// Starts a sidecar, and waits until it receives.
    pub fn sidecar(&self) -> Result<Sidecar> {
        let program = Program::start(&mut self.ground.sidecar(program(), self.app_address.port()))?;
        let begun = |said: &str| (said.contains("the application answers")).then_some(());
        program.until(PATIENCE, begun).map_err(|said| anyhow!("the sidecar did not start: {said}"))?;
        Ok(Sidecar { program, listen: self.ground.listen })
    }
}

/// A running sidecar.
pub struct Sidecar {
    program: Program,
    pub listen: SocketAddr,
}

impl Sidecar {
    pub fn usage(&self) -> Result<Usage> {
        usage(self.program.id())
    }

    pub fn terminate(&self) -> Result<()> {
        Ok(self.program.terminate()?)
    }

    /// Waits for its end, which must be a good one.
    pub async fn ended(self) -> Result<()> {
        let ending = tokio::task::spawn_blocking(move || self.program.ended());
        let (status, said) = tokio::time::timeout(PATIENCE, ending).await.context("it does not end")???;
        anyhow::ensure!(status.success(), "the sidecar ended with {status}: {said}");
        Ok(())
    }
}

/// The measured program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_consumer-sidecar"))
}

/// What the program weighs in an image, where it is stripped.
pub fn stripped_bytes() -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let stripped: PathBuf = folder.path().join("stripped");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(program()).status().context("no strip")?;
    anyhow::ensure!(status.success(), "strip ended with {status}");
    Ok(std::fs::metadata(stripped)?.len())
}
