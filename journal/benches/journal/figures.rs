//! The figures, their goals, and the verdicts.

use anyhow::Result;
use bench_figures::{Figure, Report};

use crate::Arguments;
use crate::course::{self, Course, Size, Written};

/// Events a second, on one core.
const RATE: f64 = 2_000.0;
/// Milliseconds of a timeline, of 95 in 100.
const P95: f64 = 20.0;
/// MiB that there are.
const MEMORY: f64 = 512.0;

/// Measures, prints, writes.
pub fn run(arguments: &Arguments) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let folder = arguments.folder.as_deref().unwrap_or(temporary.path());
    let course = course::run(folder, arguments.events)?;
    let mut figures = of_writing(&course);
    figures.extend(course.sizes.iter().flat_map(of_reading));
    figures.extend(of_size(&course, f64::from(arguments.events)));
    Report::new("journal", figures).tell(arguments.json.as_deref())
}

fn of_writing(course: &Course) -> Vec<Figure> {
    let rate = |written: &Written| f64::from(written.events) / written.seconds;
    let mut rates: Vec<f64> = course.unlimited.iter().map(rate).collect();
    rates.sort_by(f64::total_cmp);
    let of = |nth: usize| rates.get(nth).copied().unwrap_or_default();
    let (runs, name) = (rates.len(), "recorded on one core, 2 KiB, each on disk");
    let mut figures = vec![
        Figure::of_at_least(format!("{name}, p50 of {runs} runs"), of(runs / 2), "a second", RATE),
        Figure::new("the slowest of them", of(0), "a second", None),
        Figure::new("the fastest", of(runs.saturating_sub(1)), "a second", None),
    ];
    figures.extend(course.sizes.iter().map(|size| {
        let name = format!("the same under a limit of 512 MiB, to {} events", size.events);
        Figure::new(name, rate(&size.written), "a second", None)
    }));
    figures
}

fn of_reading(size: &Size) -> Vec<Figure> {
    let Size { events, short: [short_p50, short_p95], long: [long_p50, long_p95], .. } = *size;
    let figure = |length: &str, of: &str, value, goal| {
        Figure::new(format!("timeline of {length} among {events}, {of}"), value, "ms", goal)
    };
    vec![
        figure("10", "p50", short_p50, None),
        figure("10", "p95", short_p95, Some(P95)),
        figure("1,000", "p50", long_p50, None),
        figure("1,000", "p95", long_p95, Some(P95)),
    ]
}

fn of_size(course: &Course, events: f64) -> Vec<Figure> {
    let [after_end, after_kill] = course.reopening;
    let disk = giga(course.disk);
    vec![
        Figure::new("RSS at most, under a limit of 512 MiB", mebi(course.peak), "MiB", Some(MEMORY)),
        Figure::new("RSS at most of one that opens it and reads", mebi(course.reopened_peak), "MiB", Some(MEMORY)),
        Figure::new("OOM kills, before and after kill -9", course.oom_kills.into(), "kills", Some(0.0)),
        Figure::new("on disk", disk, "GB", None),
        Figure::new("on disk an event", disk * 1e6 / events, "kB", None),
        Figure::new("opened again, to its first answer", after_end, "s", None),
        Figure::new("the same after kill -9 in the middle of writing", after_kill, "s", None),
        Figure::new("events lost or doubled by that", number(course.wrong), "events", Some(0.0)),
    ]
}

fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn mebi(bytes: u64) -> f64 {
    u32::try_from(bytes / 1024).map_or(f64::MAX, f64::from) / 1024.0
}

fn giga(bytes: u64) -> f64 {
    u32::try_from(bytes / 1_000_000).map_or(f64::MAX, f64::from) / 1000.0
}
