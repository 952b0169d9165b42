//! `cargo xtask soak flow`: 50 events a second, one in a hundred poison, and pods that are killed.
//!
//! The whole system comes up on a node; what is published, killed and judged there stands in `tests/src/flow.rs`, which
//! `cargo xtask test --node` runs too, for a little more than a minute.

use anyhow::Result;

use crate::cargo::succeed;
use crate::system::{Choice, System};

/// Publishes 50 events a second and poison among them while pods are killed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// For how many minutes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
    minutes: u16,
    /// The minute that `cargo xtask test --node` runs.
    #[arg(long, conflicts_with = "minutes")]
    short: bool,
    /// What the kills are drawn from; another one each time unless it is said. Every run prints its own.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    choice: Choice,
}

/// Runs it; a promise that was broken ends it with an error, after the table.
pub fn run(args: &Args) -> Result<()> {
    let system = System::to_try(&args.choice)?;
    let mut soak = system.cargo(&["run", "--quiet", "--bin", "flow", "--", "soak"]);
    if args.short {
        soak.arg("--short");
    } else {
        soak.arg("--minutes").arg(args.minutes.to_string());
    }
    if let Some(seed) = args.seed {
        soak.arg("--seed").arg(seed.to_string());
    }
    succeed(&mut soak)
}
