//! How long to wait after failures in a row.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::Pace;

/// The longest pause between two tries.
pub const LONGEST: Duration = Duration::from_mins(5);

/// The pause after the `failures`-th failure in a row (from 1), for a `dice` in `0.0..1.0`: doubling, and jittered by
/// a half either way, so that what failed together does not come back together.
pub fn pause(failures: u32, pace: Pace, dice: f64) -> Duration {
    let base = match pace {
        Pace::Quick => Duration::from_secs(1),
        Pace::Slow => Duration::from_secs(15),
    };
    let doubled = base.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)));
    doubled.min(LONGEST).mul_f64(0.5 + dice.clamp(0.0, 1.0))
}

/// `period`, a tenth more or less, for a `dice` in `0.0..1.0`.
pub fn spread(period: Duration, dice: f64) -> Duration {
    period.mul_f64(0.9 + 0.2 * dice.clamp(0.0, 1.0))
}

/// Failures in a row, by uid.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<String, u32>>);

impl Attempts {
    /// Counts one more, and says how many that makes.
    pub fn failed(&self, uid: &str) -> u32 {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = attempts.entry(uid.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Forgets them.
    pub fn succeeded(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_five_minutes() {
        let pauses: Vec<u64> = (1..=12).map(|n| pause(n, Pace::Quick, 0.5).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(pause(u32::MAX, Pace::Slow, 1.0), LONGEST.mul_f64(1.5));
    }

    #[test]
    fn dice_move_it_by_a_half_either_way() {
        assert_eq!(pause(1, Pace::Quick, 0.0), Duration::from_millis(500));
        assert_eq!(pause(1, Pace::Quick, 1.0), Duration::from_millis(1500));
    }

    #[test]
    fn a_success_starts_the_count_anew() {
        let attempts = Attempts::default();
        assert_eq!((attempts.failed("a"), attempts.failed("a"), attempts.failed("b")), (1, 2, 1));
        attempts.succeeded("a");
        assert_eq!(attempts.failed("a"), 1);
    }
}
