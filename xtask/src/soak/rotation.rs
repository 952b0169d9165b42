//! `cargo xtask soak rotation`: nothing is lost while keys rotate, and nothing of a revoked one is accepted.
//!
//! The whole system comes up on a node; what is published, rotated, revoked and judged there stands in
//! `tests/src/rotation.rs`, which `cargo xtask test --node` runs too, for two minutes.

use anyhow::Result;

use crate::cargo::succeed;
use crate::system::{Choice, System};

/// Publishes events while keys rotate every few seconds, change algorithm and are revoked.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// For how many minutes: one revocation a minute.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
    minutes: u16,
    /// The two minutes that `cargo xtask test --node` runs.
    #[arg(long, conflicts_with = "minutes")]
    short: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Runs it; a promise that was broken ends it with an error, after the table.
pub fn run(args: &Args) -> Result<()> {
    let system = System::to_try(&args.choice)?;
    let plan = if args.short { "short".to_owned() } else { args.minutes.to_string() };
    succeed(&mut system.cargo(&["run", "--quiet", "--bin", "rotation", "--", &plan]))
}
