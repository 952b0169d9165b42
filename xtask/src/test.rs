//! `cargo xtask test`: everything but what is called soak.

use anyhow::Result;
use test_cluster::Emulator;

use crate::cargo::{self, succeed, workspace};
use crate::progress::Progress;
use crate::system::{Choice, System};
use crate::{cluster, tools};

/// Runs the tests.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Leave the node out: unit tests, vectors, operator and webhook against a real API server.
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Runs the tests.
pub fn run(args: &Args) -> Result<()> {
    let progress = Progress::new();
    progress.step("Kubernetes and the AWS emulator (minutes, the first time)", || {
        cluster::build()?;
        tools::emulator()
    })?;
    let python = progress.step("an independent implementation of the signatures", tools::independent)?;
    let emulator = progress.step("start the AWS emulator", Emulator::start)?;
    progress.step("unit tests, vectors, operator and webhook on a real API server", || {
        let mut tests = cargo::command(["test", "--workspace"]);
        tests.env("QSL_TEST_PYTHON", &python).env("QSL_TEST_AWS_ENDPOINT", emulator.endpoint());
        succeed(&mut tests)
    })?;
    emulator.stop()?;
    if args.quick {
        return Ok(());
    }
    let system = System::up(&args.choice, &workspace().join("target/demo"), &progress)?;
    progress.step("the whole system", || {
        succeed(&mut system.cargo(&["test", "--workspace", "--test", "node", "--", "--nocapture"]))
    })
}
