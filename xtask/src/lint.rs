//! `cargo xtask lint`: what is checked without running the product.

mod alerts;
mod chart;
mod deny;
mod hardening;
mod judges;
mod pages;
mod supply;

use std::process::Command;

use anyhow::{Result, ensure};
use clap::ValueEnum as _;
use test_cluster::cache;

use crate::bench::page;
use crate::cargo::{self, succeed, workspace};
use crate::progress::Progress;
use crate::{crds, dashboards, docs, tools, values};

/// Lints, licences, generated files, the chart.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only this part.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// A part that can be run alone.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Clippy on all of the workspace.
    Clippy,
    /// Licences, bans and sources of what is depended on; advisories where a database of them is.
    Deny,
    /// The images' bills of materials are valid, and all that is linked brings its licence.
    Supply,
    /// Generated files are those that would be generated.
    Generated,
    /// The tests and paths that pages name are there.
    Pages,
    /// The Go programs: the test cluster's and the guide's.
    Go,
    /// The CloudFormation templates, by AWS's schemas.
    Templates,
    /// The alerts fire when they should, and are silent otherwise; the dashboards' queries parse.
    Alerts,
    /// The chart and the examples, on a real API server.
    Chart,
}

/// Runs the checks; the first that fails ends it.
pub fn run(args: &Args) -> Result<()> {
    let progress = Progress::new();
    let wanted = Part::value_variants().iter().filter(|part| args.only.is_none_or(|only| only == **part));
    wanted.copied().try_for_each(|part| part.check(&progress))
}

impl Part {
    fn check(self, progress: &Progress) -> Result<()> {
        match self {
            // In the folder of the builds: procedural macros, build scripts and the C libraries are made once for both.
            Self::Clippy => progress.step("clippy", || {
                let arguments = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
                succeed(&mut cargo::command(arguments))
            }),
            Self::Deny => progress.step("cargo deny", deny::check),
            Self::Supply => progress.step("bills of materials and licences of the images", supply::check),
            Self::Generated => progress.step("generated files are current", || {
                page::run(&page::Args { check: true })?;
                dashboards::run(&dashboards::Args { check: true })?;
                values::run(&values::Args { check: true })?;
                crds::run(&crds::Args { check: true })
            }),
            Self::Pages => progress.step("what pages name and show is there", || {
                pages::check(workspace())?;
                docs::check(workspace())
            }),
            Self::Go => progress.step("gofmt, go vet and go test", go),
            Self::Templates => progress.step("cfn-lint", templates),
            Self::Alerts => chart::alerts(progress),
            Self::Chart => chart::check(progress),
        }
    }
}

fn templates() -> Result<()> {
    let python = tools::cfn_lint()?;
    // Its script names the interpreter where that was installed first.
    let mut lint = Command::new(&python);
    lint.arg(python.with_file_name("cfn-lint"));
    // Nothing is only a remark. Other Regions lack budgets, which is said on the template's page.
    lint.current_dir(workspace()).args(["--include-checks", "I", "--regions", "eu-central-1", "us-east-1"]);
    succeed(lint.args(["--", "infra/aws/*.template.json"]))
}

fn go() -> Result<()> {
    let (folder, guide) = (cache::sources().join("node"), workspace().join("examples/guides/go"));
    for folder in [&folder, &guide] {
        let output = Command::new("gofmt").current_dir(folder).args(["-l", "."]).output()?;
        ensure!(output.stdout.is_empty(), "not formatted: {}", String::from_utf8_lossy(&output.stdout));
    }
    succeed(tools::go()?.current_dir(&guide).args(["vet", "."]))?;
    succeed(tools::go()?.current_dir(&folder).args(["vet", "./cluster"]))?;
    succeed(tools::go()?.current_dir(&folder).args(["test", "./cluster"]))
}
