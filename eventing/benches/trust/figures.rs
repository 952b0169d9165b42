//! The figures, their goals, and the verdicts.

use anyhow::{Context as _, Result};
use eventing::algorithm::Algorithm;
use serde::Serialize;

use crate::Arguments;
use crate::events::Events;
use crate::machine::describe;
use crate::measure::{Measured, measure};

/// Bytes of `detailCore`; the body has its base64 and a signature of 3.2 KiB besides.
const SIZES: [(usize, &str); 3] = [(512, "0.5 KiB"), (GOAL_SIZE, "2 KiB"), (65_536, "64 KiB")];
/// The size that goals are about.
const GOAL_SIZE: usize = 2_048;
/// Microseconds at that size.
const P95_MICROSECONDS: f64 = 250.0;
/// How many times the bare verification.
const P95_TIMES_BARE: f64 = 1.5;

/// All that was measured.
#[derive(Debug, Serialize)]
struct Report {
    what: &'static str,
    machine: String,
    figures: Vec<Figure>,
}

/// One number.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Met,
    Missed,
    NoGoal,
}

impl Figure {
    fn new(name: String, value: f64, unit: &'static str, at_most: Option<f64>) -> Self {
        let verdict = match at_most {
            None => Verdict::NoGoal,
            Some(goal) if value <= goal => Verdict::Met,
            Some(_) => Verdict::Missed,
        };
        Self { name, value, unit, at_most, verdict }
    }
}

/// Measures, prints, writes.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut figures = Vec::new();
    for algorithm in Algorithm::ALL {
        for (size, words) in SIZES {
            // The largest takes ten times as long, and varies less.
            let rounds = if size > GOAL_SIZE { arguments.rounds / 4 } else { arguments.rounds };
            let measured = measure(&Events::new(algorithm, size)?, rounds)?;
            figures.extend(of(&format!("{algorithm}, {words}"), &measured, size == GOAL_SIZE));
        }
    }
    let report = Report { what: "trust", machine: describe(), figures };
    print(&report);
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n")
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn of(what: &str, measured: &Measured, has_goals: bool) -> Vec<Figure> {
    let Measured { body_bytes, whole, bare, per_second, allocations, allocated_bytes } = *measured;
    let goal = |goal: f64| has_goals.then_some(goal);
    let kib = |bytes: f64| bytes / 1024.0;
    let body_bytes = u32::try_from(body_bytes).map_or(f64::MAX, f64::from);
    let new = |name: &str, value, unit, at_most| Figure::new(format!("{what}: {name}"), value, unit, at_most);
    vec![
        new("body", kib(body_bytes), "KiB", None),
        new("decode, canonicalise and verify, median", whole.median, "µs", None),
        new("decode, canonicalise and verify, p95", whole.p95, "µs", goal(P95_MICROSECONDS)),
        new("the bare verification, median", bare.median, "µs", None),
        new("the bare verification, p95", bare.p95, "µs", None),
        new("median by the bare median", whole.median / bare.median, "times", None),
        new("p95 by the bare p95", whole.p95 / bare.p95, "times", goal(P95_TIMES_BARE)),
        new("verified on one core", per_second, "a second", None),
        new("allocations a verification", allocations, "", None),
        new("allocated a verification", kib(allocated_bytes), "KiB", None),
    ]
}

#[allow(clippy::print_stdout, reason = "the answer of the command")]
fn print(report: &Report) {
    println!("{}", report.machine);
    println!("{:<66} {:>10} {:<8} {:>8}  verdict", "what", "figure", "unit", "at most");
    for Figure { name, value, unit, at_most, verdict } in &report.figures {
        let goal = at_most.map(|goal| format!("{goal:.1}")).unwrap_or_default();
        let verdict = match verdict {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::NoGoal => "",
        };
        println!("{name:<66} {value:>10.2} {unit:<8} {goal:>8}  {verdict}");
    }
}
