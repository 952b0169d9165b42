//! `cargo xtask bench journal`: the recorder and its store, as the consumer uses them, on one core, with all memory and
//! within 512 MiB.
//!
//! [`course`] is the run: it starts [`child`]ren of this same program, most of them in a limit of their own: those that write,
//! one that is killed in the middle of it, and those that open the journal again and read. [`events`] makes what is written;
//! [`figures`] says what of.

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]
#![allow(missing_docs, reason = "a program's own parts")]

mod child;
mod course;
mod events;
mod figures;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

#[derive(Debug, Parser)]
pub struct Arguments {
    /// How many events the journal holds at last; reading is measured at a hundredth, a
    /// tenth and all of them, where that is 10,000 or more.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(10_000..))]
    pub events: u32,
    /// Where the journal is written; a temporary folder when absent. A million events take about 8 GB.
    #[arg(long)]
    pub folder: Option<PathBuf>,
    /// Write the figures here too.
    #[arg(long)]
    pub json: Option<PathBuf>,
    #[command(subcommand)]
    pub part: Option<child::Part>,
}

fn main() -> Result<()> {
    // Cargo adds this to whatever it runs as a benchmark.
    let given = std::env::args().filter(|argument| argument != "--bench");
    let arguments = Arguments::parse_from(given);
    match &arguments.part {
        Some(part) => tokio::runtime::Runtime::new()?.block_on(Box::pin(part.play())),
        None => figures::run(&arguments),
    }
}
