//! A steady rate of requests that does not wait for answers. A request's time counts from the moment it should have
//! begun: where the service or this machine falls behind, what waits is counted too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use eventing::publish::{Signer as _, ToSign};
use eventing::types::BusId;
use eventing_http::HttpSigner;
use tokio::runtime::Handle;

/// What is asked for, and how often.
pub struct Load {
    /// On which bus.
    pub bus: BusId,
    /// The batches, in turns.
    pub batches: Vec<Arc<[ToSign]>>,
    /// Requests a second.
    pub rate: u32,
    /// How many that are counted.
    pub requests: usize,
}

/// Of many times in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The middle one.
    pub median: f64,
    /// That of which 95 in 100 are not longer.
    pub p95: f64,
    /// That of which 99 in 100 are not longer.
    pub p99: f64,
}

impl Load {
    /// Asks; a second of it is not counted. One that is refused ends the run.
    pub fn run(&self, signer: &HttpSigner, runtime: &Handle) -> Result<Times> {
        let warming = usize::try_from(self.rate)?;
        let start = Instant::now() + Duration::from_millis(100);
        let mut asked = Vec::with_capacity(warming + self.requests);
        for nth in 0..warming + self.requests {
            let intended = start + Duration::from_secs(1) / self.rate * u32::try_from(nth)?;
            // This thread does nothing else: a timer of the runtime would come up to a millisecond late.
            std::thread::sleep(intended.saturating_duration_since(Instant::now()));
            let batch = self.batches.get(nth % self.batches.len()).ok_or_else(|| anyhow!("no batch"))?;
            let (signer, bus, batch) = (signer.clone(), self.bus.clone(), Arc::clone(batch));
            asked.push(runtime.spawn(async move {
                let signed = signer.sign(&bus, &batch).await?;
                let time = intended.elapsed();
                anyhow::ensure!(signed.len() == batch.len(), "{} of {} are signed", signed.len(), batch.len());
                Ok(time)
            }));
        }
        let times = runtime.block_on(futures::future::try_join_all(asked))?;
        let times: Result<Vec<Duration>> = times.into_iter().skip(warming).collect();
        Ok(of(times?.into_iter().map(|time| time.as_secs_f64() * 1e3).collect()))
    }
}

/// Their middle and their slow ends.
pub fn of(mut times: Vec<f64>) -> Times {
    times.sort_by(f64::total_cmp);
    let at = |hundredths: usize| times.get(times.len() * hundredths / 100).copied().unwrap_or_default();
    Times { median: at(50), p95: at(95), p99: at(99) }
}
