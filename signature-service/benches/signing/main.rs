//! The other half of `cargo xtask bench trust`: what it costs to have an event signed, from a caller's request to its
//! signed event, over TLS on loopback.
//!
//! The service runs in a process of its own ([`child`]), as the product starts it, on a cluster in memory
//! ([`cluster`]). This process asks it as a sidecar does, at a steady rate that does not wait for answers ([`load`]);
//! [`figures`] says what of.

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]
#![allow(missing_docs, reason = "a program's own parts")]

mod child;
mod cluster;
mod figures;
mod load;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

#[derive(Debug, Parser)]
pub struct Arguments {
    /// How many events of each kind are asked for.
    #[arg(long, default_value_t = 4_000)]
    pub rounds: usize,
    /// Write the figures here too.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Be the service that is measured, with the certificate in this folder.
    #[arg(long, hide = true)]
    pub serve: Option<PathBuf>,
}

fn main() -> Result<()> {
    // Cargo adds this to whatever it runs as a benchmark.
    let given = std::env::args().filter(|argument| argument != "--bench");
    let arguments = Arguments::parse_from(given);
    eventing_service::install_crypto();
    // As `#[tokio::main]` makes it.
    let runtime = tokio::runtime::Runtime::new()?;
    match &arguments.serve {
        Some(folder) => runtime.block_on(child::serve(folder)),
        None => figures::run(&arguments, runtime.handle()),
    }
}
