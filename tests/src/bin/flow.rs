//! The second half of `cargo xtask soak flow`, `cargo xtask soak drill` and `cargo xtask bench flow`: the system is up, and
//! events are published.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is what soak and benchmark show")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use system_tests::environment::Endpoints;
use system_tests::flow::{self, Plan, Release};
use system_tests::ground::Ground;

/// Publishes events on the system that `QSL_ENDPOINTS` names.
#[derive(Debug, Parser)]
enum Run {
    /// With poison among them and pods killed; fails where a promise was broken.
    Soak {
        /// For how many minutes.
        #[arg(long, conflicts_with = "short")]
        minutes: Option<u16>,
        /// What `cargo xtask test --node` runs.
        #[arg(long)]
        short: bool,
        /// What the kills are drawn from; another one each time unless it is said.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Good ones alone, while publishing, rules and consumers are switched off and on again.
    Drill {
        /// How many seconds each switch has to reach every pod.
        #[arg(long)]
        settle: u16,
    },
    /// Good ones alone, while the release is upgraded to this checkout's, goes and comes back.
    Upgrade {
        /// Helm.
        #[arg(long)]
        helm: PathBuf,
        /// AWS, as pods reach it.
        #[arg(long)]
        aws: String,
    },
    /// Good ones alone, and how long they take.
    Measure {
        /// For how many seconds.
        #[arg(long)]
        seconds: u16,
        /// Write the figures here too.
        #[arg(long)]
        json: Option<PathBuf>,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    eventing_service::install_crypto();
    let run = Run::parse();
    let ground = Ground::connect(&Endpoints::from_env()?, "flow").await?;
    let begun = Instant::now();
    match run {
        Run::Soak { minutes, short: _, seed } => {
            let seed = seed.unwrap_or_else(rand::random);
            println!("seed {seed}: `--seed {seed}` draws the same kills again");
            let plan = minutes.map_or_else(|| Plan::short(seed), |minutes| Plan::soak(minutes, seed));
            judged(&ground, &plan, begun).await
        }
        Run::Drill { settle } => judged(&ground, &Plan::rollback(Duration::from_secs(settle.into())), begun).await,
        Run::Upgrade { helm, aws } => judged(&ground, &Plan::upgrade(Release { helm, aws }), begun).await,
        Run::Measure { seconds, json } => {
            let narrate = |line: &str| eprintln!("[{:>4} s] {line}", begun.elapsed().as_secs());
            let report = flow::measure(&ground, &Plan::measure(seconds), &narrate).await?;
            report.tell(json.as_deref())
        }
    }
}

/// Plays a plan and shows what it came to.
async fn judged(ground: &Ground, plan: &Plan, begun: Instant) -> anyhow::Result<()> {
    let narrate = |line: &str| println!("[{:>4} s] {line}", begun.elapsed().as_secs());
    let verdict = flow::soak(ground, plan, &narrate).await?;
    println!("\n{verdict}");
    verdict.check()
}
