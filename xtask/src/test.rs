//! `cargo xtask test`: everything but what is called soak.

use anyhow::Result;
use test_cluster::Emulator;

use crate::cargo::{self, succeed, workspace};
use crate::progress::Progress;
use crate::system::{Choice, System};
use crate::{cluster, images, tools};

/// Runs the tests.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Leave the node out: unit tests, vectors, operator and webhook against a real API server.
    #[arg(long)]
    quick: bool,
    /// Only what `--quick` leaves out.
    #[arg(long, conflicts_with = "quick")]
    node: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Runs the tests.
pub fn run(args: &Args) -> Result<()> {
    let progress = Progress::new();
    if !args.node {
        without_node(&progress)?;
    }
    if !args.quick {
        with_node(&args.choice, &progress)?;
    }
    Ok(())
}

/// Unit tests, vectors, operator and webhook against a real API server.
fn without_node(progress: &Progress) -> Result<()> {
    progress.step("Kubernetes and the AWS emulator (minutes, the first time)", || {
        cluster::build()?;
        tools::emulator()
    })?;
    progress.step("SurrealDB's server (minutes, the first time)", tools::surrealdb)?;
    progress.step("Chromium and its driver, strace", || tools::chromium().and_then(|()| tools::strace()))?;
    let python =
        progress.step("independent implementations of the signatures and of canonical JSON", tools::independent)?;
    let emulator = progress.step("start the AWS emulator", Emulator::start)?;
    progress.step("unit tests, vectors, operator and webhook on a real API server", || {
        let mut tests = cargo::command(["test", "--workspace", "--no-fail-fast"]);
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
