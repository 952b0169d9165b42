//! The queues of an inbox, for tests. They refuse what SQS refuses: batches that it does not take, and receipts of an
//! earlier receive. What was received is hidden until [`FakeQueues::reveal`], and on a FIFO queue so is what is behind it
//! in its group.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use eventing::consumer::{QueueError, Receipt};

use super::letter::{Letter, Place, Writer};
use super::ports::{Found, Queues};
use crate::resend::Outgoing;
pub(crate) use crate::resend::fake::{FakeGrants, attribute};
use crate::resend::fake::{FakeInbox, refuse};
use crate::resend::ports::Sends;

struct Held {
    place: Place,
    found: Found,
    visible: bool,
}

#[derive(Default)]
struct State {
    letters: Vec<Held>,
    /// Failures of the next calls, by the operation's name.
    failures: VecDeque<(&'static str, QueueError)>,
    receives: usize,
}

/// The queues.
#[derive(Default)]
pub(crate) struct FakeQueues {
    inbox: FakeInbox,
    state: RefCell<State>,
    /// What comes of each sending, where the inbox's handler refuses it.
    refused: RefCell<Option<Letter>>,
}

impl FakeQueues {
    pub(crate) fn fifo() -> Self {
        Self { inbox: FakeInbox::fifo(), ..Self::default() }
    }

    pub(crate) fn put(&self, id: &str, letter: &Letter) -> &Self {
        let mut found = Found { message: letter.message.clone(), moved: letter.writer == Writer::Sqs };
        found.message.message_id = Arc::from(id);
        found.message.receive_count = 0;
        self.state.borrow_mut().letters.push(Held { place: letter.place, found, visible: true });
        self
    }

    pub(crate) fn fail_next(&self, operation: &'static str, error: QueueError) {
        self.state.borrow_mut().failures.push_back((operation, error));
    }

    /// The handler refuses everything at once, and this comes of it.
    pub(crate) fn refuse(&self, letter: Letter) {
        self.refused.replace(Some(letter));
    }

    /// As when the time of what was received is over.
    pub(crate) fn reveal(&self) {
        self.state.borrow_mut().letters.iter_mut().for_each(|held| held.visible = true);
    }

    /// The ids of the dead letters that are left.
    pub(crate) fn left(&self) -> Vec<String> {
        self.state.borrow().letters.iter().map(|held| held.found.message.message_id.to_string()).collect()
    }

    pub(crate) fn sent(&self) -> Vec<Outgoing> {
        self.inbox.sent()
    }

    pub(crate) fn receives(&self) -> usize {
        self.state.borrow().receives
    }

    fn failure(&self, operation: &'static str) -> Result<(), QueueError> {
        let mut state = self.state.borrow_mut();
        match state.failures.front() {
            Some((of, _)) if *of == operation => Err(state.failures.pop_front().unwrap().1),
            _ => Ok(()),
        }
    }

    /// Whether a dead-letter queue is FIFO: that of what consumers reject is of its inbox's kind, and EventBridge writes
    /// to standard queues alone.
    fn is_fifo(&self, place: Place) -> bool {
        self.inbox.is_fifo() && place == Place::Rejected
    }
}

impl Queues for FakeQueues {
    async fn receive(&self, place: Place, max: usize, hidden: Duration) -> Result<Vec<Found>, QueueError> {
        self.failure("receive")?;
        refuse(!(1..=10).contains(&max), "MaxNumberOfMessages must be between 1 and 10")?;
        refuse(hidden > Duration::from_hours(12), "VisibilityTimeout must be between 0 and 43200")?;
        refuse(place == Place::Undelivered && !self.inbox.is_fifo(), "a standard inbox has no such queue")?;
        let mut state = self.state.borrow_mut();
        state.receives += 1;
        let (mut taken, mut blocked) = (Vec::new(), HashSet::new());
        for held in state.letters.iter_mut().filter(|held| held.place == place) {
            let group = held.found.message.group.clone().filter(|_| self.is_fifo(place));
            if group.as_ref().is_some_and(|group| blocked.contains(group)) {
                continue;
            }
            if held.visible && taken.len() < max {
                held.visible = false;
                let message = &mut held.found.message;
                message.receive_count += 1;
                message.receipt = Receipt(format!("{}#{}", message.message_id, message.receive_count).into());
                taken.push(held.found.clone());
            } else {
                blocked.extend(group);
            }
        }
        Ok(taken)
    }

    async fn delete(&self, place: Place, receipt: &Receipt) -> Result<(), QueueError> {
        self.failure("delete")?;
        let mut state = self.state.borrow_mut();
        let at = state.letters.iter().position(|held| held.place == place && held.found.message.receipt == *receipt);
        state.letters.remove(at.ok_or(QueueError::ReceiptExpired)?);
        Ok(())
    }
}

impl Sends for FakeQueues {
    async fn send(&self, message: &Outgoing) -> Result<(), QueueError> {
        self.failure("send")?;
        self.inbox.send(message).await?;
        // Whoever never ends is ended by the tenth.
        let count = self.inbox.sent().len();
        if let Some(mut letter) = self.refused.borrow().clone().filter(|_| count < 10) {
            letter.message.body = Arc::clone(&message.body);
            self.put(&format!("again-{count}"), &letter);
        }
        Ok(())
    }
}
