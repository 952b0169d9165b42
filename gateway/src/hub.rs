//! Who gets what: events come in from the tail and ahead of it, and go out to those who follow their correlation or
//! user and may see them.
//!
//! Each follower has a bounded queue. One that is full, or is not read, is ended, so that a client that does not read
//! costs the others nothing; its id lets it come back. One clock beats for all of them.

mod following;
mod memory;
mod queue;
mod recent;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eventing::time::Millis;
use eventing_service::traces;
use tracing::Span;

use crate::cursor::Position;
use crate::event::Event;
use crate::viewer::Viewer;
pub use following::{Following, Remembered, Topic};
use memory::Memory;
pub use queue::{Ending, Item, TICKS};
use queue::{Full, Queue};
use recent::Recent;

/// Streams one user may have open, unless another number is set.
pub const STREAMS_PER_USER: usize = 16;

/// Why a stream is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFollowing {
    /// The tail has not reached the journal yet.
    #[error("the journal has not been reached yet")]
    NoTail,
    /// The gateway stops.
    #[error("the gateway is about to stop")]
    Stopping,
    /// The user has enough streams.
    #[error("too many streams are open for this user")]
    TooMany,
}

/// What became of an event ahead of the tail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// It went to those who follow it.
    Sent,
    /// The tail has brought it, or may have before this replica began to look: it is left to the tail.
    Left,
}

/// The hub. Clones share it.
#[derive(Debug, Clone)]
pub struct Hub(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    streams_per_user: usize,
    tail: Option<Tail>,
    followers: HashMap<Topic, Vec<Follower>>,
    streams: HashMap<String, usize>,
    open: usize,
    next: u64,
    cut_off: u64,
    stopping: bool,
}

#[derive(Debug)]
struct Tail {
    position: Position,
    recent: Recent,
    memory: Memory,
}

#[derive(Debug)]
struct Follower {
    number: u64,
    viewer: Arc<Viewer>,
    queue: Arc<Queue>,
}

impl Default for Hub {
    fn default() -> Self {
        Self::new(STREAMS_PER_USER)
    }
}

impl Hub {
    /// A hub at which one user may have so many streams.
    pub fn new(streams_per_user: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            streams_per_user,
            tail: None,
            followers: HashMap::new(),
            streams: HashMap::new(),
            open: 0,
            next: 0,
            cut_off: 0,
            stopping: false,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tail begins at `position` at the time `now`, or begins anew.
    pub fn start(&self, position: Position, now: Millis) {
        self.start_knowing(position.at, Vec::new(), position, now);
    }

    /// The tail begins at `position`; `events` are all that came after the position `from`.
    pub fn start_knowing(&self, from: u64, events: Vec<Event>, position: Position, now: Millis) {
        let mut inner = self.inner();
        let memory = Memory::after(from);
        match &mut inner.tail {
            Some(tail) => (tail.position, tail.memory) = (position, memory),
            none => *none = Some(Tail { position, recent: Recent::since(now), memory }),
        }
        if let Some(tail) = &mut inner.tail {
            for event in events {
                tail.remember(&Arc::new(event), now);
            }
        }
        inner.send_all(&Item::Restart(position));
    }

    /// The tail has reached `position`, and these events are up to it.
    pub fn advance(&self, events: Vec<Event>, position: u64, now: Millis) {
        let mut inner = self.inner();
        for event in events {
            let event = Arc::new(event);
            if let Some(tail) = &mut inner.tail {
                tail.remember(&event, now);
            }
            inner.send(&event);
        }
        if let Some(tail) = &mut inner.tail {
            tail.position.at = position;
        }
    }

    /// An event that the inbox brought before the tail did; `born` is the earliest time at which the journal can have
    /// got it.
    pub fn ahead(&self, event: Event, born: Millis) -> Ahead {
        let mut inner = self.inner();
        match &inner.tail {
            Some(tail) if tail.recent.is_news(event.key, born) => {
                inner.send(&Arc::new(event));
                Ahead::Sent
            }
            _ => Ahead::Left,
        }
    }

    /// The tail's position. Every event up to it is in the queues of those who follow it.
    pub fn position(&self) -> Option<Position> {
        self.inner().tail.as_ref().map(|tail| tail.position)
    }

    /// Opens a stream, and says what is remembered after a position, if that is asked for: with what comes out of the
    /// stream nothing is left out between the two.
    ///
    /// # Errors
    /// When the tail has not begun, the gateway stops, or the user has enough streams.
    pub fn follow(
        &self,
        topic: Topic,
        viewer: Arc<Viewer>,
        after: Option<u64>,
    ) -> Result<(Following, Remembered), NotFollowing> {
        let mut inner = self.inner();
        let tail = inner.tail.as_ref().ok_or(NotFollowing::NoTail)?;
        if inner.stopping {
            return Err(NotFollowing::Stopping);
        }
        let (position, from) = (tail.position, tail.memory.from());
        let events = after.map(|after| tail.memory.since(&topic, &viewer, after)).unwrap_or_default();
        let remembered = Remembered { events, from, shows: tail.memory.shows(&topic, &viewer) };
        let (user, most) = (viewer.user.clone(), inner.streams_per_user);
        let streams = inner.streams.entry(user.clone()).or_default();
        if *streams >= most {
            return Err(NotFollowing::TooMany);
        }
        *streams += 1;
        inner.open += 1;
        inner.next += 1;
        let (number, queue) = (inner.next, Arc::new(Queue::new(inner.next)));
        let follower = Follower { number, viewer, queue: Arc::clone(&queue) };
        inner.followers.entry(topic.clone()).or_default().push(follower);
        drop(inner);
        Ok((Following { position, number, queue, topic, user, hub: self.clone() }, remembered))
    }

    /// The clock ticks. Who got no event for [`TICKS`] ticks has a beat, each at a tick of its own; whose token has ended
    /// is ended.
    pub fn tick(&self, now: Millis) {
        let mut inner = self.inner();
        let Some(position) = inner.tail.as_ref().map(|tail| tail.position.at) else { return };
        inner.retain_all(|follower| {
            if now.seconds() >= follower.viewer.expires {
                follower.queue.end(Ending::TokenExpired);
                return Ok(());
            }
            follower.queue.tick(position)
        });
    }

    /// Ends every stream; no other is opened.
    pub fn stop(&self) {
        let mut inner = self.inner();
        inner.stopping = true;
        inner.followers.values().flatten().for_each(|follower| follower.queue.end(Ending::Shutdown));
    }

    /// A stream is closed.
    fn leave(&self, following: &Following) {
        let mut inner = self.inner();
        if let Some(followers) = inner.followers.get_mut(&following.topic) {
            followers.retain(|follower| follower.number != following.number);
            if followers.is_empty() {
                inner.followers.remove(&following.topic);
            }
        }
        inner.open -= 1;
        if let Some(streams) = inner.streams.get_mut(&following.user) {
            *streams -= 1;
            if *streams == 0 {
                inner.streams.remove(&following.user);
            }
        }
    }

    /// How many streams are open, and how many were cut off so far.
    pub fn streams(&self) -> (usize, u64) {
        let inner = self.inner();
        (inner.open, inner.cut_off)
    }
}

impl Tail {
    fn remember(&mut self, event: &Arc<Event>, now: Millis) {
        self.recent.add(event.key, now);
        self.memory.add(event);
    }
}

impl Inner {
    fn send(&mut self, event: &Arc<Event>) {
        let user = event.user_id.clone().map(Topic::User);
        let (mut span, mut streams) = (None, 0_i64);
        for topic in std::iter::once(Topic::Correlation(Arc::clone(&event.correlation_id))).chain(user) {
            let Some(followers) = self.followers.get_mut(&topic) else { continue };
            span.get_or_insert_with(|| fan_out(event));
            self.cut_off += retain(followers, |follower| {
                if follower.viewer.may_see(event) {
                    streams += 1;
                    follower.queue.push(Item::Event(Arc::clone(event)))
                } else {
                    Ok(())
                }
            });
        }
        if let Some(span) = span {
            span.record("streams", streams);
        }
    }

    fn send_all(&mut self, item: &Item) {
        self.retain_all(|follower| follower.queue.push(item.clone()));
    }

    fn retain_all(&mut self, fits: impl Fn(&Follower) -> Result<(), Full>) {
        self.cut_off += self.followers.values_mut().map(|followers| retain(followers, &fits)).sum::<u64>();
    }
}

/// A span in the event's own trace, from here until it is in the queues of those who follow it. Without such there is none.
fn fan_out(event: &Event) -> Span {
    let via = if event.position.is_some() { "tail" } else { "inbox" };
    let (key, streams) = (event.key.encode(), tracing::field::Empty);
    let span = tracing::info_span!("fan_out", otel.kind = "consumer", key, via, streams);
    traces::continues(&span, event.traceparent.as_deref());
    span
}

/// Keeps those whose queue has room; says how many were cut off.
fn retain(followers: &mut Vec<Follower>, mut fits: impl FnMut(&Follower) -> Result<(), Full>) -> u64 {
    let before = followers.len();
    followers.retain(|follower| fits(follower).is_ok());
    u64::try_from(before - followers.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
