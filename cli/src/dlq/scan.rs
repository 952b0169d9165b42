//! Goes through dead letters, each once, until there are no more.
//!
//! What is left alone becomes visible again and comes again, so letters are known by their ids, and the end of a queue is
//! where it gives nothing, or, longer than what was seen can explain, nothing new.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use eventing::consumer::QueueError;
use eventing::consumer::ports::BATCH;

use super::letter::{Letter, Place};
use super::ports::Queues;

/// Receives without a message that say that there is none: one alone may have asked too soon.
const EMPTY: usize = 2;

/// A walk through the queues of an inbox.
#[derive(Debug)]
pub struct Scan {
    places: Vec<Place>,
    hidden: Duration,
    seen: HashSet<Arc<str>>,
    /// Receives without a message, and without a new one, since the last that had one.
    empty: usize,
    stale: usize,
}

impl Scan {
    /// Through the one queue of a standard inbox, or both of a FIFO inbox; what it receives is hidden for that long.
    pub fn new(fifo: bool, hidden: Duration) -> Self {
        // Taken from the end.
        let places = if fifo { vec![Place::Undelivered, Place::Rejected] } else { vec![Place::Rejected] };
        Self { places, hidden, seen: HashSet::new(), empty: 0, stale: 0 }
    }

    /// The next ones, at most `max`; none at the end.
    ///
    /// # Errors
    /// What receiving failed with.
    pub async fn next(&mut self, queues: &impl Queues, max: usize) -> Result<Vec<Letter>, QueueError> {
        while let Some(place) = self.places.last().copied() {
            let received = queues.receive(place, max.clamp(1, BATCH), self.hidden).await?;
            let was_empty = received.is_empty();
            let new: Vec<Letter> = received
                .into_iter()
                .filter(|found| self.seen.insert(found.message.message_id.clone()))
                .map(|found| Letter::read(place, found))
                .collect();
            if !new.is_empty() {
                (self.empty, self.stale) = (0, 0);
                return Ok(new);
            }
            if was_empty {
                self.empty += 1;
            } else {
                self.stale += 1;
            }
            // What was seen may all come again, one at a time at worst, before something new does.
            if self.empty >= EMPTY || self.stale > self.seen.len() {
                self.places.pop();
                (self.empty, self.stale) = (0, 0);
            }
        }
        Ok(Vec::new())
    }
}
