//! `cargo xtask soak mutants`: no mutant of what decides is missed: the operator's plans, names and policies, or the
//! verification of events and canonical JSON.
//!
//! What is left out, and why, stands in `.cargo/mutants.toml`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cargo::{succeed, workspace};
use crate::tools;

/// Whose decisions are broken.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Of {
    /// The plans of all kinds, of their deletion and release, and of what they share or have beside them; the names; the
    /// documents.
    Operator,
    /// The verification of events, and canonical JSON.
    Eventing,
}

impl Of {
    /// The package whose tests judge.
    const fn package(self) -> &'static str {
        match self {
            Self::Operator => "operator-core",
            Self::Eventing => "eventing",
        }
    }

    /// The files whose mutants are judged.
    const fn judged(self) -> &'static [&'static str] {
        match self {
            Self::Operator => &[
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
            ],
            Self::Eventing => &[
                "eventing/src/verify.rs",
                "eventing/src/verify/*.rs",
                "eventing/src/json.rs",
                "eventing/src/json/*.rs",
                "eventing/src/compact.rs",
                "eventing/src/compact/*.rs",
                "eventing/src/envelope.rs",
                "eventing/src/event_key.rs",
                "eventing/src/grant.rs",
                "eventing/src/keyset.rs",
                "eventing/src/keyset/*.rs",
                "eventing/src/root.rs",
            ],
        }
    }

    /// Given on to cargo where only some tests judge. For `eventing` these are the tests of what is judged; the rest
    /// waits for clocks, and the proofs from outside judge the libraries.
    const fn tests(self) -> &'static [&'static str] {
        match self {
            Self::Operator => &[],
            Self::Eventing => &["--lib", "--test", "vectors", "--test", "seeds"],
        }
    }
}

/// Breaks decisions and runs the tests of their package against each mutant.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Whose decisions.
    #[arg(long, value_enum, default_value = "operator")]
    of: Of,
    /// Only one part of the mutants, as `1/8`: together the parts are all.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Only files that match these globs; all of the judged ones when absent.
    #[arg(long)]
    file: Vec<String>,
    /// How many mutants at a time.
    #[arg(long, default_value_t = 1)]
    jobs: u16,
    /// Go on where an earlier run into the same folder was stopped: what it caught is not tried again.
    #[arg(long)]
    resume: bool,
    /// Where the logs of every mutant go.
    #[arg(long, default_value = "target/mutants")]
    output: PathBuf,
}

/// Runs cargo-mutants; a mutant that is missed ends it with an error, after all were tried.
pub fn run(args: &Args) -> Result<()> {
    let Args { of, shard, file, jobs, resume, output } = args;
    let output = workspace().join(output);
    fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
    let mut mutants = Command::new(tools::cargo_mutants()?);
    mutants.current_dir(workspace()).args(["mutants", "--package", of.package(), "--no-shuffle"]);
    mutants.arg("--jobs").arg(jobs.to_string()).arg("--output").arg(&output);
    // That a property does not hold is enough; to look for its smallest case takes longer than a mutant may.
    mutants.env("PROPTEST_MAX_SHRINK_ITERS", "0");
    if *resume {
        mutants.arg("--iterate");
    }
    let judged: Vec<&str> =
        if file.is_empty() { of.judged().to_vec() } else { file.iter().map(String::as_str).collect() };
    for glob in judged {
        mutants.args(["--file", glob]);
    }
    if let Some(shard) = shard {
        mutants.args(["--shard", shard]);
    }
    if !of.tests().is_empty() {
        mutants.arg("--").args(of.tests());
    }
    succeed(&mut mutants)
}
