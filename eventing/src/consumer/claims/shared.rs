//! The store that an inbox's consumers share, and whether it is there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Claim, ClaimStore, ClaimStoreAway, Holder};
use crate::config::WhenUnavailable;
use crate::consumer::disposition::backoff;
use crate::consumer::drain::Drain;
use crate::consumer::metrics::ClaimMetrics;
use crate::consumer::one::Draining;
use crate::consumer::seen::SeenKey;

/// How long a store that is away is not asked, where events go on without it.
const LEFT_ALONE: Duration = Duration::from_secs(5);
/// The longest pause between two looks at a claim that another consumer has.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// How long the store may take to answer when the grace period is over.
const LAST_ASK: Duration = Duration::from_secs(1);

/// What is known of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    There,
    /// Since this instant's failure.
    Away(Instant),
}

/// A store of claims, as one consumer sees it.
pub struct SharedClaims {
    store: Arc<dyn ClaimStore>,
    when_unavailable: WhenUnavailable,
    state: watch::Sender<State>,
    metrics: ClaimMetrics,
}

impl fmt::Debug for SharedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedClaims").field("when_unavailable", &self.when_unavailable).finish_non_exhaustive()
    }
}

/// What a claim came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Ours to handle, after so many deliveries.
    Ours(u32),
    /// Handled by whichever consumer.
    Handled,
    /// The store is away, and the inbox would rather have an event twice than wait.
    Unasked,
}

impl SharedClaims {
    pub(super) fn new(store: Arc<dyn ClaimStore>, when_unavailable: WhenUnavailable, metrics: ClaimMetrics) -> Self {
        Self { store, when_unavailable, state: watch::channel(State::Unknown).0, metrics }
    }

    /// Whether messages may be received.
    pub(in crate::consumer) fn is_usable(&self) -> bool {
        self.when_unavailable == WhenUnavailable::DeliverAnyway || *self.state.borrow() == State::There
    }

    /// Asks until messages may be received.
    pub(in crate::consumer) async fn usable(&self) {
        let mut failures = 0;
        while !self.is_usable() {
            if self.ask("probe", self.store.probe()).await.is_err() {
                failures += 1;
                sleep(backoff(failures.min(5), rand::random())).await;
            }
        }
    }

    /// Claims an event; one that another consumer has is waited for.
    pub(super) async fn claim(
        &self,
        holder: &Holder,
        keys: &[SeenKey],
        lapse: Duration,
        drain: &Drain,
    ) -> Result<Outcome, Draining> {
        let (mut failures, mut looks) = (0, 0);
        loop {
            if self.is_left_alone() {
                return Ok(Outcome::Unasked);
            }
            let pause = match self.ask("claim", self.store.claim(holder, keys, lapse)).await {
                Ok(Claim::Ours { attempts }) => return Ok(Outcome::Ours(attempts)),
                Ok(Claim::Handled) => return Ok(Outcome::Handled),
                Ok(Claim::Held { lapses_in }) => {
                    looks += 1;
                    self.metrics.waits(looks == 1);
                    let look = backoff(looks, rand::random()).min(LONGEST_LOOK);
                    look.min(lapses_in.max(Duration::from_millis(500)))
                }
                Err(_) if self.when_unavailable == WhenUnavailable::DeliverAnyway => return Ok(Outcome::Unasked),
                Err(_) => {
                    failures += 1;
                    backoff(failures.min(5), rand::random())
                }
            };
            // Not in the middle of a request: what it may have claimed would lapse unheld.
            tokio::select! {
                biased;
                () = drain.requested() => return Err(Draining),
                () = sleep(pause) => {}
            }
        }
    }

    /// Asks for the claim once more, so that it does not lapse.
    pub(super) async fn renew(&self, holder: &Holder, keys: &[SeenKey], lapse: Duration) {
        // Where it lapsed while the store was away, another may have it by now; the message is still ours.
        let _ = self.ask("renew", self.store.claim(holder, keys, lapse)).await;
    }

    /// The event is handled. Where events wait for the store, this waits too, at most until `abandon`.
    pub(super) async fn confirm(&self, holder: &Holder, keys: &[SeenKey], abandon: &CancellationToken) {
        self.insist("confirm", abandon, || self.store.confirm(holder, keys)).await;
    }

    /// The event is free for others. Where events wait for the store, this waits too, at most until `abandon`.
    pub(super) async fn release(&self, holder: &Holder, keys: &[SeenKey], attempts: u32, abandon: &CancellationToken) {
        self.insist("release", abandon, || self.store.release(holder, keys, attempts)).await;
    }

    async fn insist<'f>(
        &self,
        operation: &'static str,
        abandon: &CancellationToken,
        ask: impl Fn() -> BoxFuture<'f, Result<(), ClaimStoreAway>>,
    ) {
        let mut failures = 0;
        loop {
            let answer = tokio::select! {
                biased;
                answer = self.ask(operation, ask()) => answer,
                () = async { abandon.cancelled().await; sleep(LAST_ASK).await } => return,
            };
            if answer.is_ok() || self.when_unavailable == WhenUnavailable::DeliverAnyway {
                return;
            }
            failures += 1;
            tokio::select! {
                biased;
                () = abandon.cancelled() => return,
                () = sleep(backoff(failures.min(5), rand::random())) => {}
            }
        }
    }

    /// Whether events go on without the store, which did not answer a moment ago.
    fn is_left_alone(&self) -> bool {
        let state = *self.state.borrow();
        self.when_unavailable == WhenUnavailable::DeliverAnyway
            && matches!(state, State::Away(at) if at.elapsed() < LEFT_ALONE)
    }

    async fn ask<T>(
        &self,
        operation: &'static str,
        answer: BoxFuture<'_, Result<T, ClaimStoreAway>>,
    ) -> Result<T, ClaimStoreAway> {
        let answer = answer.await;
        let now = match &answer {
            Ok(_) => State::There,
            Err(error) => {
                self.metrics.failed(operation, error);
                State::Away(Instant::now())
            }
        };
        let before = self.state.send_replace(now);
        let is_there = now == State::There;
        if before != State::There && is_there {
            tracing::info!("the store of claims answers");
        } else if !matches!(before, State::Away(_)) && !is_there {
            tracing::warn!(when_unavailable = ?self.when_unavailable, "the store of claims is away");
        }
        self.metrics.usable(is_there);
        answer
    }
}
