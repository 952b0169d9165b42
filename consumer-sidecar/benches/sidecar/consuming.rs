//! The runs that receive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sidecar_ground::Key;
use sidecar_ground::sqs::{State, Way};

use crate::app::App;
use crate::events::bodies;
use crate::site::{Sidecar, Site};
use bench_figures::times::Times;

/// How long a sidecar is left alone before it is measured idle, or given work.
const REST: Duration = Duration::from_secs(5);

/// A queue that is drained as fast as it goes.
#[derive(Debug, Clone, Copy)]
pub struct Drained {
    pub messages: f64,
    pub seconds: f64,
    pub cpu_seconds: f64,
    /// Bytes, before anything was received.
    pub idle: u64,
    /// Bytes, at most.
    pub peak: u64,
}

pub async fn drain(key: &Arc<Key>, messages: u32) -> Result<Drained> {
    let bodies = bodies(key, messages)?;
    let site = Site::new(key, App::default()).await?;
    let sidecar = site.sidecar()?;
    tokio::time::sleep(REST).await;
    let before = sidecar.usage()?;
    let start = Instant::now();
    site.sqs.send_all(&bodies);
    site.sqs.emptied().await;
    let seconds = start.elapsed().as_secs_f64();
    let after = sidecar.usage()?;
    ensure!(site.app.counted() == (bodies.len(), 0), "not each event once: {:?}", site.app.counted());
    ensure!(site.sqs.state().dead_letters == 0, "dead letters of good events");
    finish(sidecar).await?;
    let cpu_seconds = after.cpu_seconds - before.cpu_seconds;
    Ok(Drained { messages: f64::from(messages), seconds, cpu_seconds, idle: before.resident, peak: after.peak })
}

/// Messages that come at a rate.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// From the answer of the receive to the POST.
    pub overhead: Times,
    /// From the message's arrival in the queue to the POST.
    pub whole: Times,
    pub cpu_seconds: f64,
}

/// So many a second, for so many seconds; of the slow ones of `app` no time is taken.
pub async fn keep(key: &Arc<Key>, app: App, rate: u32, seconds: u32) -> Result<Kept> {
    let bodies = bodies(key, rate * seconds)?;
    let site = Site::new(key, app).await?;
    let sidecar = site.sidecar()?;
    tokio::time::sleep(REST).await;
    let before = sidecar.usage()?;
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate);
    for body in &bodies {
        tick.tick().await;
        site.sqs.send_all(std::slice::from_ref(body));
    }
    site.sqs.emptied().await;
    let cpu_seconds = sidecar.usage()?.cpu_seconds - before.cpu_seconds;
    finish(sidecar).await?;
    let (ways, came) = (site.sqs.ways(), site.app.came());
    // The first few find connections that are not open yet.
    let fast = ways.iter().zip(&came).enumerate().skip(20).filter(|(nth, _)| !site.app.is_slow(*nth));
    let pairs: Vec<(&Way, Instant)> = fast.filter_map(|(_, (way, came))| Some((way, (*came)?))).collect();
    let overhead = pairs.iter().filter_map(|(way, came)| Some(came.duration_since(way.handed_out?))).collect();
    let whole = pairs.iter().map(|(way, came)| came.duration_since(way.sent)).collect();
    Ok(Kept { overhead, whole, cpu_seconds })
}

/// A sidecar that is stopped while it drains.
#[derive(Debug, Clone, Copy)]
pub struct Stopped {
    /// When it had ended.
    pub then: State,
    /// When another one had drained the rest.
    pub at_last: State,
    /// Events that came to the application, at last.
    pub handled: usize,
    /// Events that came more than once.
    pub twice: usize,
    pub took: Duration,
}

pub async fn stop(key: &Arc<Key>, messages: u32) -> Result<Stopped> {
    let bodies = bodies(key, messages)?;
    let site = Site::new(key, App::default()).await?;
    let sidecar = site.sidecar()?;
    tokio::time::sleep(REST).await;
    site.sqs.send_all(&bodies);
    while site.app.counted().0 < bodies.len() / 4 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let asked = Instant::now();
    finish(sidecar).await?;
    let took = asked.elapsed();
    let then = site.sqs.state();
    ensure!(then.deleted < bodies.len(), "it was done before it was stopped: more messages are needed");
    let next = site.sidecar()?;
    // What is held comes back when its visibility ends, which no run waits for.
    while site.sqs.state().deleted + then.held < bodies.len() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    finish(next).await?;
    let (handled, twice) = site.app.counted();
    Ok(Stopped { then, at_last: site.sqs.state(), handled, twice, took })
}

async fn finish(sidecar: Sidecar) -> Result<()> {
    sidecar.terminate()?;
    sidecar.ended().await
}
