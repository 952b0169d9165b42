//! The time in an AWS in memory.

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// A time in 2026, at which clocks start.
const START_MILLISECONDS: i64 = 1_790_000_000_000;

/// A clock that tests move. It stands still between their moves, unless it was made to run.
#[derive(Debug)]
pub struct FakeClock {
    milliseconds: AtomicI64,
    running_since: Option<Instant>,
}

impl FakeClock {
    /// A clock that stands.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { milliseconds: AtomicI64::new(START_MILLISECONDS), running_since: None })
    }

    /// A clock that runs as fast as the machine's.
    pub fn running() -> Arc<Self> {
        Arc::new(Self { milliseconds: AtomicI64::new(START_MILLISECONDS), running_since: Some(Instant::now()) })
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        let run = self.running_since.map_or(0, |since| milliseconds(since.elapsed()));
        Timestamp::from_millisecond(self.milliseconds.load(Ordering::SeqCst).saturating_add(run)).unwrap_or_default()
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.milliseconds.fetch_add(milliseconds(by), Ordering::SeqCst);
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
