//! The AWS emulator.

use std::process::Command;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::supervisor::Supervisor;
use crate::{Assets, cache};

/// The port that the emulator has inside a node.
pub(crate) const PORT: &str = "4566";

/// A running emulator on a free loopback port. Dropping it stops it; nothing it held is kept.
#[derive(Debug)]
pub struct Emulator {
    supervisor: Supervisor,
    facts: Facts,
}

#[derive(Debug, Deserialize)]
struct Facts {
    url: String,
}

impl Emulator {
    /// Starts an emulator that holds nothing yet.
    pub fn start() -> Result<Self> {
        let mut supervisor = Command::new(Assets::locate()?.supervisor());
        supervisor.args(["guard", "--ready", "/_ministack/ready", "--"]).args(command("127.0.0.1", "{port}")?);
        let (supervisor, facts) = Supervisor::start(&mut supervisor)?;
        Ok(Self { supervisor, facts })
    }

    /// The endpoint of every service, for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.facts.url
    }

    /// Stops it, and says whether that went well.
    pub fn stop(self) -> Result<()> {
        self.supervisor.stop()
    }
}

/// The command that runs the emulator on an address and port, with nothing written outside `{run}`.
pub(crate) fn command(address: &str, port: &str) -> Result<Vec<String>> {
    let program = cache::python(&cache::emulator_requirements())?.join("bin/python3");
    if !program.exists() {
        bail!("the AWS emulator ({}) is not there: `cargo xtask tools` installs it, once", program.display());
    }
    let settings = [
        format!("BIND_HOST={address}"),
        format!("MINISTACK_HOST={address}"),
        format!("GATEWAY_PORT={port}"),
        "TMPDIR={run}".to_owned(),
        "LOG_LEVEL=WARNING".to_owned(),
        "PYTHONDONTWRITEBYTECODE=1".to_owned(),
    ];
    let program = [program.display().to_string(), "-m".to_owned(), "ministack".to_owned()];
    Ok(["env".to_owned()].into_iter().chain(settings).chain(program).collect())
}
