//! `cargo xtask bench operator`: builds the measuring program of `operator/benches` and runs it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cargo::{self, succeed, workspace};
use crate::cluster;

/// Measures the operator.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write the figures here too; the committed ones are `docs/benchmarks/operator.json`.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Given on to the measuring program; `-- --help` says what it takes.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Builds and measures.
pub fn run(args: &Args) -> Result<()> {
    cluster::build()?;
    let mut measure = Command::new(program()?);
    measure.current_dir(workspace()).arg("measure").args(&args.more);
    if let Some(json) = &args.json {
        measure.arg("--json").arg(json);
    }
    succeed(&mut measure)
}

/// The measuring program, built with the profile of everything else.
fn program() -> Result<PathBuf> {
    let mut build = cargo::command(["build", "--workspace", "--bench", "operator-bench", "--message-format", "json"]);
    build.stderr(std::process::Stdio::inherit());
    let output = build.output()?;
    ensure!(output.status.success(), "the measuring program does not build");
    let messages = String::from_utf8(output.stdout)?;
    let built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let ours = message.pointer("/target/name").and_then(Value::as_str) == Some("operator-bench");
        message.get("executable").and_then(Value::as_str).filter(|_| ours).map(PathBuf::from)
    });
    built.context("cargo names no program operator-bench")
}
