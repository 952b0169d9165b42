//! `cargo xtask crds`: the YAML of the four kinds, from their Rust types.

use anyhow::Result;

use crate::cargo;

/// Writes `crds/generated/` and the chart's copy.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write nothing; fail where a file is stale.
    #[arg(long)]
    pub check: bool,
}

/// Runs the generator of the `crds` crate.
pub fn run(args: &Args) -> Result<()> {
    let mut command = cargo::command(["run", "--quiet", "--workspace", "--bin", "crdgen", "--"]);
    if args.check {
        command.arg("--check");
    }
    cargo::succeed(&mut command)
}
