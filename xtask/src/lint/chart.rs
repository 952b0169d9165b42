//! The chart: `helm lint`, its own tests and the policies of others ([`judges`]), and what it renders applied to a real API
//! server, which is the judge: unknown fields, missing ones and CEL rules are all its own. The definitions of KEDA,
//! cert-manager and the Prometheus operator are installed.
//!
//! It is rendered with the demo's values alone, and once more with each file of its folder `ci` beside them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use test_cluster::{ControlPlane, Definitions, Kubectl};

use super::{alerts, hardening, judges};
use crate::cargo::{succeed, workspace};
use crate::progress::Progress;
use crate::{cluster, tools};

const CHART: &str = "charts/qsl-eventing";
const VALUES: &str = "tests/demo/values.yaml";
const NAMESPACE: &str = "qsl-system";
/// A namespace that takes pods under Pod Security `restricted` alone.
const RESTRICTED: &str = "restricted";
const STRICT: [&str; 6] =
    ["apply", "--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts", "-f"];

/// Checks the chart with each set of values, and the examples.
pub fn check(progress: &Progress) -> Result<()> {
    let helm = tools::helm()?;
    let sets = sets()?;
    let mut rendered = Vec::new();
    for set in &sets {
        let name = name(set);
        progress.step(&format!("helm lint, with {name}"), || lint(&helm, set))?;
        rendered.push((name, render(&helm, set)?));
    }
    progress.step("the chart's own tests", || judges::unittest(CHART))?;
    for (name, text) in &rendered {
        progress.step(&format!("kube-score, with {name}"), || judges::score(text))?;
    }
    progress.step("alerts, metrics and their pages agree", || {
        alerts::check(rendered.iter().map(|(_, text)| text.as_str()))
    })?;
    progress.step("Kubernetes", cluster::build)?;
    let plane = ControlPlane::start_with_controllers()?;
    let kubectl = plane.kubectl();
    progress.step("the definitions, ours and those of others", || install(&kubectl))?;
    for (set, (name, text)) in sets.iter().zip(&rendered) {
        progress.step(&format!("the chart on a real API server, with {name}"), || {
            kubectl.run_with_input(STRICT.into_iter().chain(["-"]), text)?;
            let pods = json!({"apiVersion": "v1", "kind": "List", "items": hardening::check(text)?});
            let strict = STRICT.into_iter().chain(["-", "--namespace", RESTRICTED]);
            kubectl.run_with_input(strict, &pods.to_string())?;
            install_dry(&kubectl, &helm, set)
        })?;
    }
    progress.step("the examples on a real API server", || examples(&kubectl))?;
    plane.stop()
}

/// Tries the chart's alerts, and has its dashboards parsed.
pub fn alerts(progress: &Progress) -> Result<()> {
    let set = [workspace().join(VALUES), workspace().join(CHART).join("ci/monitoring.yaml")];
    let rendered = render(&tools::helm()?, &set)?;
    progress.step("alerts and dashboards, on Prometheus' engine (minutes, the first time)", || alerts::fire(&rendered))
}

/// The sets of values: the demo's, alone and with each file of the folder.
fn sets() -> Result<Vec<Vec<PathBuf>>> {
    let demo = workspace().join(VALUES);
    let folder = workspace().join(CHART).join("ci");
    let read = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut more = read.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    more.sort();
    ensure!(!more.is_empty(), "no values in {}", folder.display());
    let sets = more.into_iter().map(|file| vec![demo.clone(), file]);
    Ok([vec![demo.clone()]].into_iter().chain(sets).collect())
}

fn name(set: &[PathBuf]) -> String {
    let last = set.last().and_then(|path| path.strip_prefix(workspace()).ok());
    last.map_or_else(String::new, |path| path.display().to_string())
}

fn lint(helm: &Path, set: &[PathBuf]) -> Result<()> {
    let mut lint = Command::new(helm);
    lint.current_dir(workspace()).args(["lint", "--quiet", "--strict", "--namespace", NAMESPACE, CHART]);
    succeed(set.iter().fold(&mut lint, |lint, file| lint.arg("--values").arg(file)))
}

fn render(helm: &Path, set: &[PathBuf]) -> Result<String> {
    let mut template = Command::new(helm);
    template
        .current_dir(workspace())
        .args(["template", "qsl-eventing", CHART, "--namespace", NAMESPACE])
        // A helm built from its module knows no version of Kubernetes by itself.
        .args(["--kube-version", "1.34.4"])
        .stderr(Stdio::inherit());
    let output = set.iter().fold(&mut template, |template, file| template.arg("--values").arg(file)).output()?;
    ensure!(output.status.success(), "helm template failed, with {}", name(set));
    Ok(String::from_utf8(output.stdout)?)
}

/// What `helm install` says at its end is rendered by it alone.
fn install_dry(kubectl: &Kubectl, helm: &Path, set: &[PathBuf]) -> Result<()> {
    let mut install = kubectl.helm(helm);
    install
        .current_dir(workspace())
        .args(["install", "qsl-eventing", CHART, "--namespace", NAMESPACE, "--dry-run=server"])
        // The definitions are there already, and not this release's.
        .args(["--take-ownership", "--hide-secret"])
        .stderr(Stdio::inherit());
    let output = set.iter().fold(&mut install, |install, file| install.arg("--values").arg(file)).output()?;
    ensure!(output.status.success(), "helm install failed, with {}", name(set));
    let said = String::from_utf8(output.stdout)?;
    let (_, notes) = said.split_once("NOTES:").context("helm install says nothing at its end")?;
    ensure!(!notes.contains("<no value>"), "NOTES.txt names a value that is not there: {notes}");
    Ok(())
}

fn install(kubectl: &Kubectl) -> Result<()> {
    for namespace in [NAMESPACE, "qsl-keys"] {
        kubectl.run(["create", "namespace", namespace])?;
    }
    kubectl.run(["create", "namespace", RESTRICTED])?;
    kubectl.run(["label", "namespace", RESTRICTED, "pod-security.kubernetes.io/enforce=restricted"])?;
    // The account of the pod of `helm test`: a pod is admitted with its account alone, which a dry run does not make.
    kubectl.run(["create", "serviceaccount", "qsl-check", "--namespace", NAMESPACE])?;
    // Where the chart names no namespace, it means the release's.
    kubectl.run(["config", "set-context", "--current", &format!("--namespace={NAMESPACE}")])?;
    kubectl.run(["apply", "-f", &workspace().join("crds/generated").display().to_string()])?;
    for project in [Definitions::Keda, Definitions::CertManager, Definitions::PrometheusOperator] {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": project.all()?});
        kubectl.apply(&list.to_string())?;
    }
    kubectl.run(["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"])?;
    Ok(())
}

fn examples(kubectl: &Kubectl) -> Result<()> {
    let folder = workspace().join("examples/manifests");
    kubectl.run(["apply", "-f", &folder.join("00-namespaces.yaml").display().to_string()])?;
    let count = fs::read_dir(&folder)?.count();
    ensure!(count > 1, "no examples in {}", folder.display());
    kubectl.run(STRICT.into_iter().chain([folder.display().to_string().as_str()]))?;
    kubectl.run(["create", "namespace", "receipts"])?;
    kubectl.run(["label", "namespace", "receipts", "pod-security.kubernetes.io/enforce=restricted"])?;
    let guides = workspace().join("examples/guides/receipts.yaml");
    kubectl.run(STRICT.into_iter().chain([guides.display().to_string().as_str()]))?;
    // Each tutorial brings its namespace along, which has to be there for what is only tried in it.
    for namespace in ["audit", "ledger", "orders"] {
        kubectl.run(["create", "namespace", namespace])?;
    }
    for tutorial in ["first-service", "fifo", "keys"] {
        let file = workspace().join(format!("examples/tutorials/{tutorial}.yaml")).display().to_string();
        kubectl.run(STRICT.into_iter().chain([file.as_str()]))?;
    }
    Ok(())
}
