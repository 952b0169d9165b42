//! `cargo xtask test`: everything but what is called soak.

use std::collections::BTreeSet;
use std::thread::available_parallelism;

use anyhow::{Result, ensure};
use serde::Deserialize;
use test_cluster::Emulator;

use crate::cargo::{self, Target, said, succeed, workspace};
use crate::progress::Progress;
use crate::system::{Choice, System};
use crate::{cluster, images, tools};

/// The integration tests that take longest, which an inner loop does without: the tests' own Kubernetes, the command line in a
/// cluster, programs that are killed, a browser, a thousand clients.
const LONG: [&str; 5] = ["control_plane", "in_a_cluster", "lives", "page", "resume"];

/// Runs the tests.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// In under five minutes, warm: unit tests, vectors, operator and webhook against a real API server.
    #[arg(long)]
    quick: bool,
    /// Only those on a node.
    #[arg(long, conflicts_with = "quick")]
    node: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Runs the tests.
pub fn run(args: &Args) -> Result<()> {
    let progress = Progress::new();
    if !args.node {
        without_node(args.quick, &progress)?;
    }
    if !args.quick {
        with_node(&args.choice, &progress)?;
    }
    Ok(())
}

/// All that needs no node, or what is quick of it.
fn without_node(quick: bool, progress: &Progress) -> Result<()> {
    progress.step("Kubernetes and the AWS emulator (minutes, the first time)", || {
        cluster::build()?;
        tools::emulator()
    })?;
    if !quick {
        progress.step("SurrealDB's server (minutes, the first time)", tools::surrealdb)?;
        progress.step("Chromium and its driver, strace", || tools::chromium().and_then(|()| tools::strace()))?;
    }
    let python =
        progress.step("independent implementations of the signatures and of canonical JSON", tools::independent)?;
    let emulator = progress.step("start the AWS emulator", Emulator::start)?;
    progress.step("unit tests, vectors, operator and webhook on a real API server", || {
        let mut tests = cargo::command(["test", "--workspace", "--no-fail-fast"]);
        if quick {
            tests.args(["--lib", "--bins"]);
            tests.args(short(targets()?)?.into_iter().flat_map(|name| ["--test".to_owned(), name]));
            // They wait for an API server more than they compute.
            tests.env("RUST_TEST_THREADS", (3 * available_parallelism()?.get()).to_string());
        }
        tests.env("QSL_TEST_PYTHON", &python).env("QSL_TEST_AWS_ENDPOINT", emulator.endpoint());
        succeed(&mut tests)
    })?;
    emulator.stop()?;
    // A feature of the runtime that the product is built without, so these tests have a build of their own.
    progress.step("consumer, publisher and operator on a paused clock", || {
        succeed(&mut cargo::command([
            "test",
            "--package",
            "eventing",
            "--package",
            "operator",
            "--features",
            "paused-clock",
            "--lib",
        ]))
    })
}

/// The node by itself, then the whole system on it.
fn with_node(choice: &Choice, progress: &Progress) -> Result<()> {
    progress.step("the node itself", || {
        cluster::require_node()?;
        succeed(&mut cargo::command(["test", "--workspace", "--test", "pods", "--", "--ignored"]))
    })?;
    let folder = workspace().join("target/demo");
    let system = System::up(choice, &folder, progress)?;
    // The same cluster as one that somebody brings along, before the test below takes everything down.
    let given = System::up(&system.as_given()?, &folder, progress)?;
    progress
        .step("the demo through --context", || succeed(&mut given.cargo(&["run", "--quiet", "--bin", "follow"])))?;
    progress.step("the whole system", || {
        let mut test = system.cargo(&["test", "--workspace", "--test", "node", "--", "--nocapture"]);
        succeed(test.env("QSL_CLI", images::program("kubectl-qsl")?))
    })
}

/// What cargo tells of the workspace, as far as it is asked.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    targets: Vec<Target>,
}

/// The names of the workspace's integration tests; more than one crate may have one of a name.
fn targets() -> Result<BTreeSet<String>> {
    let metadata = said(&mut cargo::command(["metadata", "--no-deps", "--format-version", "1"]))?;
    let Metadata { packages } = serde_json::from_str(&metadata)?;
    let targets = packages.into_iter().flat_map(|package| package.targets);
    Ok(targets.filter(|target| target.test && target.is("test")).map(|target| target.name).collect())
}

/// Those that are not [`LONG`].
fn short(mut names: BTreeSet<String>) -> Result<BTreeSet<String>> {
    for long in LONG {
        ensure!(names.remove(long), "there is no integration test {long} any more: xtask/src/test.rs");
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn quick_leaves_out_what_is_long_and_nothing_else() {
        let names = targets().unwrap();
        let left = short(names.clone()).unwrap();
        assert_eq!(names.difference(&left).collect::<Vec<_>>(), LONG);
        assert!(left.contains("real_api_server") && !left.contains("node"), "{left:?}");
        assert!(short(left).unwrap_err().to_string().contains("control_plane"), "a name that is no more is told");
    }
}
