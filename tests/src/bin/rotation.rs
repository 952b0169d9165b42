//! The second half of `cargo xtask soak rotation`: the system is up, and events are published while keys rotate.
#![allow(clippy::print_stdout, reason = "this is what the soak shows")]

use std::time::Instant;

use anyhow::Context as _;
use system_tests::environment::Endpoints;
use system_tests::ground::Ground;
use system_tests::rotation::{self, Plan};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    eventing_service::install_crypto();
    let plan = std::env::args().nth(1).context("for how many minutes, or `short`?")?;
    let plan = match plan.as_str() {
        "short" => Plan::short(),
        minutes => Plan::soak(minutes.parse().with_context(|| format!("{minutes} is no number of minutes"))?),
    };
    let ground = Ground::connect(&Endpoints::from_env()?, "rotation").await?;
    let begun = Instant::now();
    let narrate = |line: &str| println!("[{:>4} s] {line}", begun.elapsed().as_secs());
    let verdict = rotation::run(&ground, &plan, &narrate).await?;
    println!("\n{verdict}");
    verdict.check()
}
