//! How fast messages are sent.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// How many a second, as people give it.
pub fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if (0.01..=1_000.0).contains(&rate) { Ok(rate) } else { Err("must be between 0.01 and 1000 a second".to_owned()) }
}

/// Ticks so often in a second; what was missed is not made up for.
pub fn pace(rate: f64) -> Interval {
    let mut pace = interval(Duration::from_secs_f64(1.0 / rate));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
