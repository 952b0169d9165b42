//! `cargo xtask crds`: the YAML of the four kinds, from their Rust types, for `kubectl apply` and for the chart, and
//! the page of their fields.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::cargo::{self, workspace};
use crate::reference;

/// Writes `crds/generated/`, the chart's copy, and the page of the fields.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write nothing; fail where a file is stale.
    #[arg(long)]
    pub check: bool,
}

/// Runs the generator of the `crds` crate, and copies what it wrote into the chart: Helm reads only its own folder.
pub fn run(args: &Args) -> Result<()> {
    let mut command = cargo::command(["run", "--quiet", "--bin", "crdgen", "--"]);
    if args.check {
        command.arg("--check");
    }
    cargo::succeed(&mut command)?;
    let chart = workspace().join("charts/qsl-eventing/files/crds");
    fs::create_dir_all(&chart)?;
    for entry in fs::read_dir(workspace().join("crds/generated"))? {
        let generated = entry?.path();
        let copy = chart.join(generated.file_name().context("a file has a name")?);
        if args.check {
            ensure!(same(&generated, &copy), "{} is stale: `cargo xtask crds` writes it", copy.display());
        } else {
            fs::copy(&generated, &copy)?;
        }
    }
    reference::run(args.check)
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}
