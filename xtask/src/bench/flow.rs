//! `cargo xtask bench flow`: how long events take from the POST to a handler and to the gateway's stream, on a node.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cargo::succeed;
use crate::system::{Choice, System};

/// Publishes 50 events a second and measures.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write the figures here too; the committed ones are in `docs/benchmarks/`.
    #[arg(long)]
    json: Option<PathBuf>,
    /// For how many seconds; the committed figures are those of ten minutes.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u16).range(10..=3600))]
    seconds: u16,
    #[command(flatten)]
    choice: Choice,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    // It is written from the workspace's folder, and named from this one.
    let json = args.json.as_ref().map(std::path::absolute).transpose().context("--json names no file")?;
    let system = System::to_try(&args.choice)?;
    let mut measure = system.cargo(&["run", "--quiet", "--bin", "flow", "--", "measure"]);
    measure.arg("--seconds").arg(args.seconds.to_string());
    if let Some(json) = json {
        measure.arg("--json").arg(json);
    }
    succeed(&mut measure)
}
