//! The figures, their goals, and the verdicts.

use anyhow::Result;
use bench_figures::{Figure, Report};

use crate::Arguments;
use crate::floor::bare;
use crate::runs::{Load, Resumed, Served, Way, resume, serve};

/// Milliseconds from the gateway's receipt to the wire, of 95 in 100.
const P95: f64 = 5.0;
/// KiB that a client may take.
const MEMORY: f64 = 10.0;
/// Seconds of CPU that 1,000 deliveries may take.
const CPU: f64 = 0.1;
/// Events a second, where all follow one correlation.
const RATE_OF_ONE: u32 = 5;
/// Streams on one connection of HTTP/2.
const STREAMS: usize = 100;
/// How often a client comes back.
const RESUMES: usize = 500;

/// Measures, prints, writes.
pub async fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { clients, correlations, rate, .. } = *arguments;
    let all = Load { replicas: 1, correlations, rate, way: Way::Journal };
    let of_one = Load { correlations: 1, rate: RATE_OF_ONE, ..all };
    let mut figures = Vec::new();
    for (name, load) in [
        ("one replica", all),
        ("two replicas", Load { replicas: 2, ..all }),
        ("from the inbox on", Load { way: Way::Inbox, ..all }),
        ("HTTP/2", Load { way: Way::Http2(STREAMS), ..all }),
        ("all on one correlation", of_one),
    ] {
        step(&format!("{clients} clients, {name}"));
        figures.extend(of_load(name, load, serve(arguments, load).await?));
    }
    for (name, load) in [("bare writes", all), ("bare writes, all on one correlation", of_one)] {
        step(&format!("{clients} clients, {name}"));
        figures.push(Figure::new(format!("{name}: CPU for 1,000 deliveries"), bare(arguments, load).await?, "s", None));
    }
    step("coming back");
    figures.extend(of_resume("5 events ago, of a million", resume(arguments, 5, RESUMES).await?));
    figures.extend(of_resume("900,000 events ago, of a million", resume(arguments, 900_000, RESUMES).await?));
    Report::new("gateway", figures).tell(arguments.json.as_deref())
}

#[allow(clippy::print_stderr, reason = "how far it is")]
fn step(what: &str) {
    eprintln!("{what}");
}

fn of_load(name: &str, load: Load, served: Served) -> Vec<Figure> {
    let Served { times, idle, after, resident, cpu } = served;
    let named = |what: &str| format!("{name}: {what}");
    // Thousands of writes take their time: the last of them is not late.
    let at_once = (load.correlations > 1).then_some(P95);
    vec![
        Figure::new(named("until a client has it, p50"), times.p50, "ms", None),
        Figure::new(named("until a client has it, p95"), times.p95, "ms", at_once),
        Figure::new(named("until a client has it, p99"), times.p99, "ms", None),
        Figure::new(named("memory a client, idle"), idle, "KiB", Some(MEMORY)),
        Figure::new(named("memory a client, after"), after, "KiB", Some(MEMORY)),
        Figure::new(named("RSS of all replicas, after"), resident, "MiB", None),
        Figure::new(named("CPU for 1,000 deliveries"), cpu, "s", Some(CPU)),
    ]
}

fn of_resume(name: &str, resumed: Resumed) -> Vec<Figure> {
    let named = |what: &str| format!("back after {name}: {what}");
    vec![
        Figure::new(named("p50"), resumed.times.p50, "ms", None),
        Figure::new(named("p95"), resumed.times.p95, "ms", None),
        Figure::new(named("CPU"), resumed.cpu, "ms", None),
    ]
}
