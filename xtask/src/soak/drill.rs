//! `cargo xtask soak drill`: the rollback drill (`infra/rollback-drill`), with events flowing that are counted by event key.
//!
//! The whole system comes up on a node; what is published, switched and judged there stands in `tests/src/flow.rs`.

use anyhow::Result;

use crate::cargo::succeed;
use crate::system::{Choice, System};

/// Publishes five events a second while publishing, rules and consumers are switched off and on again: about 12 minutes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How many seconds each switch has to reach every pod. A mounted ConfigMap follows within two minutes.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u16).range(60..=600))]
    settle: u16,
    #[command(flatten)]
    choice: Choice,
}

/// Runs it; a promise that was broken ends it with an error, after the table.
pub fn run(args: &Args) -> Result<()> {
    let system = System::to_try(&args.choice)?;
    let settle = args.settle.to_string();
    succeed(&mut system.cargo(&["run", "--quiet", "--bin", "flow", "--", "drill", "--settle", &settle]))
}
