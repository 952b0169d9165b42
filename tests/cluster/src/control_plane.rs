//! etcd and an API server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde::Deserialize;

use crate::supervisor::Supervisor;
use crate::{Assets, Kubectl};

/// A running control plane on free loopback ports. Dropping it stops it and removes what it wrote.
#[derive(Debug)]
pub struct ControlPlane {
    supervisor: Supervisor,
    assets: Assets,
    facts: Facts,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    kubeconfig: PathBuf,
    api_server: String,
}

impl ControlPlane {
    /// Starts etcd and an API server. Pods can be created without their service account being there; namespaces that
    /// are deleted stay Terminating, and owned objects outlive their owner.
    pub fn start() -> Result<Self> {
        Self::launch(&Assets::locate()?, &[])
    }

    /// Starts them with the controller manager: namespaces end, service accounts and the CA bundle come by
    /// themselves, garbage is collected.
    pub fn start_with_controllers() -> Result<Self> {
        Self::launch(&Assets::locate_built()?, &["--controller-manager"])
    }

    fn launch(assets: &Assets, more: &[&str]) -> Result<Self> {
        let mut command = Command::new(assets.supervisor());
        command.arg("control-plane").arg("--assets").arg(assets.components()).args(more);
        let (supervisor, facts) = Supervisor::start(&mut command)?;
        Ok(Self { supervisor, assets: assets.clone(), facts })
    }

    /// The kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.facts.kubeconfig
    }

    /// The API server's address, `https://127.0.0.1:PORT`.
    pub fn api_server(&self) -> &str {
        &self.facts.api_server
    }

    /// A kubectl for this cluster.
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(self.assets.kubectl(), self.kubeconfig())
    }

    /// Stops it, and says whether that went well.
    pub fn stop(self) -> Result<()> {
        self.supervisor.stop()
    }
}
