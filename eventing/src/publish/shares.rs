//! Whose events are which in a round that several requests share.

use tokio::sync::oneshot;

use super::publisher::{Outcome, Placed, PublishError};
use super::rounds::Waiting;
use crate::types::{Jti, Kid};

/// The requests of a round, in the order of its events.
#[derive(Debug)]
pub(super) struct Shares {
    owners: Vec<usize>,
    placed: Vec<Placed>,
    requests: Vec<Share>,
}

#[derive(Debug)]
struct Share {
    first: usize,
    events: usize,
    /// How many of its events have no outcome yet.
    left: usize,
    answer: Option<oneshot::Sender<Result<Vec<Placed>, PublishError>>>,
}

impl Shares {
    pub(super) fn new(round: Vec<Waiting>) -> Self {
        let (mut owners, mut requests) = (Vec::new(), Vec::with_capacity(round.len()));
        for (owner, waiting) in round.into_iter().enumerate() {
            let (first, events) = (owners.len(), waiting.asks.len());
            owners.extend(std::iter::repeat_n(owner, events));
            requests.push(Share { first, events, left: events, answer: Some(waiting.answer) });
        }
        Self { placed: Vec::with_capacity(owners.len()), owners, requests }
    }

    /// The next event of the round is signed.
    pub(super) fn signed(&mut self, jti: Jti, kid: Kid) {
        self.placed.push(Placed { jti, kid, outcome: Outcome::NotSent("not put yet".to_owned()) });
    }

    /// Which request an event is of.
    pub(super) fn owner(&self, index: usize) -> Option<usize> {
        self.owners.get(index).copied()
    }

    /// Notes outcomes, by the events' places in the round, and answers each request that has all of its own.
    pub(super) fn settle(&mut self, settled: Vec<(usize, Outcome)>) {
        for (index, outcome) in settled {
            let owner = self.owner(index);
            let Some(placed) = self.placed.get_mut(index) else { continue };
            placed.outcome = outcome;
            let Some(share) = owner.and_then(|owner| self.requests.get_mut(owner)) else { continue };
            share.left = share.left.saturating_sub(1);
            if share.left == 0
                && let Some(answer) = share.answer.take()
            {
                let own = self.placed.get(share.first..share.first + share.events).unwrap_or_default();
                // Who is gone needs no answer.
                let _ = answer.send(Ok(own.to_vec()));
            }
        }
    }
}
