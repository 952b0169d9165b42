//! The fence: until when this replica may write.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// A write that was not made: this replica does not lead, or its lease is about to pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not written: this replica does not lead (any more); its successor goes on")]
pub struct Fenced;

/// How things stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// Counts terms; a term that ended never comes back.
    term: u64,
    /// Until when the term may write; nothing while there is no term.
    open_until: Option<Instant>,
}

/// Opened by the election, asked by whoever writes. Clones share it.
#[derive(Clone, Debug)]
pub struct Fence(Arc<watch::Sender<State>>);

impl Default for Fence {
    fn default() -> Self {
        Self::closed()
    }
}

impl Fence {
    /// A closed fence.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }

    /// Opens it until `until`, or keeps it open for longer. Where it was closed, or its time had passed, a new term
    /// begins.
    pub fn open_until(&self, until: Instant) {
        let now = Instant::now();
        self.0.send_modify(|state| {
            if state.open_until.is_none_or(|end| end <= now) {
                state.term += 1;
                state.open_until = Some(until);
            } else {
                state.open_until = state.open_until.max(Some(until));
            }
        });
    }

    /// Closes it at once.
    pub fn close(&self) {
        self.0.send_modify(|state| state.open_until = None);
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.0.borrow().open_until.is_some_and(|until| Instant::now() < until)
    }

    /// Waits until it is open, and returns the term.
    pub async fn opened(&self) -> Term {
        let mut states = self.0.subscribe();
        loop {
            let state = *states.borrow_and_update();
            if state.open_until.is_some_and(|until| Instant::now() < until) {
                return Term::begin(self.clone(), state.term);
            }
            // The sender is ours: it cannot be gone.
            let _ = states.changed().await;
        }
    }
}

/// One time of leading without a gap. Clones share it.
#[derive(Clone, Debug)]
pub struct Term {
    fence: Option<Fence>,
    number: u64,
    ended: Arc<Mutex<bool>>,
}

impl Term {
    fn begin(fence: Fence, number: u64) -> Self {
        Self { fence: Some(fence), number, ended: Arc::default() }
    }

    /// A term without an end, where there is no election: in tests and benchmarks.
    pub fn endless() -> Self {
        Self { fence: None, number: 0, ended: Arc::default() }
    }

    /// Which one it is, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether it may write now.
    pub fn check(&self) -> Result<(), Fenced> {
        let Some(fence) = &self.fence else { return Ok(()) };
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let state = *fence.0.borrow();
        let open = state.term == self.number && state.open_until.is_some_and(|until| Instant::now() < until);
        // Once seen closed, it stays closed, whatever the election does next.
        *ended |= !open;
        if *ended {
            return Err(Fenced);
        }
        Ok(())
    }

    /// Waits for the end of the term.
    pub async fn watch(&self) {
        let Some(fence) = &self.fence else { return std::future::pending().await };
        let mut states = fence.0.subscribe();
        while self.check().is_ok() {
            let until = states.borrow_and_update().open_until.unwrap_or_else(Instant::now);
            tokio::select! {
                () = sleep_until(until) => {}
                _ = states.changed() => {}
            }
        }
    }
}

#[cfg(all(test, feature = "paused-clock"))]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn it_closes_by_itself_unless_it_is_kept_open() {
        let fence = Fence::closed();
        assert!(!fence.is_open());
        fence.open_until(Instant::now() + seconds(13));
        let term = fence.opened().await;
        tokio::time::advance(seconds(10)).await;
        fence.open_until(Instant::now() + seconds(13));
        tokio::time::advance(seconds(12)).await;
        assert_eq!(term.check(), Ok(()));
        tokio::time::advance(seconds(1)).await;
        assert_eq!(term.check(), Err(Fenced));
    }

    #[tokio::test(start_paused = true)]
    async fn a_term_that_ended_never_writes_again_even_if_its_replica_leads_again() {
        let fence = Fence::closed();
        fence.open_until(Instant::now() + seconds(13));
        let first = fence.opened().await;
        fence.close();
        // Nobody looked at the first one meanwhile.
        fence.open_until(Instant::now() + seconds(13));
        let second = fence.opened().await;
        assert_eq!((first.check(), second.check()), (Err(Fenced), Ok(())));
        assert_ne!(first.number(), second.number());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_watches_a_term_hears_of_its_end_in_time() {
        let fence = Fence::closed();
        fence.open_until(Instant::now() + seconds(13));
        let term = fence.opened().await;
        let start = Instant::now();
        tokio::join!(term.watch(), async {
            tokio::time::sleep(seconds(5)).await;
            fence.open_until(Instant::now() + seconds(13));
        });
        assert_eq!(start.elapsed(), seconds(18));
        assert_eq!(term.check(), Err(Fenced));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_promise_does_not_shorten_a_longer_one() {
        let fence = Fence::closed();
        fence.open_until(Instant::now() + seconds(13));
        let term = fence.opened().await;
        fence.open_until(Instant::now() + seconds(3));
        tokio::time::advance(seconds(12)).await;
        assert_eq!(term.check(), Ok(()));
    }
}
