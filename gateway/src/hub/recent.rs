//! What the tail brought lately, so that the inbox's copy is not sent after it.

use std::collections::{HashSet, VecDeque};

use eventing::time::Millis;

use crate::event::ShortKey;

/// Keys remembered.
const CAPACITY: usize = 65_536;
/// Our clock, the signer's and the queue's may differ so much, in milliseconds.
const MARGIN: i64 = 5_000;

/// Keys that the tail brought, complete from a time on.
#[derive(Debug)]
pub(super) struct Recent {
    keys: HashSet<ShortKey>,
    order: VecDeque<(ShortKey, Millis)>,
    complete_from: Millis,
}

impl Recent {
    /// Nothing yet: the tail begins to look at `now`.
    pub(super) fn since(now: Millis) -> Self {
        Self { keys: HashSet::new(), order: VecDeque::new(), complete_from: now }
    }

    pub(super) fn add(&mut self, key: ShortKey, now: Millis) {
        if self.keys.insert(key) {
            self.order.push_back((key, now));
        }
        while self.order.len() > CAPACITY {
            if let Some((oldest, at)) = self.order.pop_front() {
                self.keys.remove(&oldest);
                self.complete_from = at;
            }
        }
    }

    /// Whether the tail certainly has not brought the event. An event born before the memory begins may have been
    /// brought before it.
    pub(super) fn is_news(&self, key: ShortKey, born: Millis) -> bool {
        born > self.complete_from.plus_millis(MARGIN) && !self.keys.contains(&key)
    }
}

#[cfg(test)]
mod tests {
    use eventing::types::EventKey;

    use super::*;

    fn key(name: u32) -> ShortKey {
        let mut bytes = [0; 32];
        for (byte, of) in bytes.iter_mut().zip(name.to_be_bytes()) {
            *byte = of;
        }
        ShortKey::of(EventKey(bytes))
    }

    #[test]
    fn only_what_was_born_well_after_the_memory_began_and_was_not_brought_is_news() {
        let mut recent = Recent::since(Millis(100_000));
        assert!(!recent.is_news(key(1), Millis(99_000)));
        assert!(!recent.is_news(key(1), Millis(105_000)));
        assert!(recent.is_news(key(1), Millis(105_001)));
        recent.add(key(1), Millis(106_000));
        assert!(!recent.is_news(key(1), Millis(105_001)));
    }

    #[test]
    fn what_it_forgets_it_no_longer_calls_news() {
        let mut recent = Recent::since(Millis(0));
        let many = u32::try_from(CAPACITY).unwrap_or(u32::MAX);
        for name in 0..=many {
            recent.add(key(name), Millis(i64::from(name) + 50_000));
        }
        assert!(!recent.is_news(key(0), Millis(40_000)), "forgotten, and older than the memory");
        assert!(!recent.is_news(key(1), Millis(90_000)), "remembered");
        assert!(recent.is_news(key(many + 1), Millis(90_000)));
    }
}
