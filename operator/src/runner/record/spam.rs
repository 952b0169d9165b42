//! How many Events an object gets: a few at once, then one a while, as client-go bounds its own. Warnings count by
//! themselves: what wants a person is not lost in a flood of plain news. Pure.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// So many at once: more than any honest course of one object's life.
const BURST: u32 = 25;
/// Then one in so long.
const REFILL: Duration = Duration::from_mins(1);
/// Past so many objects, those that have their full burst again are forgotten.
const REMEMBERED: usize = 4096;

/// When each object's burst is whole again, by uid, of warnings and of the rest.
#[derive(Debug, Default)]
pub(super) struct Spam(HashMap<(String, bool), Instant>);

impl Spam {
    /// Whether one more Event on the object goes through at `now`.
    pub(super) fn lets_through(&mut self, uid: &str, warning: bool, now: Instant) -> bool {
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, whole| *whole > now);
        }
        let whole = self.0.entry((uid.to_owned(), warning)).or_insert(now);
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
        let through = (0..100).filter(|_| spam.lets_through("a", false, now)).count();
        assert_eq!(through, 25);
        assert!(spam.lets_through("b", false, now));
        assert!(!spam.lets_through("a", false, now + REFILL / 2));
        assert!(spam.lets_through("a", false, now + REFILL));
        assert!(!spam.lets_through("a", false, now + REFILL));
    }

    #[test]
    fn a_warning_goes_through_however_much_else_was_told_and_warnings_have_a_burst_of_their_own() {
        let (mut spam, now) = (Spam::default(), Instant::now());
        let through = [false, true].map(|warning| (0..100).filter(|_| spam.lets_through("a", warning, now)).count());
        assert_eq!(through, [25, 25]);
    }

    #[test]
    fn what_is_whole_again_is_forgotten() {
        let (mut spam, now) = (Spam::default(), Instant::now());
        (0..REMEMBERED).for_each(|n| assert!(spam.lets_through(&n.to_string(), false, now)));
        assert!(spam.lets_through("new", false, now + REFILL * 2));
        assert_eq!(spam.0.len(), 1);
    }
}
