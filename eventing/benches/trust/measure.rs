//! The clock, in turns. It counts the time on a CPU, so that what others take of the machine is not in it.

use std::hint::black_box;

use anyhow::{Result, ensure};
use cpu_time::ThreadTime;
use stats_alloc::Region;

use crate::ALLOCATOR;
use crate::events::Events;

/// What was found for one algorithm and size.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Decode, canonicalise, verify: microseconds.
    pub whole: Times,
    /// The primitive alone: microseconds.
    pub bare: Times,
    /// Events a second of CPU.
    pub per_second: f64,
    /// Allocations of one verification.
    pub allocations: f64,
    /// Bytes allocated in one verification.
    pub allocated_bytes: f64,
}

/// Of many times in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The middle one.
    pub median: f64,
    /// That of which 95 in 100 are not longer.
    pub p95: f64,
}

/// Measures one kind of event.
pub fn measure(events: &Events, rounds: usize) -> Result<Measured> {
    for nth in 0..rounds / 10 {
        ensure!(events.verify_bare(nth), "a good signature is refused");
        events.verify(nth)?;
    }
    let (mut whole, mut bare) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    // In turns, so that what disturbs the machine falls on both.
    for nth in 0..rounds {
        let begin = ThreadTime::now();
        let held = black_box(events.verify_bare(black_box(nth)));
        let between = ThreadTime::now();
        let verified = black_box(events.verify(black_box(nth)));
        whole.push(between.elapsed());
        bare.push(between.duration_since(begin));
        ensure!(held && verified.is_ok(), "a good event is refused");
    }
    let begin = ThreadTime::now();
    for nth in 0..rounds {
        black_box(events.verify(black_box(nth)))?;
    }
    let seconds = begin.elapsed().as_secs_f64();
    let region = Region::new(ALLOCATOR);
    let counted = rounds.min(320);
    for nth in 0..counted {
        black_box(events.verify(black_box(nth)))?;
    }
    let change = region.change();
    Ok(Measured {
        body_bytes: events.bodies.first().map_or(0, Vec::len),
        whole: times(whole.iter().map(|time| time.as_secs_f64() * 1e6).collect()),
        bare: times(bare.iter().map(|time| time.as_secs_f64() * 1e6).collect()),
        per_second: float(rounds) / seconds,
        allocations: float(change.allocations + change.reallocations) / float(counted),
        allocated_bytes: float(change.bytes_allocated) / float(counted),
    })
}

fn times(mut times: Vec<f64>) -> Times {
    times.sort_by(f64::total_cmp);
    let at = |hundredths: usize| times.get(times.len() * hundredths / 100).copied().unwrap_or_default();
    Times { median: at(50), p95: at(95) }
}

fn float(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
