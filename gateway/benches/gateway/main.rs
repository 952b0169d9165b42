//! `cargo xtask bench gateway`: the gateway's program, once or twice, with thousands of clients in this process, between
//! a journal and a queue that answer at once, so that it alone is measured.
//!
//! [`site`] is all that is around it, and starts it; [`journal`] is the journal, [`clients`] are the clients. [`runs`]
//! are the runs, [`floor`] is the least that they could cost, [`figures`] says what of.

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]
#![allow(missing_docs, reason = "a program's own parts")]

mod clients;
mod figures;
mod floor;
mod journal;
mod runs;
mod site;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

#[derive(Debug, Parser)]
pub struct Arguments {
    /// Clients with a stream each.
    #[arg(long, default_value_t = 5_000)]
    pub clients: usize,
    /// Correlations that they follow.
    #[arg(long, default_value_t = 500)]
    pub correlations: usize,
    /// Events a second.
    #[arg(long, default_value_t = 100)]
    pub rate: u32,
    /// How long each run lasts, in seconds.
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Write the figures here too.
    #[arg(long)]
    pub json: Option<PathBuf>,
    #[command(subcommand)]
    pub part: Option<Part>,
}

#[derive(Debug, clap::Subcommand)]
pub enum Part {
    /// Writes and does nothing else.
    #[command(hide = true)]
    Floor(floor::Floor),
}

fn main() -> Result<()> {
    // Cargo adds this to whatever it runs as a benchmark.
    let given = std::env::args().filter(|argument| argument != "--bench");
    let arguments = Arguments::parse_from(given);
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some(Part::Floor(floor)) = &arguments.part {
        return runtime.block_on(floor.play());
    }
    eventing_service::install_crypto();
    runtime.block_on(Box::pin(figures::run(&arguments)))
}
