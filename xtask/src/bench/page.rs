//! `cargo xtask bench page`: `docs/benchmarks.md`, made of the committed figures.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::cargo::workspace;

/// Writes the page.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write nothing; fail where the page is stale.
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Deserialize)]
struct Report {
    what: String,
    machine: String,
    figures: Vec<Figure>,
}

#[derive(Debug, Deserialize)]
struct Figure {
    name: String,
    value: f64,
    unit: String,
    at_most: Option<f64>,
    verdict: String,
}

/// Writes or checks it.
pub fn run(args: &Args) -> Result<()> {
    let folder = workspace().join("docs/benchmarks");
    let mut files: Vec<_> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut reports = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path)?;
        reports.push(serde_json::from_str::<Report>(&text).with_context(|| path.display().to_string())?);
    }
    let (page, path) = (page(&reports), workspace().join("docs/benchmarks.md"));
    if args.check {
        let current = fs::read_to_string(&path).unwrap_or_default() == page;
        ensure!(current, "{} is stale: `cargo xtask bench page` writes it", path.display());
        return Ok(());
    }
    Ok(fs::write(&path, page)?)
}

fn page(reports: &[Report]) -> String {
    let mut page = String::from(
        "<!-- Made by `cargo xtask bench page` from docs/benchmarks/*.json: do not edit. -->\n\n# Benchmarks\n\n\
         Counts, memory and CPU are steady from run to run; times are noisy by about a third. Measure yourself with \
         `cargo xtask bench <what>`.\n",
    );
    for Report { what, machine, figures } in reports {
        // Writing to a string does not fail.
        let _ =
            write!(page, "\n## {what}\n\nMeasured on {machine}.\n\n| what | figure | goal | |\n|---|---|---|---|\n");
        for Figure { name, value, unit, at_most, verdict } in figures {
            let goal = at_most.map(|goal| format!("≤ {}", number(goal))).unwrap_or_default();
            let verdict = match verdict.as_str() {
                "met" => "met",
                "missed" => "**missed**",
                _ => "",
            };
            let _ = writeln!(page, "| {name} | {} {unit} | {goal} | {verdict} |", number(*value));
        }
    }
    page
}

/// At most two digits after the point, and none for nothing.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_what_was_measured_what_was_promised_and_whether_that_was_met() {
        let figure = |name: &str, value, at_most, verdict: &str| Figure {
            name: name.to_owned(),
            value,
            unit: "s".to_owned(),
            at_most,
            verdict: verdict.to_owned(),
        };
        let figures = vec![
            figure("a", 1.5, Some(60.0), "met"),
            figure("b", 70.0, Some(60.0), "missed"),
            figure("c", 2.0, None, "no-goal"),
        ];
        let page = page(&[Report { what: "operator".to_owned(), machine: "2 cores".to_owned(), figures }]);
        for line in [
            "| a | 1.5 s | ≤ 60 | met |",
            "| b | 70 s | ≤ 60 | **missed** |",
            "| c | 2 s |  |  |",
            "Measured on 2 cores.",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
    }
}
