//! The figures, their goals, and the verdicts.

use std::sync::Arc;

use anyhow::Result;
use bench_figures::{Figure, Report};
use eventing::algorithm::Algorithm;
use sidecar_ground::Key;

use crate::app::App;
use crate::consuming::{self, Drained};
use crate::{Arguments, bare, publishing, site};

/// Milliseconds from the receive's answer to the POST, of 95 in 100.
const P95: f64 = 1.5;
/// How much longer the others may take while some are slow: times are noisy.
const UNCHANGED: f64 = 1.5;

/// Measures, prints, writes.
pub async fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { messages, seconds, ref json } = *arguments;
    let mut figures = Vec::new();
    for algorithm in Algorithm::ALL {
        let key = Arc::new(Key::generate("payments", algorithm)?);
        step(&format!("draining {messages} messages, {algorithm}"));
        let bare = bare::verifications(&key)?;
        figures.extend(of_drain(algorithm, &consuming::drain(&key, messages).await?, bare));
    }
    let key = Arc::new(Key::generate("payments", Algorithm::MlDsa44)?);
    figures.extend(of_rates(&key, seconds).await?);
    figures.extend(of_stop(&key, messages / 4).await?);
    figures.extend(of_publishing(&key, seconds).await?);
    figures.push(Figure::new("program, stripped", mega(site::stripped_bytes()?), "MB", Some(15.0)));
    Report::new("sidecar", figures).tell(json.as_deref())
}

#[allow(clippy::print_stderr, reason = "how far it is")]
fn step(what: &str) {
    eprintln!("{what}");
}

fn of_drain(algorithm: Algorithm, drained: &Drained, bare: f64) -> Vec<Figure> {
    let Drained { messages, seconds, cpu_seconds, idle, peak } = *drained;
    let goal = match algorithm {
        Algorithm::MlDsa44 => 2_500.0,
        Algorithm::Dilithium2 => 2_000.0,
    };
    let name = |what: &str| format!("{algorithm}: {what}");
    let mut figures = vec![
        Figure::of_at_least(name("verified and delivered, 2 KiB"), messages / cpu_seconds, "a CPU-second", goal),
        Figure::new(name("the same"), messages / seconds, "a second", None),
        Figure::new(name("the bare verifications"), bare, "a CPU-second", None),
    ];
    if algorithm == Algorithm::MlDsa44 {
        figures.push(Figure::new("RSS, idle", mebi(idle), "MiB", Some(16.0)));
    }
    figures.push(Figure::new(name("RSS at most, draining"), mebi(peak), "MiB", Some(32.0)));
    figures
}

async fn of_rates(key: &Arc<Key>, seconds: u32) -> Result<Vec<Figure>> {
    let milliseconds = |name: &str, value, goal| Figure::new(name, value, "ms", goal);
    step("200 a second, with a sidecar and without");
    let kept = consuming::keep(key, App::default(), 200, seconds).await?;
    let bare = bare::post(key, 200, seconds).await?;
    step("50 a second, without slow ones and with");
    let alike = consuming::keep(key, App::default(), 50, seconds).await?;
    let among = consuming::keep(key, App::with_slow_ones(100), 50, 2 * seconds).await?;
    let messages = 200.0 * f64::from(seconds);
    Ok(vec![
        milliseconds("receive to POST at 200 a second, p50", kept.overhead.p50, None),
        milliseconds("receive to POST at 200 a second, p95", kept.overhead.p95, Some(P95)),
        milliseconds("receive to POST at 200 a second, p99", kept.overhead.p99, None),
        milliseconds("a bare POST at 200 a second, p50", bare.p50, None),
        milliseconds("a bare POST at 200 a second, p95", bare.p95, None),
        milliseconds("a bare POST at 200 a second, p99", bare.p99, None),
        Figure::new("messages at 200 a second", messages / kept.cpu_seconds, "a CPU-second", None),
        milliseconds("in the queue to POST at 50 a second, p95", alike.whole.p95, None),
        milliseconds(
            "the same of the others while one in 100 takes 2 s",
            among.whole.p95,
            Some(alike.whole.p95 * UNCHANGED),
        ),
    ])
}

async fn of_stop(key: &Arc<Key>, messages: u32) -> Result<Vec<Figure>> {
    step("SIGTERM while draining");
    let stopped = consuming::stop(key, messages).await?;
    let (then, last) = (stopped.then, stopped.at_last);
    let lost = then.sent - stopped.handled.min(then.sent);
    let seconds = stopped.took.as_secs_f64();
    Ok(vec![
        Figure::new("SIGTERM in a drain: until the end", seconds, "s", None),
        Figure::new("SIGTERM in a drain: events lost", number(lost), "events", Some(0.0)),
        Figure::new("SIGTERM in a drain: not given back", number(then.held), "messages", Some(0.0)),
        Figure::new("SIGTERM in a drain: received again", number(last.redelivered), "messages", None),
        Figure::new("SIGTERM in a drain: handled again", number(stopped.twice), "events", Some(0.0)),
        Figure::new("SIGTERM in a drain: dead letters", number(last.dead_letters), "messages", Some(0.0)),
    ])
}

async fn of_publishing(key: &Arc<Key>, seconds: u32) -> Result<Vec<Figure>> {
    step("publishing");
    let published = publishing::publish(key, 100, seconds, 500 * seconds).await?;
    Ok(vec![
        Figure::new("publish at 100 a second, p50", published.at_a_rate.p50, "ms", None),
        Figure::new("publish at 100 a second, p95", published.at_a_rate.p95, "ms", None),
        Figure::new("published by 16 callers, one event a POST", published.a_second, "a second", None),
        Figure::new("the same", published.a_cpu_second, "a CPU-second", None),
    ])
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn mebi(bytes: u64) -> f64 {
    u32::try_from(bytes / 1024).map_or(f64::MAX, f64::from) / 1024.0
}

fn mega(bytes: u64) -> f64 {
    u32::try_from(bytes / 1000).map_or(f64::MAX, f64::from) / 1000.0
}
