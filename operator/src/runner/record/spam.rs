//! How many Events an object gets: a few at once, then one a while, as client-go bounds its own. Pure.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// So many at once: more than any honest course of one object's life.
const BURST: u32 = 25;
/// Then one in so long.
const REFILL: Duration = Duration::from_mins(1);
/// Past so many objects, those that have their full burst again are forgotten.
const REMEMBERED: usize = 4096;

/// When each object's burst is whole again, by uid.
#[derive(Debug, Default)]
pub(super) struct Spam(HashMap<String, Instant>);

impl Spam {
    /// Whether one more Event on the object goes through at `now`.
    pub(super) fn lets_through(&mut self, uid: &str, now: Instant) -> bool {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, whole| *whole > now);
        }
        let whole = self.0.entry(uid.to_owned()).or_insert(now);
        let after = (*whole).max(now) + REFILL;
        if after > now + REFILL * BURST {
            return false;
        }
        *whole = after;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_gets_a_burst_then_one_a_minute_and_others_are_not_touched() {
        let (mut spam, now) = (Spam::default(), Instant::now());
        let through = (0..100).filter(|_| spam.lets_through("a", now)).count();
        assert_eq!(through, 25);
        assert!(spam.lets_through("b", now));
        assert!(!spam.lets_through("a", now + REFILL / 2));
        assert!(spam.lets_through("a", now + REFILL));
        assert!(!spam.lets_through("a", now + REFILL));
    }

    #[test]
    fn what_is_whole_again_is_forgotten() {
        let (mut spam, now) = (Spam::default(), Instant::now());
        (0..REMEMBERED).for_each(|n| assert!(spam.lets_through(&n.to_string(), now)));
        assert!(spam.lets_through("new", now + REFILL * 2));
        assert_eq!(spam.0.len(), 1);
    }
}
