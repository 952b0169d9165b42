//! What a stream follows, and a follower's end of it.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::Hub;
use super::queue::{Ending, Item, Queue};
use crate::cursor::Position;
use crate::event::Event;

/// What a stream follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A correlation.
    Correlation(Arc<str>),
    /// A user.
    User(Arc<str>),
}

impl Topic {
    /// Whether the event belongs to it.
    pub fn has(&self, event: &Event) -> bool {
        match self {
            Self::Correlation(correlation) => event.correlation_id == *correlation,
            Self::User(user) => event.user_id.as_ref() == Some(user),
        }
    }
}

/// A follower's end of its queue. Dropped, it follows no more.
#[derive(Debug)]
pub struct Following {
    /// The tail's position when it began: what is later comes out of [`Self::poll`].
    pub position: Position,
    /// Its number among all of this process.
    pub number: u64,
    pub(super) queue: Arc<Queue>,
    pub(super) topic: Topic,
    pub(super) user: String,
    pub(super) hub: Hub,
}

/// What is remembered for somebody who follows.
#[derive(Debug, Default)]
pub struct Remembered {
    /// What came after the position that was asked for, as far as it is remembered.
    pub events: Vec<Arc<Event>>,
    /// After which position everything is remembered.
    pub from: u64,
    /// Whether something is remembered that they may see.
    pub shows: bool,
}

impl Following {
    /// What comes next, or why nothing does.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Item, Ending>> {
        self.queue.poll(context)
    }

    /// Ready when it was cut off, whatever is still being written.
    pub fn poll_cut_off(&self, context: &mut Context<'_>) -> Poll<()> {
        self.queue.poll_cut_off(context)
    }

    /// An event that came out is on the wire.
    pub fn written(&self) {
        self.queue.written();
    }

    /// What it follows.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.hub.leave(self);
    }
}
