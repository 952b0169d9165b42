//! The single writer: events that arrive together are written in one transaction, and each is answered after its
//! commit.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use eventing::time::Millis;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::event::NewEvent;
use crate::observe::Metrics;
use crate::store::{Appended, EventStore, StoreError};

/// How long a batch waits before it is tried again, at first and at last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What one transaction may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events at most.
    pub events: usize,
    /// Bytes, about: the engine holds a transaction in memory.
    pub bytes: usize,
    /// How long the first event waits for others.
    pub wait: Duration,
    /// How long it may take before nothing more is received meanwhile.
    pub slow: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 200, bytes: 4 << 20, wait: Duration::from_millis(5), slow: Duration::from_secs(2) }
    }
}

/// The event is not on disk, although the database takes others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal's database does not take this event")]
pub struct NotRecorded;

struct Submission {
    event: NewEvent,
    answer: Answer,
}

/// Takes events; clones share one writer.
#[derive(Clone, Debug)]
pub struct Recorder {
    submissions: mpsc::Sender<Submission>,
    writing: watch::Receiver<bool>,
}

/// The writer. It ends when the last [`Recorder`] is gone.
pub struct Writer {
    submissions: mpsc::Receiver<Submission>,
    store: Arc<dyn EventStore>,
    end: watch::Sender<u64>,
    writing: watch::Sender<bool>,
    metrics: Metrics,
    limits: Limits,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Recorder {
    /// A recorder and its writer. The watched value is the last position on disk.
    pub async fn new(
        store: Arc<dyn EventStore>,
        metrics: Metrics,
        limits: Limits,
    ) -> Result<(Self, Writer, watch::Receiver<u64>), StoreError> {
        let position = store.end().await?;
        metrics.opened(position);
        let (end, watched) = watch::channel(position);
        let (submit, submissions) = mpsc::channel(limits.events.saturating_mul(4));
        let (writing, watched_writing) = watch::channel(true);
        let writer = Writer { submissions, store, end, writing, metrics, limits };
        Ok((Self { submissions: submit, writing: watched_writing }, writer, watched))
    }

    /// Records an event; on return it is on disk. Dropped, the event is recorded all the same, or not at all.
    pub async fn record(&self, event: NewEvent) -> Result<(), NotRecorded> {
        let (answer, answered) = oneshot::channel();
        self.submissions.send(Submission { event, answer }).await.map_err(|_| NotRecorded)?;
        answered.await.map_err(|_| NotRecorded)?
    }

    /// Whether the database takes writes, as it changes.
    pub fn writing(&self) -> watch::Receiver<bool> {
        self.writing.clone()
    }
}

type Answer = oneshot::Sender<Result<(), NotRecorded>>;

impl Writer {
    /// Writes until the last recorder is gone.
    pub async fn run(mut self) {
        while let Some(first) = self.next().await {
            let (events, answers) = self.collect(first).await;
            self.settle(&events, answers).await;
        }
    }

    /// The next event. As long as the database is not known to take writes, none may come: so it is asked.
    async fn next(&mut self) -> Option<Submission> {
        let mut pause = FIRST_PAUSE;
        while !*self.writing.borrow() {
            if let Ok(next) = timeout(pause, self.submissions.recv()).await {
                return next;
            }
            if self.store.probe().await.is_ok() {
                self.writing.send_replace(true);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.submissions.recv().await
    }

    async fn collect(&mut self, first: Submission) -> (Vec<NewEvent>, Vec<Answer>) {
        let until = Instant::now() + self.limits.wait;
        let mut bytes = first.event.size();
        let (mut events, mut answers) = (vec![first.event], vec![first.answer]);
        while events.len() < self.limits.events && bytes < self.limits.bytes {
            let Ok(Some(next)) = timeout_at(until, self.submissions.recv()).await else { break };
            bytes = bytes.saturating_add(next.event.size());
            events.push(next.event);
            answers.push(next.answer);
        }
        (events, answers)
    }

    /// Writes a batch and answers each of its events. While the database takes nothing at all, the batch is held and
    /// tried again: its messages are ours as long as they are waited for. When it takes other writes but not this
    /// batch, each event is tried alone, so that one it refuses does not stop the rest.
    async fn settle(&self, events: &[NewEvent], answers: Vec<Answer>) {
        let outcome = self.write(events, &answers).await;
        if outcome.is_ok() || events.len() == 1 {
            answer(answers, outcome);
            return;
        }
        for (event, sender) in events.iter().zip(answers) {
            let alone = vec![sender];
            let outcome = self.write(std::slice::from_ref(event), &alone).await;
            answer(alone, outcome);
        }
    }

    async fn write(&self, events: &[NewEvent], answers: &[Answer]) -> Result<(), NotRecorded> {
        let (mut pause, mut doubted) = (FIRST_PAUSE, false);
        loop {
            let begun = Instant::now();
            let error = match self.watch(self.store.append(events)).await {
                Ok(appended) => {
                    self.wrote(events, appended, begun.elapsed());
                    return Ok(());
                }
                Err(error) => error,
            };
            self.metrics.failed(&error, events.len());
            if error.may_be_for_what_was_written() && self.watch(self.store.probe()).await.is_ok() {
                // The database may have been away for a moment, and these events are as good as others.
                if std::mem::replace(&mut doubted, true) {
                    return Err(NotRecorded);
                }
                continue;
            }
            self.writing.send_replace(false);
            if answers.iter().all(oneshot::Sender::is_closed) {
                return Err(NotRecorded);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits for the database. While it is slow, nothing more is received.
    async fn watch<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Ok(done) = timeout(self.limits.slow, &mut work).await {
            return done;
        }
        self.metrics.slow(self.limits.slow);
        self.writing.send_replace(false);
        work.await
    }

    fn wrote(&self, events: &[NewEvent], appended: Appended, took: Duration) {
        let now = Millis::now();
        self.metrics.wrote(appended, took);
        for event in events {
            self.metrics.recorded(event.sent_at, now);
        }
        self.end.send_if_modified(|end| {
            let moved = appended.end > *end;
            *end = appended.end.max(*end);
            moved
        });
        self.writing.send_if_modified(|writing| !std::mem::replace(writing, true));
    }
}

/// Whoever gave up waiting will see the event again, as a copy.
fn answer(answers: Vec<Answer>, outcome: Result<(), NotRecorded>) {
    for answer in answers {
        let _ = answer.send(outcome);
    }
}

#[cfg(test)]
mod tests;
