//! `cargo xtask bench sidecar`: the sidecar's program, between an SQS, a signature service, an EventBridge and an
//! application that answer at once, so that it alone is measured.
//!
//! [`site`] is all that is around it (most of it the ground that its tests stand on, too) and starts it; [`app`] is the
//! application, [`service`] its signer; [`events`] makes what is in the queue. [`consuming`] and [`publishing`] are the
//! runs, [`figures`] says what of.

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]
#![allow(missing_docs, reason = "a program's own parts")]

mod app;
mod bare;
mod consuming;
mod events;
mod figures;
mod publishing;
mod service;
mod site;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

#[derive(Debug, Parser)]
pub struct Arguments {
    /// How many messages are drained.
    #[arg(long, default_value_t = 20_000)]
    pub messages: u32,
    /// How long each rate is kept up, in seconds.
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,
    /// Write the figures here too.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

fn main() -> Result<()> {
    // Cargo adds this to whatever it runs as a benchmark.
    let given = std::env::args().filter(|argument| argument != "--bench");
    let arguments = Arguments::parse_from(given);
    // The sidecar's own provider is installed in its own process; a second one here is the first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Runtime::new()?.block_on(Box::pin(figures::run(&arguments)))
}
