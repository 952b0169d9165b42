//! `cargo xtask soak journal`: the journal under load is killed every few seconds; then its database's server is killed and
//! stopped; then its disk is full. Each event that was sent is recorded once, or the command ends with an error.
//!
//! What is done, and what must hold, stands in `journal/tests/lives`, of which `cargo xtask test` runs the short forms.

use anyhow::Result;

use crate::cargo::{self, succeed};
use crate::tools;

/// Kills the journal, its database and its disk's room under load.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// For how many minutes the journal is killed; the outages take five more.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=600))]
    minutes: u16,
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    tools::surrealdb()?;
    let mut soak = cargo::command(["test", "--workspace", "--test", "lives", "--", "--ignored", "--nocapture"]);
    succeed(soak.env("QSL_SOAK_MINUTES", args.minutes.to_string()))
}
