//! `cargo xtask soak journal`: the journal under load is killed every few seconds, and has each event once.
//!
//! The lives, and what must hold of them, stand in `journal/tests/lives`, which `cargo test` runs for four lives.

use anyhow::Result;

use crate::cargo::{self, succeed};

/// Kills the journal again and again under load.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// For how many minutes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=600))]
    minutes: u16,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    let mut lives = cargo::command(["test", "--workspace", "--test", "lives", "--", "--nocapture", "--test-threads=1"]);
    succeed(lives.env("QSL_SOAK_MINUTES", args.minutes.to_string()))
}
