//! Signed events, as EventBridge puts them into a queue.

use anyhow::{Context as _, Result};
use bench_figures::payment::payment;
use eventing::envelope::Trace;
use eventing::signing::{EventFacts, SignedEvent};
use eventing::types::Jti;
use sidecar_ground::Key;

pub const SOURCE: &str = "qsl.payment";
pub const DETAIL_TYPE: &str = "Payment.Initiated.v1";
pub const RESOURCE: &str = "urn:qsl:paymentgateway:payment:p-700445";
/// Bytes of `detailCore`.
pub const SIZE: usize = 2_048;

/// The `nth` event; its correlation is `c-{nth}`.
pub fn event(key: &Key, nth: u32) -> Result<SignedEvent> {
    with_facts(nth, |facts, jti| key.sign(facts, jti))
}

/// The bodies of so many events, as a queue gives them. Signed by every core: it takes a while.
pub fn bodies(key: &Key, count: u32) -> Result<Vec<String>> {
    let workers = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let each = count.div_ceil(workers);
    std::thread::scope(|scope| {
        let ranges = (0..workers).map(|worker| worker * each..((worker + 1) * each).min(count));
        let works: Vec<_> = ranges
            .map(|range| scope.spawn(move || range.map(|nth| body(key, nth)).collect::<Result<Vec<_>>>()))
            .collect();
        let mut bodies = Vec::new();
        for work in works {
            bodies.extend(work.join().ok().context("signing panicked")??);
        }
        Ok(bodies)
    })
}

fn body(key: &Key, nth: u32) -> Result<String> {
    with_facts(nth, |facts, jti| key.deliver(facts, jti))
}

fn with_facts<T>(nth: u32, sign: impl FnOnce(EventFacts<'_>, Jti) -> Result<T>) -> Result<T> {
    let facts = EventFacts {
        source: &SOURCE.parse()?,
        detail_type: &DETAIL_TYPE.parse()?,
        resource: &RESOURCE.parse()?,
        trace: &Trace::new(format!("c-{nth}").parse()?).with("userId", "u-5")?.with("tenantId", "t-1")?,
        detail_core: &payment(nth, SIZE).to_string(),
    };
    sign(facts, Jti::parse(&format!("0d9c39a8-5b3e-4d0a-9c33-0000{nth:08x}"))?)
}

/// The `nth` of a correlation.
pub fn nth(correlation: &str) -> Option<usize> {
    correlation.strip_prefix("c-")?.parse().ok()
}
