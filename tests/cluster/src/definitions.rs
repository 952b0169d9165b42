//! The CustomResourceDefinitions of other projects, as those publish them, out of their Go modules.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

/// A project whose objects ours make or meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definitions {
    /// KEDA: ScaledObject, TriggerAuthentication and its other kinds.
    Keda,
    /// cert-manager: Certificate, Issuer and its other kinds.
    CertManager,
    /// The Prometheus operator: PrometheusRule, PodMonitor, ServiceMonitor and its other kinds.
    PrometheusOperator,
}

impl Definitions {
    /// The module and its version.
    const fn module(self) -> &'static str {
        match self {
            Self::Keda => "github.com/kedacore/keda/v2@v2.17.2",
            Self::CertManager => "github.com/cert-manager/cert-manager@v1.18.2",
            Self::PrometheusOperator => "github.com/prometheus-operator/prometheus-operator@v0.84.0",
        }
    }

    /// The folder of the definitions in it.
    const fn folder(self) -> &'static str {
        match self {
            Self::Keda => "config/crd/bases",
            Self::CertManager => "deploy/crds",
            Self::PrometheusOperator => "example/prometheus-operator-crd",
        }
    }

    /// All definitions, ready to be applied. The module is fetched once, into Go's own module cache.
    ///
    /// # Errors
    /// When `go` is not there or cannot fetch the module, or when a file is no definition.
    pub fn all(self) -> Result<Vec<Value>> {
        let folder = fetch(self.module())?.join(self.folder());
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        files.iter().map(|path| definition(path).with_context(|| path.display().to_string())).collect()
    }
}

/// The folder of a module, which is fetched where the module cache lacks it.
fn fetch(module: &str) -> Result<PathBuf> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Module {
        dir: Option<PathBuf>,
        error: Option<String>,
    }
    // Outside of this tree's own module, which has nothing to do with it.
    let outside = tempfile::tempdir()?;
    let output = Command::new("go")
        .args(["mod", "download", "-json", module])
        .current_dir(outside.path())
        .output()
        .context("go cannot be started: the definitions come with a Go module")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let answer: Module =
        serde_json::from_slice(&output.stdout).with_context(|| format!("go mod download {module}: {}", said.trim()))?;
    match answer {
        Module { dir: Some(dir), error: None } => Ok(dir),
        Module { error, .. } => bail!("go mod download {module}: {}", error.unwrap_or_else(|| said.trim().to_owned())),
    }
}

/// One definition. Its labels are left out: cert-manager's are those of a Helm template.
fn definition(path: &PathBuf) -> Result<Value> {
    let mut definition: Value = serde_yaml_ng::from_str(&fs::read_to_string(path)?)?;
    let metadata = definition.get("metadata").context("no metadata")?;
    let name = metadata.get("name").and_then(Value::as_str).context("no name")?;
    let annotations = metadata.get("annotations").cloned().unwrap_or_else(|| json!({}));
    let metadata = json!({"name": name, "annotations": annotations});
    let members = definition.as_object_mut().context("no object")?;
    members.insert("metadata".to_owned(), metadata);
    members.remove("status");
    Ok(definition)
}
