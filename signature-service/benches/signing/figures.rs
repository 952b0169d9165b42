//! The figures, their goals, and the verdicts.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use bench_figures::{Figure, Report};
use eventing::algorithm::Algorithm;
use eventing::signing::PrivateKey;
use tokio::runtime::Handle;

use crate::Arguments;
use crate::child::Running;
use crate::cluster;
use crate::load::{Load, Times, of};

/// Bytes of `detailCore`.
const SIZE: usize = 2_048;
/// Events a second, one by one or in batches.
const EVENTS_A_SECOND: u32 = 500;
/// Events of a batch.
const BATCH: u32 = 10;
/// Milliseconds of one event.
const P95_OF_ONE: f64 = 2.0;
/// Milliseconds of a batch.
const P95_OF_BATCH: f64 = 4.0;
/// Different events: one alone would teach the machine its bytes.
const DIFFERENT: usize = 32;

/// Measures, prints, writes.
pub fn run(arguments: &Arguments, runtime: &Handle) -> Result<()> {
    let service = Running::start()?;
    let mut figures = Vec::new();
    for algorithm in Algorithm::ALL {
        let alone = alone(algorithm, arguments.rounds)?;
        let name = format!("signing 2 KiB, {algorithm}: the bare signature, p95");
        figures.push(Figure::new(name, alone.p95, "ms", None));
        for (batch, words, goal) in [(1, "one event", P95_OF_ONE), (BATCH, "a batch of ten", P95_OF_BATCH)] {
            let rate = EVENTS_A_SECOND / batch;
            let events = usize::try_from(batch)?;
            let batch = |first| (0..events).map(|nth| cluster::event(algorithm, first * events + nth, SIZE)).collect();
            let load = Load {
                bus: cluster::bus()?,
                batches: (0..DIFFERENT).map(batch).collect::<Result<_>>()?,
                rate,
                requests: arguments.rounds / events,
            };
            let times = load.run(&service.signer()?, runtime)?;
            figures.extend(told(&format!("signing 2 KiB, {algorithm}: {words}, {rate} a second"), times, goal));
        }
    }
    Report::new("trust", figures).tell(arguments.json.as_deref())
}

fn told(what: &str, times: Times, goal: f64) -> [Figure; 3] {
    let Times { median, p95, p99 } = times;
    let new = |name: &str, value, at_most| Figure::new(format!("{what}, {name}"), value, "ms", at_most);
    [new("median", median, None), new("p95", p95, Some(goal)), new("p99", p99, None)]
}

/// The signature by itself, of as many bytes. Its time varies by itself: some are begun anew several times.
fn alone(algorithm: Algorithm, rounds: usize) -> Result<Times> {
    let key = PrivateKey::generate(algorithm)?;
    let mut times = Vec::with_capacity(rounds);
    for nth in 0..rounds {
        let message = format!("{nth:0>width$}", width = SIZE / 3 * 4);
        let begin = Instant::now();
        let signature = black_box(key.sign(black_box(message.as_bytes())));
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        ensure!(signature.is_ok(), "the library does not sign");
    }
    Ok(of(times))
}
