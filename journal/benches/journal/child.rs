//! What a child does, and tells on standard output.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench_figures::process::usage;
use bench_figures::times::Times;
use eventing::types::CorrelationId;
use eventing_http::EventFilter;
use eventing_service::traces;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use journal::observe::Metrics;
use journal::query::Asked;
use journal::recorder::{Limits, Recorder};
use journal::store::{EventReader as _, EventStore, Location, SurrealStore};
use serde::{Deserialize, Serialize};

use crate::events::{Maker, blocks, long_story, short_story};

/// As many as the examples' inbox lets the journal have (`forward.maxInFlight`).
const IN_FLIGHT: usize = 200;
/// How often a writer says how far it is.
const SAYS_EVERY: u32 = 1_000;
/// How many timelines of each length are read.
const READS: u32 = 300;

#[derive(Debug, Clone, clap::Subcommand)]
pub enum Part {
    /// Writes events.
    #[command(hide = true)]
    Write { folder: PathBuf, from: u32, to: u32 },
    /// Opens a journal of so many events, and reads timelines.
    #[command(hide = true)]
    Read { folder: PathBuf, events: u32 },
}

/// What a child tells, each in a line of its own.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The journal is open, and told its end.
    Opened { seconds: f64, end: u64 },
    /// So many are on disk.
    Written(u32),
    /// All are on disk.
    Wrote { seconds: f64, peak: u64 },
    /// What it took to read, and how many events there are behind those.
    Read { short: [f64; 2], long: [f64; 2], peak: u64, behind: u64 },
}

impl Part {
    pub async fn play(&self) -> Result<()> {
        // As in the journal's process. Where none listens at all, the engine writes each key out for `log`.
        let _traces = traces::init("surrealdb=warn,surrealkv=warn,info", "journal-bench")?;
        match self {
            Self::Write { folder, from, to } => write(folder, *from, *to).await,
            Self::Read { folder, events } => read(folder, *events).await,
        }
    }
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn tell(told: Told) -> Result<()> {
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

async fn open(folder: &Path) -> Result<SurrealStore> {
    let begun = Instant::now();
    let store = SurrealStore::open(&Location::Folder(folder.to_owned())).await?;
    let end = store.end().await?;
    tell(Told::Opened { seconds: begun.elapsed().as_secs_f64(), end })?;
    Ok(store)
}

async fn write(folder: &Path, from: u32, to: u32) -> Result<()> {
    let store = Arc::new(open(folder).await?);
    let (recorder, writer, _end) = Recorder::new(store, Metrics::default(), Limits::default()).await?;
    let writing = tokio::spawn(writer.run());
    let (maker, begun) = (Maker::new(), Instant::now());
    let records = stream::iter(from..to).map(|nth| {
        let (event, recorder) = (maker.event(nth), recorder.clone());
        async move { anyhow::Ok(recorder.record(event?).await?) }
    });
    let mut written = 0;
    let mut records = records.buffer_unordered(IN_FLIGHT);
    while let Some(()) = records.try_next().await? {
        written += 1;
        if written % SAYS_EVERY == 0 {
            tell(Told::Written(written))?;
        }
    }
    drop(records);
    let seconds = begun.elapsed().as_secs_f64();
    tell(Told::Wrote { seconds, peak: usage(std::process::id())?.peak })?;
    drop(recorder);
    Ok(writing.await?)
}

async fn read(folder: &Path, events: u32) -> Result<()> {
    let store = open(folder).await?;
    let blocks = blocks(events);
    let short = timelines(&store, 10, |nth| short_story(spread(nth, blocks), spread(nth, 900))).await?;
    let long = timelines(&store, 1_000, |nth| long_story(spread(nth, blocks))).await?;
    let (mut behind, mut after) = (0, events.into());
    loop {
        let page = store.changes(after, 1_000).await?;
        let Some(last) = page.last() else { break };
        after = last.position;
        behind += page.len() as u64;
    }
    tell(Told::Read { short, long, peak: usage(std::process::id())?.peak, behind })
}

/// The median and the 95th of 100, in milliseconds.
async fn timelines(store: &SurrealStore, length: usize, story: impl Fn(u32) -> String) -> Result<[f64; 2]> {
    let mut times = Vec::new();
    for nth in 0..READS {
        let story = CorrelationId::parse(&story(nth))?;
        let filter = EventFilter { correlation_id: Some(story.clone()), ..EventFilter::default() };
        let asked = Asked { filter, after: None, limit: 1_000, bodies: false };
        let begun = Instant::now();
        let page = store.events(&asked).await?;
        times.push(begun.elapsed());
        ensure!(page.entries.len() == length, "{story} has {} events of {length}", page.entries.len());
    }
    let Times { p50, p95, .. } = times.into_iter().collect::<Times>();
    Ok([p50, p95])
}

/// Numbers below `of` in no order, the same in each run.
fn spread(nth: u32, of: u32) -> u32 {
    nth.wrapping_mul(2_654_435_761) % of
}

/// How long a child may be silent.
pub const PATIENCE: Duration = Duration::from_mins(15);
