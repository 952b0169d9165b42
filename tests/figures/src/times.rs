//! Many times, in a few numbers.

use std::time::Duration;

/// Of many times in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Half were no longer.
    pub p50: f64,
    /// 95 in 100 were no longer.
    pub p95: f64,
    /// 99 in 100 were no longer.
    pub p99: f64,
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut times: Vec<f64> = times.into_iter().map(|time| time.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let at = |hundredths: usize| times.get(times.len() * hundredths / 100).copied().unwrap_or_default();
        Self { p50: at(50), p95: at(95), p99: at(99) }
    }
}
