//! The second half of `cargo xtask soak replay`: the system is up, and events of its journal are replayed.
#![allow(clippy::print_stdout, reason = "this is what the soak shows")]

use std::time::Instant;

use anyhow::Context as _;
use system_tests::environment::Endpoints;
use system_tests::replay::{Ground, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    eventing_service::install_crypto();
    let events = std::env::args().nth(1).context("how many events?")?;
    let events = events.parse().with_context(|| format!("{events} is no number of events"))?;
    let ground = Ground::connect(&Endpoints::from_env()?).await?;
    let begun = Instant::now();
    let narrate = |line: &str| println!("[{:>4} s] {line}", begun.elapsed().as_secs());
    run(&ground, events, &narrate).await
}
