//! The runs that publish.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench_figures::payment::payment;
use reqwest::Client;
use serde_json::json;
use sidecar_ground::Key;

use crate::app::App;
use crate::events::{DETAIL_TYPE, RESOURCE, SIZE, SOURCE};
use crate::site::{Sidecar, Site};
use bench_figures::times::Times;

/// Callers at once, when as much is published as goes.
const CALLERS: usize = 16;

/// What publishing took.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// One event a POST, at a rate.
    pub at_a_rate: Times,
    /// As many as go, one a POST: a second, and a second of CPU.
    pub a_second: f64,
    pub a_cpu_second: f64,
}

pub async fn publish(key: &Arc<Key>, rate: u32, seconds: u32, events: u32) -> Result<Published> {
    let site = Site::new(key, App::default()).await?;
    let sidecar = site.sidecar()?;
    let caller = Caller::new(&sidecar)?;
    for nth in 0..50 {
        caller.post(nth).await?;
    }
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut posts = Vec::new();
    for nth in 0..rate * seconds {
        tick.tick().await;
        let caller = caller.clone();
        posts.push(tokio::spawn(async move { caller.post(nth).await }));
    }
    let mut times = Vec::with_capacity(posts.len());
    for post in posts {
        times.push(post.await??);
    }
    let before = sidecar.usage()?;
    let start = Instant::now();
    let next = Arc::new(AtomicU32::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (caller, next) = (caller.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < events {
                    caller.post(0).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = sidecar.usage()?.cpu_seconds - before.cpu_seconds;
    sidecar.terminate()?;
    sidecar.ended().await?;
    let events = f64::from(events);
    Ok(Published {
        at_a_rate: times.into_iter().collect(),
        a_second: events / seconds,
        a_cpu_second: events / cpu_seconds,
    })
}

/// Who posts, as a service does.
#[derive(Debug, Clone)]
struct Caller {
    http: Client,
    url: String,
    bodies: Arc<[String]>,
}

impl Caller {
    fn new(sidecar: &Sidecar) -> Result<Self> {
        let body = |nth: u32| {
            let trace = json!({"correlationId": format!("c-{nth}"), "userId": "u-5", "tenantId": "t-1"});
            json!({"source": SOURCE, "detailType": DETAIL_TYPE, "resource": RESOURCE, "trace": trace,
                "detailCore": payment(nth, SIZE)})
            .to_string()
        };
        Ok(Self {
            http: Client::builder().no_proxy().tls_certs_only([]).build()?,
            url: format!("http://{}/v1/events", sidecar.listen),
            bodies: (0..32).map(body).collect(),
        })
    }

    async fn post(&self, nth: u32) -> Result<Duration> {
        let nth = usize::try_from(nth)? % self.bodies.len();
        let body = self.bodies.get(nth).cloned().unwrap_or_default();
        let request = self.http.post(&self.url).header("content-type", "application/json").body(body);
        let start = Instant::now();
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.as_u16() == 202, "{status}: {text}");
        Ok(start.elapsed())
    }
}
