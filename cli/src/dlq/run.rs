//! What redrive and drop do: over every letter that is meant, one after the other, until there are no more or somebody
//! interrupts. Between two letters, so what was begun is finished; the next run goes on with what is left.

use std::collections::HashMap;
use std::time::Duration;

use eventing::consumer::ports::BATCH;
use sha2::{Digest as _, Sha256};

use super::filter::Filter;
use super::letter::Letter;
use super::ports::Queues;
use super::redrive::{Mover, Outcome};
use super::scan::Scan;
use crate::failure::Failure;
use crate::resend::ports::Grants;
use crate::resend::stopped;

/// How long what is only looked at is hidden: the redrive role may not give it back earlier.
pub const LOOK: Duration = Duration::from_secs(30);
/// How long what may be moved or deleted is hidden: time for the slowest of a batch.
pub const WORK: Duration = Duration::from_secs(90);

/// How many became what.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Sent to the inbox, or deleted; in a dry run, what would be.
    pub done: usize,
    /// Meant, and left where they are.
    pub left: usize,
    /// Not meant.
    pub others: usize,
}

/// What a run is told, and whom it tells.
pub struct Run<'a, Q> {
    /// The queues.
    pub queues: &'a Q,
    /// The letters of them.
    pub scan: Scan,
    /// Which of the letters are meant.
    pub filter: &'a Filter,
    /// After how many it ends.
    pub limit: Option<usize>,
    /// How many are received at a time.
    pub batch: usize,
    /// What became of them so far.
    pub tally: Tally,
    /// What was sent, by the hash of its body, and how often it had been then.
    sent: HashMap<[u8; 32], u32>,
}

impl<'a, Q: Queues> Run<'a, Q> {
    /// Over all letters that are meant.
    pub fn new(queues: &'a Q, fifo: bool, filter: &'a Filter, hidden: Duration) -> Self {
        let scan = Scan::new(fifo, hidden);
        Self { queues, scan, filter, limit: None, batch: BATCH, tally: Tally::default(), sent: HashMap::new() }
    }

    /// Brings them back, each at its turn, and tells what became of it.
    ///
    /// # Errors
    /// Why it ended before the last.
    pub async fn redrive<G: Grants>(
        &mut self,
        mover: &Mover<'_, Q, G>,
        turn: &mut impl AsyncFnMut(),
        interrupted: impl Future<Output = ()>,
        told: &mut impl FnMut(&Letter, &Outcome) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let failed = stopped("bring dead letters back");
        let mut interrupted = std::pin::pin!(interrupted);
        loop {
            let letters = tokio::select! {
                biased;
                () = &mut interrupted => return Err(interruption()),
                letters = self.scan.next(self.queues, self.batch) => letters.map_err(|error| failed(error.into()))?,
            };
            if letters.is_empty() {
                return Ok(());
            }
            for letter in &letters {
                if !self.filter.takes(letter) || self.came_back(letter) {
                    self.tally.others += 1;
                    continue;
                }
                if self.limit.is_some_and(|limit| self.tally.done >= limit) {
                    return Ok(());
                }
                tokio::select! {
                    biased;
                    () = &mut interrupted => return Err(interruption()),
                    () = turn() => {}
                }
                let outcome = mover.move_letter(letter).await.map_err(&failed)?;
                if matches!(outcome, Outcome::Left(_)) {
                    self.tally.left += 1;
                } else {
                    self.tally.done += 1;
                    self.sent.insert(hash(letter), letter.redrives);
                }
                told(letter, &outcome)?;
            }
        }
    }

    /// Whether this run sent it, and it was refused since: a handler that refuses an event at once would have it again and
    /// again, without an end.
    fn came_back(&self, letter: &Letter) -> bool {
        self.sent.get(&hash(letter)).is_some_and(|redrives| letter.redrives > *redrives)
    }

    /// Deletes them, unless it is a dry run, and tells of each.
    ///
    /// # Errors
    /// Why it ended before the last.
    pub async fn drop(
        &mut self,
        dry: bool,
        told: &mut impl FnMut(&Letter) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let failed = stopped("drop dead letters");
        loop {
            let letters = self.scan.next(self.queues, self.batch).await.map_err(|error| failed(error.into()))?;
            if letters.is_empty() {
                return Ok(());
            }
            for letter in &letters {
                if !self.filter.takes(letter) {
                    self.tally.others += 1;
                    continue;
                }
                if !dry {
                    let deleted = self.queues.delete(letter.place, &letter.message.receipt).await;
                    deleted.map_err(|error| failed(error.into()))?;
                }
                self.tally.done += 1;
                told(letter)?;
            }
        }
    }
}

fn hash(letter: &Letter) -> [u8; 32] {
    Sha256::digest(letter.message.body.as_bytes()).into()
}

fn interruption() -> Failure {
    Failure::Remote { doing: "finish".to_owned(), why: "it was interrupted; run it again to go on".to_owned() }
}

/// As many at a time as are moved well before they are visible to others again.
pub fn batch(rate: f64) -> usize {
    let in_time = rate * WORK.as_secs_f64() / 3.0;
    (1..BATCH).find(|count| f64::from(u32::try_from(*count).unwrap_or(1)) >= in_time).unwrap_or(BATCH)
}
