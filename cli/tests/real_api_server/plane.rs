//! An API server that knows the four kinds.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use test_cluster::{ControlPlane, Kubectl};

use crate::program::{Answer, run};

/// A control plane of a test's own.
pub(crate) struct Plane {
    plane: ControlPlane,
    pub(crate) kubectl: Kubectl,
    folder: TempDir,
}

impl Plane {
    /// One that knows nothing of ours.
    pub(crate) fn bare() -> Self {
        let plane = ControlPlane::start().unwrap();
        Self { kubectl: plane.kubectl(), plane, folder: tempfile::tempdir().unwrap() }
    }

    /// One with the four kinds.
    pub(crate) fn start() -> Self {
        let plane = Self::bare();
        let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/generated");
        plane.kubectl.run(["apply", "--server-side", "-f", crds]).unwrap();
        plane.kubectl.run(["wait", "--for=condition=Established", "crd", "--all"]).unwrap();
        plane
    }

    /// Writes a status, as the operator does.
    pub(crate) fn status(&self, kind: &str, namespace: &str, name: &str, status: &Value) {
        let patch = json!({"status": status}).to_string();
        let patch = ["patch", kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch];
        self.kubectl.run(patch).unwrap();
    }

    /// The kubeconfig of the administrator.
    pub(crate) fn kubeconfig(&self) -> String {
        self.plane.kubeconfig().display().to_string()
    }

    /// A kubeconfig of somebody whom the administrator stands in for.
    pub(crate) fn kubeconfig_as(&self, user: &str) -> String {
        let text = std::fs::read_to_string(self.plane.kubeconfig()).unwrap();
        let mut config: Value = serde_yaml_ng::from_str(&text).unwrap();
        for entry in config["users"].as_array_mut().unwrap() {
            entry["user"]["as"] = json!(user);
        }
        let path: PathBuf = self.folder.path().join(user.replace(':', "-"));
        std::fs::write(&path, config.to_string()).unwrap();
        path.display().to_string()
    }

    /// Runs the program as the administrator.
    pub(crate) fn qsl(&self, arguments: &[&str]) -> Answer {
        run(&[arguments, &["--kubeconfig", &self.kubeconfig()]].concat(), "")
    }
}
