//! `cargo xtask bench trust`: builds the measuring program of `eventing/benches/trust` and runs it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{succeed, workspace};

/// Measures the verification of events.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write the figures here too; the committed ones are `docs/benchmarks/trust.json`.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Given on to the measuring program; `-- --help` says what it takes.
    #[arg(last = true)]
    more: Vec<String>,
}

/// Builds and measures.
pub fn run(args: &Args) -> Result<()> {
    let mut measure = Command::new(super::program("trust-bench")?);
    measure.current_dir(workspace()).args(&args.more);
    if let Some(json) = &args.json {
        measure.arg("--json").arg(json);
    }
    succeed(&mut measure)
}
