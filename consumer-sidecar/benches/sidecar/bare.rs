//! What there is nothing below: the same POST without a sidecar, and the signatures alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cpu_time::ThreadTime;
use eventing::algorithm::PublicKey;
use eventing::compact::Compact;
use reqwest::Client;
use sidecar_ground::Key;

use crate::app::App;
use crate::events::{bodies, event};
use crate::site::Site;
use bench_figures::times::Times;

/// From the call of an HTTP client to the handler, at a rate.
pub async fn post(key: &Arc<Key>, rate: u32, seconds: u32) -> Result<Times> {
    let bodies = bodies(key, rate.min(200))?;
    let site = Site::new(key, App::default()).await?;
    let http = Client::builder().no_proxy().tls_certs_only([]).build()?;
    let url = format!("http://{}/events", site.app_address);
    let mut tick = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut begun = Vec::new();
    for (nth, body) in (0..rate * seconds).zip(bodies.iter().cycle()) {
        tick.tick().await;
        let request = http.post(&url).header("qsl-correlation-id", format!("c-{nth}")).body(body.clone());
        begun.push(Instant::now());
        ensure!(request.send().await?.status().is_success(), "the handler refuses");
    }
    let pairs = begun.iter().zip(site.app.came()).skip(20);
    Ok(pairs.filter_map(|(begun, came)| Some(came?.duration_since(*begun))).collect())
}

/// Signatures of such events verified in a second of CPU.
pub fn verifications(key: &Arc<Key>) -> Result<f64> {
    let rounds = 2_000_u32;
    let event = event(key, 0)?;
    let set = key.set("platform/qsl-core".parse()?);
    let jwk = set.keys.first().context("one key")?;
    let public = PublicKey::from_bytes(jwk.algorithm, &jwk.public_key)?;
    let compact = Compact::split(&event.sig_compact)?;
    let begin = ThreadTime::now();
    for _ in 0..rounds {
        ensure!(
            public.verify(std::hint::black_box(compact.signed()), compact.signature()),
            "a good signature is refused"
        );
    }
    Ok(f64::from(rounds) / begin.elapsed().as_secs_f64())
}
