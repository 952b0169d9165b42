//! `cargo xtask bench`: figures, their goals, and the page that shows them.
//!
//! Each measured part has a file in `docs/benchmarks/`, which a run writes with `--json`; `docs/benchmarks.md` is made
//! of these files.

mod operator;
pub mod page;
mod trust;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cargo;

/// Measures.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// The operator: 1,000 inboxes and 1,000 rules on a real API server, with an AWS in memory.
    Operator(operator::Args),
    /// Trust: decoding, canonicalising and verifying events, against the bare signature.
    Trust(trust::Args),
    /// Write `docs/benchmarks.md` from the committed figures.
    Page(page::Args),
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Operator(args) => operator::run(args),
        What::Trust(args) => trust::run(args),
        What::Page(args) => page::run(args),
    }
}

/// A measuring program, built with the profile and the features of everything else.
fn program(name: &str) -> Result<PathBuf> {
    let mut build = cargo::command(["build", "--workspace", "--bench", name, "--message-format", "json"]);
    build.stderr(std::process::Stdio::inherit());
    let output = build.output()?;
    ensure!(output.status.success(), "the measuring program does not build");
    let messages = String::from_utf8(output.stdout)?;
    let built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let ours = message.pointer("/target/name").and_then(Value::as_str) == Some(name);
        message.get("executable").and_then(Value::as_str).filter(|_| ours).map(PathBuf::from)
    });
    built.with_context(|| format!("cargo names no program {name}"))
}
