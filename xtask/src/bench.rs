//! `cargo xtask bench`: figures, their goals, and the page that shows them.
//!
//! Each measured part has a file in `docs/benchmarks/`, which a run writes with `--json`; `docs/benchmarks.md` is made
//! of these files.

mod flow;
pub mod page;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use bench_figures::Report;
use serde_json::Value;

use crate::cargo::{self, succeed, workspace};
use crate::cluster;

/// Measures.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// The operator: 1,000 inboxes and 1,000 rules on a real API server, with an AWS in memory.
    Operator(Measure),
    /// The sidecar as a process, between an SQS, an EventBridge and an application that answer at once.
    Sidecar(Measure),
    /// Trust: decoding, canonicalising and verifying events, and signing them through the service, against the bare
    /// signature.
    Trust(Measure),
    /// The whole way on a node: from the POST to a handler and to the gateway's stream, at 50 events a second.
    Flow(flow::Args),
    /// The journal: events recorded a second, memory, disk, reopening and timelines of a million of them.
    Journal(Measure),
    /// Write `docs/benchmarks.md` from the committed figures.
    Page(page::Args),
}

/// How a measuring program is run.
#[derive(clap::Args, Debug)]
struct Measure {
    /// Write the figures here too; the committed ones are in `docs/benchmarks/`.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Given on to the measuring program; `-- --help` says what it takes.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Operator(args) => {
            cluster::build()?;
            args.run("operator-bench", &["measure"])
        }
        What::Sidecar(args) => args.run("sidecar-bench", &[]),
        What::Trust(args) => args.run_both("trust-bench", "signing-bench"),
        What::Flow(args) => flow::run(args),
        What::Journal(args) => args.run("journal-bench", &[]),
        What::Page(args) => page::run(args),
    }
}

impl Measure {
    /// Builds the program and measures.
    fn run(&self, name: &str, first: &[&str]) -> Result<()> {
        let mut measure = Command::new(program(name)?);
        measure.current_dir(workspace()).args(first).args(&self.more);
        if let Some(json) = &self.json {
            measure.arg("--json").arg(json);
        }
        succeed(&mut measure)
    }

    /// The same of two programs, whose figures are in one file.
    fn run_both(&self, one: &str, other: &str) -> Result<()> {
        let Some(path) = &self.json else {
            self.run(one, &[])?;
            return self.run(other, &[]);
        };
        let mut all = self.figures(one)?;
        all.figures.extend(self.figures(other)?.figures);
        all.write(path)
    }

    /// Measures, and reads the figures.
    fn figures(&self, name: &str) -> Result<Report> {
        let folder = tempfile::tempdir()?;
        let json = folder.path().join("figures.json");
        Self { json: Some(json.clone()), more: self.more.clone() }.run(name, &[])?;
        Ok(serde_json::from_slice(&std::fs::read(&json)?)?)
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
