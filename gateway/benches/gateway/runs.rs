//! The runs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bench_figures::payment::payment;
use bench_figures::times::Times;
use eventing::envelope::Trace;
use eventing::signing::EventFacts;
use eventing::types::Jti;
use gateway::event::Event;
use serde_json::{Value, json};

use crate::Arguments;
use crate::clients::{Clients, Wish, open, open_http2};
use crate::journal::{GENERATION, HISTORY, correlation, resource};
use crate::site::{Gateway, Site, together};

/// How long everything is left alone before it is measured.
pub const REST: Duration = Duration::from_secs(3);
/// How long the last events may take.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// What the inbox brings sooner than this after a start is left to the tail.
const INBOX_BEGINS: Duration = Duration::from_secs(7);
/// How much later than the inbox the journal has an event.
const JOURNALLED_AFTER: Duration = Duration::from_millis(50);

/// By which way events come, and how clients ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Journal,
    Inbox,
    /// The journal, and HTTP/2 with so many streams on a connection.
    Http2(usize),
}

/// One load.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub replicas: usize,
    pub correlations: usize,
    pub rate: u32,
    pub way: Way,
}

/// What it took.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    pub times: Times,
    /// Bytes of memory for each client, before anything came and afterwards.
    pub idle: f64,
    pub after: f64,
    /// Mebibytes of all replicas, with all clients.
    pub resident: f64,
    /// Seconds for 1,000 deliveries.
    pub cpu: f64,
}

pub async fn serve(arguments: &Arguments, load: Load) -> Result<Served> {
    let site = Site::new(arguments).await?;
    let mut gateways = Vec::new();
    for _ in 0..load.replicas {
        gateways.push(site.gateway().await?);
    }
    tokio::time::sleep(if load.way == Way::Inbox { INBOX_BEGINS } else { REST }).await;
    let before = together(&gateways)?;
    let wishes: Vec<_> =
        (0..arguments.clients).map(|client| wish(&site, &gateways, client, load.correlations)).collect();
    let clients = match load.way {
        Way::Http2(on_each) => open_http2(wishes, on_each).await?,
        Way::Journal | Way::Inbox => Clients::open(wishes).await?,
    };
    tokio::time::sleep(REST).await;
    let idle = together(&gateways)?;
    let sent = send(&site, load, arguments.seconds).await?;
    let deliveries = sent.len() * arguments.clients / load.correlations;
    let start = Instant::now();
    while clients.got() < deliveries && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let after = together(&gateways)?;
    let got = clients.end().await;
    ensure!(got.len() == deliveries, "{} deliveries of {deliveries}", got.len());
    for gateway in gateways {
        gateway.end().await?;
    }
    let took = got.iter().filter_map(|(position, at)| {
        let nth = usize::try_from(position.checked_sub(HISTORY + 1)?).ok()?;
        Some(at.duration_since(*sent.get(nth)?))
    });
    Ok(Served {
        times: took.collect(),
        idle: per(idle.resident.saturating_sub(before.resident), arguments.clients),
        after: per(after.resident.saturating_sub(before.resident), arguments.clients),
        resident: per(after.resident, 1) / 1_024.0,
        cpu: (after.cpu_seconds - idle.cpu_seconds) * 1_000.0 / number(deliveries),
    })
}

fn wish(site: &Site, gateways: &[Gateway], client: usize, correlations: usize) -> Wish {
    let of = |index: usize| gateways.get(index % gateways.len()).map(|gateway| gateway.address);
    let token = site.tokens.get(client % site.tokens.len()).cloned().unwrap_or_default();
    let number = u64::try_from(client % correlations).unwrap_or_default();
    Wish {
        // Those of one correlation are at both.
        gateway: of(client / correlations).unwrap_or_else(|| ([127, 0, 0, 1], 1).into()),
        path: format!("/events/stream?correlationId={}", correlation(number)),
        token,
        last_id: None,
    }
}

/// Sends, at the rate; when each event was sent.
async fn send(site: &Site, load: Load, seconds: u32) -> Result<Vec<Instant>> {
    let mut tick = tokio::time::interval(Duration::from_secs(1) / load.rate);
    let mut sent = Vec::new();
    for nth in 0..u64::from(load.rate * seconds) {
        tick.tick().await;
        let correlation = correlation(nth % u64::try_from(load.correlations)?);
        if load.way == Way::Inbox {
            let (body, entry) = signed(site, HISTORY + 1 + nth, &correlation)?;
            sent.push(Instant::now());
            site.ground.sqs.send_all(&[body]);
            let journal = site.journal.clone();
            tokio::spawn(async move {
                tokio::time::sleep(JOURNALLED_AFTER).await;
                journal.append_entry(&entry);
            });
        } else {
            site.journal.append(&correlation);
        }
    }
    Ok(if load.way == Way::Inbox { sent } else { site.journal.came() })
}

/// An event as the queue has it, and as the journal.
fn signed(site: &Site, position: u64, correlation: &str) -> Result<(String, Value)> {
    let nth = u32::try_from(position)?;
    let facts = EventFacts {
        source: &"qsl.payment".parse()?,
        detail_type: &"Payment.Initiated.v1".parse()?,
        resource: &resource(position).parse()?,
        trace: &Trace::new(correlation.parse()?).with("userId", "u-5")?.with("tenantId", "north")?,
        detail_core: &payment(nth, 1_024).to_string(),
    };
    let body = site.key.deliver(facts, Jti::parse(&format!("0d9c39a8-5b3e-4d0a-9c33-0000{nth:08x}"))?)?;
    let parts: Value = serde_json::from_str(&body)?;
    let part = |name: &str| parts.get(name).context("a body without a part");
    let verified = site.ground.verify(&json!({
        "Detail": part("detail")?.to_string(), "DetailType": part("detail-type")?, "Source": part("source")?,
        "Resources": part("resources")?,
    }))?;
    let mut entry: Value = serde_json::from_str(Event::from_verified(&verified)?.json.as_ref())?;
    entry.as_object_mut().context("an entry is an object")?.insert("position".to_owned(), position.into());
    Ok((body, entry))
}

/// What coming back costs.
#[derive(Debug, Clone, Copy)]
pub struct Resumed {
    pub times: Times,
    /// Milliseconds of CPU.
    pub cpu: f64,
}

/// Comes back again and again, having missed so many of all events.
pub async fn resume(arguments: &Arguments, missed: u64, times: usize) -> Result<Resumed> {
    let site = Site::new(arguments).await?;
    let gateways = [site.gateway().await?];
    for nth in 0..100 {
        site.journal.append(&correlation(nth));
    }
    tokio::time::sleep(REST).await;
    let before = together(&gateways)?;
    let mut took = Vec::new();
    for client in 0..times {
        let back = Wish {
            last_id: Some(format!("{GENERATION}.{}", site.journal.end() - missed)),
            ..wish(&site, &gateways, client, arguments.correlations)
        };
        let start = Instant::now();
        drop(open(&back).await?);
        took.push(start.elapsed());
    }
    let cpu = (together(&gateways)?.cpu_seconds - before.cpu_seconds) * 1_000.0 / number(times);
    for gateway in gateways {
        gateway.end().await?;
    }
    Ok(Resumed { times: took.into_iter().collect(), cpu })
}

pub fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Kibibytes of each.
fn per(bytes: u64, clients: usize) -> f64 {
    u32::try_from(bytes / 1_024).map_or(f64::MAX, f64::from) / number(clients)
}
