//! A queue that behaves as SQS does: visibility, receipts that expire, receive counts, redrive by count.
#![allow(clippy::unwrap_used)]

mod claims;
mod key_sets;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::ports::{DeadLetter, Queue, QueueError, Receipt, Received};
use crate::attributes::Attributes;
use crate::fixture::NOW;
use crate::time::Millis;
pub(crate) use claims::FakeClaims;
pub(crate) use key_sets::{FakeKeySets, Mood};

struct Held {
    message: Received,
    visible_at: Instant,
    deleted: bool,
}

#[derive(Default)]
struct State {
    messages: Vec<Held>,
    letters: Vec<DeadLetter>,
    /// Failures for the next calls, by the operation's name.
    failures: VecDeque<(&'static str, QueueError)>,
    hangs: usize,
    receives: usize,
    heartbeats: usize,
    deletes: usize,
}

/// The fake; clones are the same queue.
#[derive(Clone, Default)]
pub(crate) struct FakeQueue {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

const VISIBILITY: Duration = Duration::from_mins(1);

impl FakeQueue {
    pub(crate) fn send(&self, body: &[u8]) -> &Self {
        self.send_to_group(body, None)
    }

    pub(crate) fn send_to_group(&self, body: &[u8], group: Option<&str>) -> &Self {
        self.put(body, group, Attributes::new(), NOW)
    }

    /// A message that entered the queue then, with attributes.
    pub(crate) fn send_at(&self, sent_at: Millis, body: &[u8], attributes: Attributes) -> &Self {
        self.put(body, None, attributes, sent_at)
    }

    fn put(&self, body: &[u8], group: Option<&str>, attributes: Attributes, sent_at: Millis) -> &Self {
        let mut state = self.state.lock().unwrap();
        let id = format!("m-{}", state.messages.len());
        state.messages.push(Held {
            message: Received {
                message_id: Arc::from(id.as_str()),
                receipt: Receipt(Arc::from("")),
                body: Arc::from(std::str::from_utf8(body).unwrap()),
                attributes,
                sent_at,
                receive_count: 0,
                group: group.map(Arc::from),
            },
            visible_at: Instant::now(),
            deleted: false,
        });
        drop(state);
        self.changed.notify_one();
        self
    }

    pub(crate) fn fail_next(&self, operation: &'static str, error: QueueError) {
        self.state.lock().unwrap().failures.push_back((operation, error));
    }

    /// The next receive never answers.
    pub(crate) fn hang_next_receive(&self) {
        self.state.lock().unwrap().hangs += 1;
    }

    /// As if the queue were deleted and made again: what was in it is gone, and receipts of it are of nothing.
    pub(crate) fn make_again(&self) {
        self.state.lock().unwrap().messages.iter_mut().for_each(|held| held.deleted = true);
    }

    pub(crate) fn letters(&self) -> Vec<DeadLetter> {
        self.state.lock().unwrap().letters.clone()
    }

    /// The codes of the dead letters, in order.
    pub(crate) fn codes(&self) -> Vec<String> {
        self.letters().iter().map(|letter| letter.attributes.get("qsl.code").unwrap().clone()).collect()
    }

    pub(crate) fn left(&self) -> usize {
        self.state.lock().unwrap().messages.iter().filter(|held| !held.deleted).count()
    }

    /// How many could be received now.
    pub(crate) fn visible(&self) -> usize {
        let now = Instant::now();
        let state = self.state.lock().unwrap();
        state.messages.iter().filter(|held| !held.deleted && held.visible_at <= now).count()
    }

    pub(crate) fn receives(&self) -> usize {
        self.state.lock().unwrap().receives
    }

    pub(crate) fn heartbeats(&self) -> usize {
        self.state.lock().unwrap().heartbeats
    }

    pub(crate) fn delete_calls(&self) -> usize {
        self.state.lock().unwrap().deletes
    }

    fn failure(&self, operation: &'static str) -> Result<(), QueueError> {
        let mut state = self.state.lock().unwrap();
        match state.failures.front() {
            Some((of, _)) if *of == operation => Err(state.failures.pop_front().unwrap().1),
            _ => Ok(()),
        }
    }

    fn is_to_hang(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let hangs = state.hangs > 0;
        state.hangs = state.hangs.saturating_sub(1);
        hangs
    }

    fn take(&self, max: usize) -> Vec<Received> {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap();
        let ready = state.messages.iter_mut().filter(|held| !held.deleted && held.visible_at <= now).take(max);
        ready
            .map(|held| {
                held.visible_at = now + VISIBILITY;
                held.message.receive_count += 1;
                let receipt = format!("{}#{}", held.message.message_id, held.message.receive_count);
                held.message.receipt = Receipt(Arc::from(receipt.as_str()));
                held.message.clone()
            })
            .collect()
    }

    fn next_visible(&self) -> Option<Instant> {
        let state = self.state.lock().unwrap();
        state.messages.iter().filter(|held| !held.deleted).map(|held| held.visible_at).min()
    }

    fn with<T>(&self, receipt: &Receipt, change: impl FnOnce(&mut Held) -> T) -> Result<T, QueueError> {
        let mut state = self.state.lock().unwrap();
        let held = state.messages.iter_mut().find(|held| held.message.receipt == *receipt && !held.deleted);
        held.map(change).ok_or(QueueError::ReceiptExpired)
    }
}

impl Queue for FakeQueue {
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Received>, QueueError> {
        self.state.lock().unwrap().receives += 1;
        if self.is_to_hang() {
            std::future::pending::<()>().await;
        }
        self.failure("receive")?;
        let end = Instant::now() + wait;
        loop {
            let messages = self.take(max);
            if !messages.is_empty() || Instant::now() >= end {
                return Ok(messages);
            }
            let again = self.next_visible().unwrap_or(end).min(end);
            // Sent or given back meanwhile, or visible again: looked at all the same.
            let _ = timeout_at(again, self.changed.notified()).await;
        }
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        self.state.lock().unwrap().deletes += 1;
        self.failure("delete")?;
        Ok(receipts
            .iter()
            .map(|receipt| {
                self.failure("delete-entry")?;
                self.with(receipt, |held| held.deleted = true)
            })
            .collect())
    }

    async fn change_visibility(&self, receipt: &Receipt, timeout: Duration) -> Result<(), QueueError> {
        self.failure("change_visibility")?;
        if timeout == VISIBILITY {
            self.state.lock().unwrap().heartbeats += 1;
        }
        let changed = self.with(receipt, |held| held.visible_at = Instant::now() + timeout);
        self.changed.notify_one();
        changed
    }

    async fn dead_letter(&self, letter: &DeadLetter) -> Result<(), QueueError> {
        self.failure("dead_letter")?;
        self.state.lock().unwrap().letters.push(letter.clone());
        Ok(())
    }
}
