//! What a benchmark measured: figures, their goals and verdicts; as a table, and as the JSON that `docs/benchmarks/`
//! holds and `docs/benchmarks.md` is made of.

pub mod limit;
pub mod payment;
pub mod process;
pub mod times;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// All that one run measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// What was measured, in a word: the name of the file.
    pub what: String,
    /// The machine, in a reader's words.
    pub machine: String,
    /// What came out.
    pub figures: Vec<Figure>,
}

/// One number.
#[derive(Debug, Serialize, Deserialize)]
pub struct Figure {
    /// What of.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit, as written after it.
    pub unit: String,
    /// The goal, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The goal, where more is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Whether the goal was met.
    pub verdict: Verdict,
}

/// Whether a goal was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The figure reaches the goal.
    Met,
    /// It does not.
    Missed,
    /// There is none.
    NoGoal,
}

impl Figure {
    /// A figure, judged.
    pub fn new(name: impl Into<String>, value: f64, unit: &str, at_most: Option<f64>) -> Self {
        let verdict = match at_most {
            None => Verdict::NoGoal,
            Some(goal) if value <= goal => Verdict::Met,
            Some(_) => Verdict::Missed,
        };
        Self { name: name.into(), value, unit: unit.to_owned(), at_most, at_least: None, verdict }
    }

    /// A figure that is to be large, judged.
    pub fn of_at_least(name: impl Into<String>, value: f64, unit: &str, goal: f64) -> Self {
        let verdict = if value >= goal { Verdict::Met } else { Verdict::Missed };
        Self { at_least: Some(goal), verdict, ..Self::new(name, value, unit, None) }
    }

    /// The goal as a reader sees it; empty where there is none.
    pub fn goal(&self, number: impl Fn(f64) -> String) -> String {
        match (self.at_most, self.at_least) {
            (Some(goal), _) => format!("≤ {}", number(goal)),
            (None, Some(goal)) => format!("≥ {}", number(goal)),
            (None, None) => String::new(),
        }
    }
}

impl Report {
    /// What was measured on this machine.
    pub fn new(what: &str, figures: Vec<Figure>) -> Self {
        Self { what: what.to_owned(), machine: machine(), figures }
    }

    /// Prints the table, and writes the JSON where it is wanted.
    ///
    /// # Errors
    /// The file cannot be written.
    #[allow(clippy::print_stdout, reason = "the answer of a benchmark")]
    pub fn tell(&self, json: Option<&Path>) -> Result<()> {
        println!("{}", self.machine);
        println!("{:<72} {:>10} {:<8} {:>8}  verdict", "what", "figure", "unit", "goal");
        for figure in &self.figures {
            let goal = figure.goal(|goal| format!("{goal:.1}"));
            let Figure { name, value, unit, verdict, .. } = figure;
            let verdict = match verdict {
                Verdict::Met => "met",
                Verdict::Missed => "MISSED",
                Verdict::NoGoal => "",
            };
            println!("{name:<72} {value:>10.2} {unit:<8} {goal:>8}  {verdict}");
        }
        json.map_or(Ok(()), |path| self.write(path))
    }

    /// Writes the JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| path.display().to_string())
    }
}

/// What the kernel says of the machine.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or_default();
    let model = field(&read("/proc/cpuinfo"), "model name");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores of {model}, {} GiB, Linux {}", memory / 1024 / 1024, kernel.trim())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_figure_is_judged_by_its_goal_which_may_be_reached() {
        let verdict = |value, at_most| Figure::new("a", value, "s", at_most).verdict;
        assert_eq!(verdict(60.0, Some(60.0)), Verdict::Met);
        assert_eq!(verdict(60.1, Some(60.0)), Verdict::Missed);
        assert_eq!(verdict(60.1, None), Verdict::NoGoal);
        let large = |value| Figure::of_at_least("a", value, "a second", 60.0);
        assert_eq!((large(60.0).verdict, large(59.9).verdict), (Verdict::Met, Verdict::Missed));
        assert_eq!(large(1.0).goal(|goal| goal.to_string()), "≥ 60");
    }

    #[test]
    fn the_json_is_what_the_page_reads() {
        let report =
            Report::new("trust", vec![Figure::new("a", 1.0, "s", Some(0.5)), Figure::new("b", 2.0, "s", None)]);
        let text = serde_json::to_string(&report).unwrap();
        assert!(
            text.contains(r#""at_most":0.5,"verdict":"missed""#) && text.contains(r#""verdict":"no-goal""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap().figures.len(), 2);
    }
}
