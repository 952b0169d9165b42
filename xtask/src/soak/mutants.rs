//! `cargo xtask soak mutants`: no mutant of the operator's plans, names and policies is missed.
//!
//! What is left out, and why, stands in `.cargo/mutants.toml`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cargo::{succeed, workspace};
use crate::tools;

/// What decides: the plans of all kinds, of their deletion and release, and of what they share or have beside them; the
/// names; the documents.
const JUDGED: [&str; 12] = [
    "operator/core/src/**/plan.rs",
    "operator/core/src/**/plan/*.rs",
    "operator/core/src/*/delete.rs",
    "operator/core/src/role.rs",
    "operator/core/src/alarm.rs",
    "operator/core/src/*/alarms.rs",
    "operator/core/src/bus/archives.rs",
    "operator/core/src/bus/dashboard.rs",
    "operator/core/src/names.rs",
    "operator/core/src/names/**/*.rs",
    "operator/core/src/policy.rs",
    "operator/core/src/policy/**/*.rs",
];

/// Breaks the operator's decisions and runs the tests of `operator/core` against each mutant.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only one part of the mutants, as `1/8`: together the parts are all.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Only files that match these globs; all of the judged ones when absent.
    #[arg(long)]
    file: Vec<String>,
    /// How many mutants at a time.
    #[arg(long, default_value_t = 1)]
    jobs: u16,
    /// Where the logs of every mutant go.
    #[arg(long, default_value = "target/mutants")]
    output: PathBuf,
}

/// Runs cargo-mutants; a mutant that is missed ends it with an error, after all were tried.
pub fn run(args: &Args) -> Result<()> {
    let Args { shard, file, jobs, output } = args;
    let mut mutants = Command::new(tools::cargo_mutants()?);
    mutants.current_dir(workspace()).args(["mutants", "--package", "operator-core", "--no-shuffle"]);
    mutants.arg("--jobs").arg(jobs.to_string()).arg("--output").arg(workspace().join(output));
    let judged: Vec<&str> = if file.is_empty() { JUDGED.to_vec() } else { file.iter().map(String::as_str).collect() };
    for glob in judged {
        mutants.args(["--file", glob]);
    }
    if let Some(shard) = shard {
        mutants.args(["--shard", shard]);
    }
    succeed(&mut mutants)
}
