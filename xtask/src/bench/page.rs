//! `cargo xtask bench page`: `docs/benchmarks.md`, made of the committed figures.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use bench_figures::{Figure, Report, Verdict};

use crate::cargo::workspace;

/// Writes the page.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write nothing; fail where the page is stale.
    #[arg(long)]
    pub check: bool,
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
        for figure in figures {
            let goal = figure.goal(number);
            let Figure { name, value, unit, verdict, .. } = figure;
            let verdict = match verdict {
                Verdict::Met => "met",
                Verdict::Missed => "**missed**",
                Verdict::NoGoal => "",
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
        let figures = vec![
            Figure::new("a", 1.5, "s", Some(60.0)),
            Figure::new("b", 70.0, "s", Some(60.0)),
            Figure::new("c", 2.0, "s", None),
            Figure::of_at_least("d", 3.0, "a second", 2.0),
        ];
        let page = page(&[Report { what: "operator".to_owned(), machine: "2 cores".to_owned(), figures }]);
        for line in [
            "| a | 1.5 s | ≤ 60 | met |",
            "| b | 70 s | ≤ 60 | **missed** |",
            "| c | 2 s |  |  |",
            "| d | 3 a second | ≥ 2 | met |",
            "Measured on 2 cores.",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
    }
}
