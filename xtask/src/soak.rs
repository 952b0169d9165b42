//! `cargo xtask soak`: what takes hours. It is never part of CI, and never of `cargo xtask test`: it is run by hand,
//! before a release and after a change of what it judges.

mod mutants;

use anyhow::Result;

/// Runs what takes hours.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Break the operator's decisions in every way that a tool knows, and see that a test notices each.
    Mutants(mutants::Args),
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Mutants(args) => mutants::run(args),
    }
}
