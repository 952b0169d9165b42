//! The figures, their goals, and the verdicts.

use anyhow::Result;
use bench_figures::{Figure, Report};
use eventing::algorithm::Algorithm;

use crate::Arguments;
use crate::events::Events;
use crate::measure::{Measured, measure};

/// Bytes of `detailCore`; the body has its base64 and a signature of 3.2 KiB besides.
const SIZES: [(usize, &str); 3] = [(512, "0.5 KiB"), (GOAL_SIZE, "2 KiB"), (65_536, "64 KiB")];
/// The size that goals are about.
const GOAL_SIZE: usize = 2_048;
/// Microseconds at that size.
const P95_MICROSECONDS: f64 = 250.0;
/// How many times the bare verification.
const P95_TIMES_BARE: f64 = 1.5;

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
    Report::new("trust", figures).tell(arguments.json.as_deref())
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
