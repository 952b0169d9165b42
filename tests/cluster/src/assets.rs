//! Where the programs of a cluster are.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::cache;

/// The programs of a cluster, found and ready to be started.
#[derive(Clone, Debug)]
pub struct Assets {
    components: PathBuf,
    supervisor: PathBuf,
}

impl Assets {
    /// Finds the programs that a control plane takes: those of `KUBEBUILDER_ASSETS` where it is set, else the cached
    /// build. The error says which command builds what is missing.
    pub fn locate() -> Result<Self> {
        match std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()) {
            Some(folder) => Self::in_folder(PathBuf::from(folder)),
            None => Self::locate_built(),
        }
    }

    /// Finds the cached build, which has the programs that a node takes as well.
    pub fn locate_built() -> Result<Self> {
        Self::in_folder(cache::components()?)
    }

    fn in_folder(components: PathBuf) -> Result<Self> {
        let assets = Self { components, supervisor: cache::supervisor()?.join("cluster") };
        for needed in [assets.program("etcd"), assets.program("kube-apiserver"), assets.supervisor.clone()] {
            if !needed.exists() {
                bail!("{} is not there: `cargo xtask cluster build` builds it, once", needed.display());
            }
        }
        Ok(assets)
    }

    /// The folder that holds the components by their names.
    pub fn components(&self) -> &Path {
        &self.components
    }

    /// The program that starts and stops them.
    pub fn supervisor(&self) -> &Path {
        &self.supervisor
    }

    /// The path of one component.
    pub fn program(&self, name: &str) -> PathBuf {
        self.components.join(name)
    }

    /// A kubectl: the assets' own, else the one on `PATH`.
    pub fn kubectl(&self) -> PathBuf {
        let own = self.program("kubectl");
        if own.exists() { own } else { PathBuf::from("kubectl") }
    }
}
