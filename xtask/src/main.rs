//! `cargo xtask`: what is done with this workspace, one subcommand a module.
//!
//! - what ships: [`crds`] (YAML, with [`reference`], the page of its fields), [`dashboards`], [`values`] (the chart's, as a table),
//!   [`images`]
//! - what runs it: [`cluster`], [`demo`], with [`system`] (the whole of it on a cluster)
//! - what judges it: [`lint`], [`test`], [`docs`], [`bench`], [`soak`]
//! - what shows it: [`pictures`]
//! - what these stand on: [`tools`] (helm, kubectl, cargo-deny, the emulator, a browser), [`once`] (made once, kept in the
//!   cache), [`debian`], [`cargo`], [`progress`]

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]

mod bench;
mod cargo;
mod cluster;
mod crds;
mod dashboards;
mod debian;
mod demo;
mod docs;
mod images;
mod lint;
mod once;
mod pictures;
mod progress;
mod reference;
mod soak;
mod system;
mod test;
mod tools;
mod values;

use std::process::ExitCode;

use clap::Parser;

/// Everything that is done with this workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Bring the whole system up, send a payment through it, show that forged events are refused.
    Demo(demo::Args),
    /// Run the tests.
    Test(test::Args),
    /// Run the commands of quickstart and tutorials.
    Docs(docs::Args),
    /// Measure, and compare with what is promised.
    Bench(bench::Args),
    /// Run what takes hours; never part of CI.
    Soak(soak::Args),
    /// Check formatting of Go, lints, licences, generated files and the chart.
    Lint(lint::Args),
    /// Write the YAML of the four kinds, and the page of their fields.
    Crds(crds::Args),
    /// Write Grafana's dashboards and the page of their queries.
    Dashboards(dashboards::Args),
    /// Write the table of the chart's values.
    Values(values::Args),
    /// Write the pictures of the page in docs/images.
    Pictures(pictures::Args),
    /// Build one small image a binary.
    Images(images::Args),
    /// Start and stop a cluster by itself.
    Cluster(cluster::Args),
    /// Install the tools that are missing, into the cache.
    Tools(tools::Args),
}

fn main() -> ExitCode {
    match Command::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::failed(&error);
            ExitCode::FAILURE
        }
    }
}

impl Command {
    fn run(self) -> anyhow::Result<()> {
        if self.builds_the_workspace() {
            debian::compilers()?;
        }
        match self {
            Self::Demo(args) => demo::run(&args),
            Self::Test(args) => test::run(&args),
            Self::Docs(args) => docs::run(&args),
            Self::Bench(args) => bench::run(&args),
            Self::Soak(args) => soak::run(&args),
            Self::Lint(args) => lint::run(&args),
            Self::Crds(args) => crds::run(&args),
            Self::Dashboards(args) => dashboards::run(&args),
            Self::Values(args) => values::run(&args),
            Self::Pictures(args) => pictures::run(&args),
            Self::Images(args) => images::run(&args),
            Self::Cluster(args) => cluster::run(&args),
            Self::Tools(args) => tools::run(&args),
        }
    }

    /// The others need parts of it that the journal is not among, or nothing.
    fn builds_the_workspace(&self) -> bool {
        !matches!(self, Self::Crds(_) | Self::Dashboards(_) | Self::Values(_) | Self::Tools(_))
    }
}
