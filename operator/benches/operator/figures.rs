//! The figures, their goals, and the verdicts.

use std::path::Path;

use anyhow::Result;
use bench_figures::{Figure, Report};

use crate::{
    arguments::{Measure, Part},
    course::{Course, Outcome},
};

/// The most that an object may cost at the largest scale, of what it costs at the smallest: times are noisy.
const GROWTH: f64 = 1.5;

/// Measures, prints, writes.
pub async fn run(measure: &Measure, kubeconfig: &Path) -> Result<()> {
    let objects = measure.objects;
    let with = |part| !measure.skip.contains(&part);
    let course = Course { objects, ..Course::default() };
    let mut figures = Vec::new();

    let main = step(Course { resync: with(Part::Resync), ..course }, kubeconfig).await?;
    figures.extend(of_making(&main));
    if with(Part::Latency) {
        let slow = step(Course { latency: 25, ..course }, kubeconfig).await?;
        figures.push(Figure::new(
            format!("{objects} inboxes and {objects} rules ready, 25 ms on every AWS call"),
            slow.until_ready.as_secs_f64(),
            "s",
            None,
        ));
    }
    if with(Part::Throttling) {
        let hundred = objects.min(100);
        let throttled = step(Course { objects: hundred, throttled: 500, ..course }, kubeconfig).await?;
        let name = format!("{hundred} inboxes and {hundred} rules ready, half of all AWS calls throttled");
        figures.push(Figure::new(name, throttled.until_ready.as_secs_f64(), "s", None));
        let calls = throttled.asked.total;
        figures.push(Figure::new("AWS calls in that, refused ones too", count(calls), "calls", None));
    }
    if with(Part::Budgets) {
        let hundred = objects.min(100);
        let within = step(Course { objects: hundred, budgets: true, ..course }, kubeconfig).await?;
        let name =
            format!("{hundred} inboxes and {hundred} rules ready, within the default budgets and EventBridge's rate");
        figures.push(Figure::new(name, within.until_ready.as_secs_f64(), "s", None));
    }
    let mut scale = Vec::new();
    for objects in measure.scale.iter().copied().filter(|scale| *scale != objects) {
        scale.push(step(Course { objects, ..course }, kubeconfig).await?);
    }
    scale.push(main);
    scale.sort_by_key(|outcome| outcome.objects);
    figures.extend(of_scale(&scale));

    Report::new("operator", figures).tell(measure.json.as_deref())
}

#[allow(clippy::print_stderr, reason = "how far it is")]
async fn step(course: Course, kubeconfig: &Path) -> Result<Outcome> {
    eprintln!("{course:?}");
    let outcome = Box::pin(course.run(kubeconfig)).await?;
    eprintln!("  ready after {:.1} s; {:?}", outcome.until_ready.as_secs_f64(), outcome.asked.operations);
    Ok(outcome)
}

fn of_making(outcome: &Outcome) -> Vec<Figure> {
    let objects = outcome.objects;
    let each = |calls: u64| count(calls) / size(objects);
    let mut figures = vec![
        Figure::new(
            format!("{objects} inboxes (two queues, two roles each) and {objects} rules ready"),
            outcome.until_ready.as_secs_f64(),
            "s",
            Some(60.0),
        ),
        Figure::new(
            "AWS calls an inbox (SQS and IAM)",
            each(outcome.asked.sqs + outcome.asked.iam),
            "calls",
            Some(12.0),
        ),
        Figure::new(
            "AWS calls a rule (EventBridge, the buses' too)",
            each(outcome.asked.event_bridge),
            "calls",
            Some(5.0),
        ),
        Figure::new("API-server writes an inbox", each(outcome.inbox_writes), "writes", Some(3.0)),
        Figure::new("API-server writes a rule", each(outcome.rule_writes), "writes", Some(3.0)),
        Figure::new("writes to users' specs", count(outcome.spec_writes), "writes", Some(0.0)),
        Figure::new("Kubernetes Events an object", count(outcome.events) / size(objects) / 2.0, "Events", None),
        Figure::new(
            "RSS, all ready (the AWS in memory included)",
            count(outcome.resident) / 1024.0 / 1024.0,
            "MiB",
            Some(64.0),
        ),
    ];
    if let Some(resync) = &outcome.resync {
        figures.extend([
            Figure::new("one resync of all: AWS writes", count(resync.aws_writes), "writes", Some(0.0)),
            Figure::new("one resync of all: API-server writes", count(resync.api_writes), "writes", Some(0.0)),
            Figure::new("one resync of all: reads of SQS an inbox", each(resync.queue_reads), "reads", Some(2.0)),
            Figure::new("one resync of all: reads of IAM an inbox", each(resync.role_reads), "reads", Some(0.1)),
            Figure::new(
                "one resync of all: reads of EventBridge a rule",
                each(resync.bus_and_rule_reads),
                "reads",
                Some(1.1),
            ),
        ]);
    }
    figures
}

fn of_scale(outcomes: &[Outcome]) -> Vec<Figure> {
    let mut figures = Vec::new();
    let smallest = outcomes.first();
    for outcome in outcomes {
        let each = |number: f64| number / size(outcome.objects) / 2.0;
        let goal = |of: &dyn Fn(&Outcome) -> f64| {
            let smallest = smallest.filter(|smallest| smallest.objects != outcome.objects)?;
            Some(of(smallest) / size(smallest.objects) / 2.0 * GROWTH)
        };
        let (cpu, calls) = (|o: &Outcome| o.cpu_seconds * 1000.0, |o: &Outcome| count(o.asked.total));
        let objects = outcome.objects;
        figures.push(Figure::new(format!("CPU an object, of {objects} pairs"), each(cpu(outcome)), "ms", goal(&cpu)));
        figures.push(Figure::new(
            format!("AWS calls an object, of {objects} pairs"),
            each(calls(outcome)),
            "calls",
            goal(&calls),
        ));
    }
    figures
}

fn count(number: u64) -> f64 {
    // Counts of a run are far below what a float holds exactly.
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

fn size(number: usize) -> f64 {
    u32::try_from(number.max(1)).map_or(f64::MAX, f64::from)
}
