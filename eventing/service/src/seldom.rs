//! A line that strangers can cause as often as they like is written once a second, with how many were left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const BETWEEN: Duration = Duration::from_secs(1);

/// Says whether a line is written now.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    left_out: u64,
}

impl Seldom {
    /// How many lines were left out since the last one, if this one is to be written; else it is left out too.
    pub fn left_out(&self) -> Option<u64> {
        self.left_out_at(Instant::now())
    }

    fn left_out_at(&self, now: Instant) -> Option<u64> {
        // Nothing panics while it is held.
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.is_some_and(|last| now.saturating_duration_since(last) < BETWEEN) {
            said.left_out += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_says_how_many_there_were() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let at = |millis| seldom.left_out_at(start + Duration::from_millis(millis));
        assert_eq!(
            [at(0), at(0), at(999), at(1_000), at(1_500), at(5_000)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
        assert_eq!(at(6_000), Some(0));
    }
}
