//! `cargo xtask soak replay`: a thousand events, older than the inbox's skew, are replayed, and each is handled once for
//! each replay.
//!
//! The whole system comes up on a node; what is published, replayed, killed and judged there stands in
//! `tests/src/replay.rs`.

use anyhow::Result;

use crate::cargo::succeed;
use crate::images;
use crate::system::{Choice, System};

/// Replays events to one inbox, killed in the middle and resumed, and then once more. It takes the inbox's skew of two
/// minutes, and a few besides.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How many events.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=9_000))]
    events: u32,
    #[command(flatten)]
    choice: Choice,
}

/// Runs it; a promise that was broken ends it with an error.
pub fn run(args: &Args) -> Result<()> {
    let system = System::to_try(&args.choice)?;
    let mut replay = system.cargo(&["run", "--quiet", "--bin", "replay", "--", &args.events.to_string()]);
    succeed(replay.env("QSL_CLI", images::program("kubectl-qsl")?))
}
