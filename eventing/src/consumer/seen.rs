//! What this process has already handled, and what it is handling: the in-memory store of deduplication.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// What identifies an event here: its event key, the hash of its grant, or its business key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenKey {
    /// A SHA-256, each purpose over a prefix of its own.
    pub digest: [u8; 32],
    /// How long it is remembered.
    pub ttl: Duration,
}

/// The answer to a claim.
#[derive(Debug)]
pub enum Claim<'a> {
    /// Nobody has it: ours to handle.
    Fresh(Claimed<'a>),
    /// Handled already.
    Handled,
    /// Another copy is in flight: ask again when this changes or closes.
    InFlight(watch::Receiver<()>),
}

/// The right to handle an event. Dropped without [`Claimed::confirm`] it is free again and waiting copies go on.
#[derive(Debug)]
#[must_use]
pub struct Claimed<'a> {
    seen: &'a Seen,
    keys: Vec<SeenKey>,
    confirmed: bool,
}

impl Claimed<'_> {
    /// The handler has it: copies are copies from now on.
    pub fn confirm(mut self) {
        self.confirmed = true;
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        self.seen.settle(&self.keys, self.confirmed);
    }
}

#[derive(Debug)]
enum Entry {
    /// Dropping the sender wakes who waits.
    InFlight {
        _wake: watch::Sender<()>,
        wait: watch::Receiver<()>,
    },
    Handled {
        until: Instant,
    },
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<[u8; 32], Entry>,
    /// Handled keys, oldest first; a key may stand here twice, the later end being the true one.
    order: VecDeque<([u8; 32], Instant)>,
}

/// The newest events handled, bounded in number and each in time.
#[derive(Debug)]
pub struct Seen {
    inner: Mutex<Inner>,
    capacity: usize,
}

impl Seen {
    /// A store of at most `capacity` handled keys.
    pub fn new(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity }
    }

    /// Claims an event by all its keys at once.
    pub fn claim(&self, keys: Vec<SeenKey>) -> Claim<'_> {
        let now = Instant::now();
        let mut inner = self.lock();
        for key in &keys {
            match inner.entries.get(&key.digest) {
                Some(Entry::Handled { until }) if *until > now => return Claim::Handled,
                Some(Entry::InFlight { wait, .. }) => return Claim::InFlight(wait.clone()),
                Some(Entry::Handled { .. }) | None => {}
            }
        }
        let (wake, wait) = watch::channel(());
        for key in &keys {
            inner.entries.insert(key.digest, Entry::InFlight { _wake: wake.clone(), wait: wait.clone() });
        }
        drop(inner);
        Claim::Fresh(Claimed { seen: self, keys, confirmed: false })
    }

    fn settle(&self, keys: &[SeenKey], confirmed: bool) {
        let now = Instant::now();
        let mut inner = self.lock();
        for key in keys {
            if confirmed {
                let until = now + key.ttl;
                inner.entries.insert(key.digest, Entry::Handled { until });
                inner.order.push_back((key.digest, until));
            } else {
                inner.entries.remove(&key.digest);
            }
        }
        while inner.order.len() > self.capacity || inner.order.front().is_some_and(|(_, until)| *until <= now) {
            let Some((digest, end)) = inner.order.pop_front() else { break };
            if matches!(inner.entries.get(&digest), Some(Entry::Handled { until }) if *until <= end) {
                inner.entries.remove(&digest);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often each event was delivered to the handler, since the start of this process: the last hundred thousand
/// events that were not done at the first delivery.
#[derive(Debug, Default)]
pub struct Attempts {
    generations: Mutex<Generations>,
}

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<[u8; 32], u32>,
    old: HashMap<[u8; 32], u32>,
}

const GENERATION: usize = 50_000;

impl Attempts {
    /// Deliveries so far.
    pub fn of(&self, key: &[u8; 32]) -> u32 {
        let generations = self.lock();
        generations.young.get(key).or_else(|| generations.old.get(key)).copied().unwrap_or(0)
    }

    /// Writes down the number of deliveries.
    pub fn set(&self, key: [u8; 32], attempts: u32) {
        let mut generations = self.lock();
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, attempts);
    }

    /// Forgets an event that has come to its end, so that one redriven later starts anew.
    pub fn forget(&self, key: &[u8; 32]) {
        let mut generations = self.lock();
        generations.young.remove(key);
        generations.old.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn key(n: u8) -> SeenKey {
        SeenKey { digest: [n; 32], ttl: Duration::from_hours(1) }
    }

    fn fresh(seen: &Seen, keys: Vec<SeenKey>) -> Claimed<'_> {
        match seen.claim(keys) {
            Claim::Fresh(claimed) => claimed,
            other => panic!("{other:?}"),
        }
    }

    #[cfg(feature = "paused-clock")]
    #[tokio::test(start_paused = true)]
    async fn a_confirmed_event_is_handled_for_its_time() {
        let seen = Seen::new(10);
        fresh(&seen, vec![key(1)]).confirm();
        assert!(matches!(seen.claim(vec![key(1)]), Claim::Handled));
        tokio::time::advance(Duration::from_secs(3601)).await;
        fresh(&seen, vec![key(1)]).confirm();
    }

    #[tokio::test]
    async fn a_copy_waits_and_goes_on_when_the_first_failed() {
        let seen = Seen::new(10);
        let first = fresh(&seen, vec![key(1), key(2)]);
        let Claim::InFlight(mut wait) = seen.claim(vec![key(2)]) else { panic!("not in flight") };
        drop(first);
        assert!(wait.changed().await.is_err());
        drop(fresh(&seen, vec![key(2)]));
    }

    #[tokio::test]
    async fn the_oldest_give_way() {
        let seen = Seen::new(2);
        for n in 1..=3 {
            fresh(&seen, vec![key(n)]).confirm();
        }
        drop(fresh(&seen, vec![key(1)]));
        assert!(matches!(seen.claim(vec![key(3)]), Claim::Handled));
    }

    #[test]
    fn attempts_are_bounded_and_forgotten() {
        let attempts = Attempts::default();
        attempts.set([1; 32], 2);
        assert_eq!(attempts.of(&[1; 32]), 2);
        attempts.forget(&[1; 32]);
        assert_eq!(attempts.of(&[1; 32]), 0);
    }
}
