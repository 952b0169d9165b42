//! `cargo xtask bench`: figures, their goals, and the page that shows them.
//!
//! Each measured part has a file in `docs/benchmarks/`, which a run writes with `--json`; `docs/benchmarks.md` is made
//! of these files, and `cargo xtask lint` sees that it is current.

mod operator;
mod page;

use anyhow::Result;

/// Measures.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// The operator: 1,000 inboxes and 1,000 rules on a real API server, with an AWS in memory.
    Operator(operator::Args),
    /// Write `docs/benchmarks.md` from the committed figures.
    Page(page::Args),
}

/// Runs it.
pub fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Operator(args) => operator::run(args),
        What::Page(args) => page::run(args),
    }
}

/// Fails where the page is not made of the committed figures.
pub fn check_page() -> Result<()> {
    page::run(&page::Args { check: true })
}
