//! Where the running system is.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// What the demo leaves in `target/demo/endpoints.json`, and what the tests start from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// Kubeconfig of the cluster.
    pub kubeconfig: PathBuf,
    /// AWS, as the host reaches it.
    pub aws: String,
    /// AWS Region of the demo.
    pub region: String,
    /// The release's namespace.
    pub release_namespace: String,
    /// Namespace of the identity provider.
    pub identity_namespace: String,
    /// The gateway, as the host reaches it; absent until the driver has forwarded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// A test user's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Endpoints {
    /// Reads the file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a list of endpoints", path.display()))
    }

    /// The file that `QSL_ENDPOINTS` names; `cargo xtask test` sets it.
    pub fn from_env() -> anyhow::Result<Self> {
        let path = std::env::var_os("QSL_ENDPOINTS").context(
            "QSL_ENDPOINTS is not set: this test runs through `cargo xtask test`, which brings the system up",
        )?;
        Self::read(Path::new(&path))
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let partial = path.with_extension("partial");
        std::fs::write(&partial, serde_json::to_string_pretty(self)?)?;
        std::fs::rename(&partial, path)?;
        Ok(())
    }
}
