//! `cargo xtask soak`: what takes hours, or may. A minute of `fuzz` is part of CI, and a few minutes of `rotation`
//! and `flow` are part of `cargo xtask test --node`; else it is run by hand, before a release and after a change of what it judges.

mod drill;
mod flow;
mod fuzz;
mod journal;
mod mutants;
mod replay;
mod rotation;
mod upgrade;

use anyhow::Result;

/// Runs what takes hours.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Break decisions in every way that a tool knows, and see that a test notices each.
    Mutants(mutants::Args),
    /// Search for bytes that break what must hold of whatever comes from outside.
    Fuzz(fuzz::Args),
    /// Kill the journal every few seconds under load, and see that each event is recorded once.
    Journal(journal::Args),
    /// Publish events while keys rotate and are revoked, and see that none is lost.
    Rotation(rotation::Args),
    /// Publish 50 events a second and poison among them while pods are killed, and see that each is where it belongs.
    Flow(flow::Args),
    /// Switch publishing, rules and consumers off and on again while events are published, and see that none is lost.
    Drill(drill::Args),
    /// Upgrade the first version's release while events are published, take it away and bring it back: none is lost.
    Upgrade(upgrade::Args),
    /// Replay a thousand events that are older than the inbox's skew, killed in the middle, and see each handled once.
    Replay(replay::Args),
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Mutants(args) => mutants::run(args),
        What::Fuzz(args) => fuzz::run(args),
        What::Journal(args) => journal::run(args),
        What::Rotation(args) => rotation::run(args),
        What::Flow(args) => flow::run(args),
        What::Drill(args) => drill::run(args),
        What::Upgrade(args) => upgrade::run(args),
        What::Replay(args) => replay::run(args),
    }
}
