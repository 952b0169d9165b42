//! `cargo xtask soak upgrade`: the first version's release is upgraded to this checkout's, taken away and brought back, with
//! events flowing that are counted by event key.
//!
//! The first version's chart is packaged in `tests/upgrade`; its images are built from its commit, once. What is done and
//! judged stands in `tests/src/flow`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use test_cluster::cache;

use crate::cargo::{self, succeed, workspace};
use crate::system::{Older, System};
use crate::{once, tools};

/// Publishes five events a second meanwhile: about 10 minutes, and the first time as long as the first version's images take.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// The commit of the chart in `tests/upgrade`.
const COMMIT: &str = include_str!(concat!(env!("QSL_WORKSPACE"), "tests/upgrade/commit"));
const CHART: &str = "tests/upgrade/qsl-eventing-0.1.0.tgz";
/// What its release is made of.
const IMAGES: [&str; 5] =
    ["qsl-operator", "qsl-signature-service", "qsl-consumer-sidecar", "qsl-journal", "qsl-gateway"];

/// Runs it; a promise that was broken ends it with an error, after the table.
pub fn run(_: &Args) -> Result<()> {
    let helm = tools::helm()?;
    let system = System::of_older(&Older { chart: workspace().join(CHART), images: images()? })?;
    let mut flow = system.cargo(&["run", "--quiet", "--bin", "flow", "--", "upgrade"]);
    succeed(flow.arg("--helm").arg(helm).arg("--aws").arg(system.aws_in_cluster()))
}

/// The archives of the first version's images.
fn images() -> Result<Vec<PathBuf>> {
    let commit = COMMIT.trim();
    let built = cache::root()?.join("upgrade").join(commit);
    let archive = |folder: &Path, name: &str| folder.join(format!("{name}.tar"));
    once::folder(&built, "the first version's images, from its commit (an hour on two cores)", |partial| {
        // Beside it, so that a build that was interrupted goes on.
        let building = built.with_extension("building");
        let source = building.join("source");
        fs::create_dir_all(&source)?;
        check_out(commit, &source)?;
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo::forget(&mut build);
        build.current_dir(&source).args(["run", "--quiet", "--package", "xtask", "--", "images"]);
        succeed(build.env("CARGO_TARGET_DIR", building.join("target")).stdout(Stdio::null()))?;
        for name in IMAGES {
            fs::copy(archive(&building.join("target/images"), name), archive(partial, name))?;
        }
        Ok(fs::remove_dir_all(building)?)
    })?;
    Ok(IMAGES.iter().map(|name| archive(&built, name)).collect())
}

/// The files of a commit.
fn check_out(commit: &str, folder: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(workspace()).args(["archive", commit]).stdout(Stdio::piped());
    let mut child = git.spawn().context("cannot start git")?;
    let files = child.stdout.take().context("standard output is piped")?;
    tar::Archive::new(files).unpack(folder)?;
    ensure!(child.wait()?.success(), "{commit} is not in this clone: git fetch --unshallow");
    Ok(())
}
