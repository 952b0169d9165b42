//! `cargo xtask soak fuzz`: for a while, bytes that nobody thought of go through every check of `eventing/fuzz`.
//!
//! The checks share the time. Each begins with its committed seeds and with what earlier runs found worth keeping, and
//! ends by itself. What breaks a check is written down, and ends the run with an error after all have had their turn.

mod statistics;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};

use crate::cargo::{self, succeed, workspace};
use crate::progress::Progress;
use crate::tools;
use statistics::Statistics;

/// The checks, by the names of their seeds' folders.
const TARGETS: [&str; 6] = ["body", "canonical", "compact", "event", "grant", "key_set"];

/// Searches.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How long altogether, without the build; an hour when absent.
    #[arg(long, default_value_t = 3_600)]
    seconds: u32,
    /// Only these checks; all when absent.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    targets: Vec<String>,
    /// Where what is found goes.
    #[arg(long, default_value = "target/fuzz")]
    output: PathBuf,
}

/// Builds, searches, and prints a table.
pub fn run(args: &Args) -> Result<()> {
    let progress = Progress::new();
    let all = TARGETS.map(str::to_owned).to_vec();
    let targets = if args.targets.is_empty() { &all } else { &args.targets };
    let output = workspace().join(&args.output);
    let programs = progress.step("build the checks (minutes, the first time)", build)?;
    let each = (args.seconds / u32::try_from(targets.len())?).max(1);
    let mut found = Vec::new();
    for target in targets {
        let statistics =
            progress.step(&format!("{target}, for {each} s"), || search(&programs, target, each, &output))?;
        progress.line(&statistics.line(target));
        found.push((target, statistics));
    }
    print(&found);
    let broken: Vec<&str> = found.iter().filter(|(_, of)| of.failed).map(|(target, _)| target.as_str()).collect();
    ensure!(
        broken.is_empty(),
        "{} broken: the bytes are in {}; mended, they belong into eventing/fuzz/seeds",
        broken.join(", "),
        output.display()
    );
    Ok(())
}

/// The folder of the programs. Coverage needs no nightly compiler, only the sanitizers do; our code has no `unsafe`.
fn build() -> Result<PathBuf> {
    let fuzz = workspace().join("eventing/fuzz");
    let target = cargo::target()?.join("fuzz");
    let mut build = Command::new(tools::cargo_fuzz()?);
    build.args(["fuzz", "build", "--sanitizer", "none", "--fuzz-dir"]).arg(&fuzz).current_dir(&fuzz);
    succeed(build.env("CARGO_TARGET_DIR", &target))?;
    let triple = fs::read_dir(&target)?.flatten().map(|entry| entry.path().join("release"));
    let built = triple.filter(|folder| folder.join(TARGETS[0]).is_file()).max();
    built.ok_or_else(|| anyhow::anyhow!("no programs in {}", target.display()))
}

fn search(programs: &Path, target: &str, seconds: u32, output: &Path) -> Result<Statistics> {
    let kept = output.join("kept").join(target);
    let broken = output.join("broken").join(target);
    fs::create_dir_all(&kept)?;
    fs::create_dir_all(&broken)?;
    let log = output.join(format!("{target}.log"));
    let status = Command::new(programs.join(target))
        // What it keeps goes to the first folder; the seeds are only read.
        .arg(&kept)
        .arg(workspace().join("eventing/fuzz/seeds").join(target))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", broken.display()))
        .args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=20000", "-print_final_stats=1"])
        .current_dir(output)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .status()?;
    Ok(Statistics::read(&fs::read_to_string(&log)?, !status.success()))
}

#[allow(clippy::print_stdout, reason = "the answer of the command")]
fn print(found: &[(&String, Statistics)]) {
    println!("{}", Statistics::HEAD);
    for (target, statistics) in found {
        println!("{}", statistics.line(target));
    }
}
