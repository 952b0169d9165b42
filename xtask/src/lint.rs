//! `cargo xtask lint`: what is checked without running the product.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use test_cluster::{ControlPlane, cache};

use crate::cargo::{self, succeed, workspace};
use crate::progress::Progress;
use crate::{cluster, crds, tools};

/// Lints, licences, generated files, the chart.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Runs every check; the first that fails ends it.
pub fn run(_: &Args) -> Result<()> {
    let progress = Progress::new();
    progress.step("clippy", || {
        // In the folder of the builds: procedural macros, build scripts and the C libraries are made once for both.
        succeed(&mut cargo::command(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    })?;
    progress.step("cargo deny", || {
        let mut deny = Command::new(tools::cargo_deny()?);
        succeed(deny.current_dir(workspace()).args(["--log-level", "error", "check", "bans", "licenses", "sources"]))
    })?;
    progress.step("generated files are current", || crds::run(&crds::Args { check: true }))?;
    progress.step("gofmt, go vet and go test", go)?;
    progress.step("helm lint", || {
        let mut lint = Command::new(tools::helm()?);
        succeed(lint.current_dir(workspace()).args(["lint", "--quiet", "--strict", CHART, "--values", VALUES]))
    })?;
    progress.step("the rendered chart and the examples, on a real API server", dry_run)
}

const CHART: &str = "charts/qsl-eventing";
const VALUES: &str = "tests/demo/values.yaml";

fn go() -> Result<()> {
    let folder = cache::sources().join("node");
    let output = Command::new("gofmt").current_dir(&folder).args(["-l", "."]).output()?;
    ensure!(output.stdout.is_empty(), "not formatted: {}", String::from_utf8_lossy(&output.stdout));
    succeed(tools::go()?.current_dir(&folder).args(["vet", "./cluster"]))?;
    succeed(tools::go()?.current_dir(&folder).args(["test", "./cluster"]))
}

/// The API server is the judge: unknown fields, missing ones and CEL rules are all its own.
fn dry_run() -> Result<()> {
    cluster::build()?;
    let plane = ControlPlane::start_with_controllers()?;
    let kubectl = plane.kubectl();
    for namespace in ["qsl-system", "qsl-keys"] {
        kubectl.run(["create", "namespace", namespace])?;
    }
    kubectl.run(["apply", "-f", &workspace().join("crds/generated").display().to_string()])?;
    kubectl.run(["wait", "crd", "--all", "--for=condition=Established", "--timeout=30s"])?;
    let rendered = Command::new(tools::helm()?)
        .current_dir(workspace())
        .args(["template", "qsl-eventing", CHART, "--namespace", "qsl-system", "--values", VALUES])
        // A helm built from its module knows no version of Kubernetes by itself.
        .args(["--kube-version", "1.34.4"])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(rendered.status.success(), "helm template failed");
    let strict = ["apply", "--dry-run=server", "--validate=strict", "--server-side", "--force-conflicts", "-f"];
    kubectl.run_with_input(strict.into_iter().chain(["-"]), &String::from_utf8(rendered.stdout)?)?;
    let examples = workspace().join("examples/manifests");
    kubectl.run(["apply", "-f", &examples.join("00-namespaces.yaml").display().to_string()])?;
    let count = fs::read_dir(&examples)?.count();
    ensure!(count > 1, "no examples in {}", examples.display());
    kubectl.run(strict.into_iter().chain([examples.display().to_string().as_str()]))?;
    plane.stop()
}
