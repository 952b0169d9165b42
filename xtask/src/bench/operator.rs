//! `cargo xtask bench operator`: builds the measuring program of `operator/benches` and runs it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{succeed, workspace};
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
    let mut measure = Command::new(super::program("operator-bench")?);
    measure.current_dir(workspace()).arg("measure").args(&args.more);
    if let Some(json) = &args.json {
        measure.arg("--json").arg(json);
    }
    succeed(&mut measure)
}
