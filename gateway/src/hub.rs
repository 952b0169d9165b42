//! Who gets what: events come in from the tail and ahead of it, and go out to those who follow their correlation or
//! user and may see them.
//!
//! Each follower has a bounded queue. One that is full is closed, so that a client that does not read costs the others
//! nothing; its id lets it come back.

mod recent;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eventing::time::Millis;
use tokio::sync::mpsc;

use crate::event::Event;
use crate::viewer::Viewer;
use recent::Recent;

/// Events a follower may be behind.
const QUEUE: usize = 64;
/// Streams one user may have open.
const STREAMS_PER_USER: usize = 16;

/// What a stream follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A correlation.
    Correlation(Arc<str>),
    /// A user.
    User(Arc<str>),
}

/// What comes out of a follower's queue.
#[derive(Debug, Clone)]
pub enum Item {
    /// An event that the follower may see.
    Event(Arc<Event>),
    /// The journal began anew at this position.
    Restart(u64),
}

/// Why a stream is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFollowing {
    /// The tail has not reached the journal yet.
    #[error("the journal has not been reached yet")]
    NoTail,
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
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    tail: Option<Tail>,
    followers: HashMap<Topic, Vec<Follower>>,
    streams: HashMap<String, usize>,
    next: u64,
    cut_off: u64,
}

#[derive(Debug)]
struct Tail {
    position: u64,
    recent: Recent,
}

#[derive(Debug)]
struct Follower {
    number: u64,
    viewer: Arc<Viewer>,
    queue: mpsc::Sender<Item>,
}

/// A follower's end of its queue. Dropped, it follows no more.
#[derive(Debug)]
pub struct Following {
    /// The tail's position when it began: what is later comes out of [`Self::items`].
    pub position: u64,
    /// What comes. It ends when the follower was too slow.
    pub items: mpsc::Receiver<Item>,
    topic: Topic,
    number: u64,
    user: String,
    hub: Hub,
}

impl Hub {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tail begins at `position` at the time `now`, or begins anew.
    pub fn start(&self, position: u64, now: Millis) {
        let mut inner = self.inner();
        match &mut inner.tail {
            Some(tail) => tail.position = position,
            none => *none = Some(Tail { position, recent: Recent::since(now) }),
        }
        inner.send_all(&Item::Restart(position));
    }

    /// The tail has reached `position`, and these events are up to it.
    pub fn advance(&self, events: Vec<Event>, position: u64, now: Millis) {
        let mut inner = self.inner();
        for event in events {
            if let Some(tail) = &mut inner.tail {
                tail.recent.add(event.key, now);
            }
            inner.send(&Arc::new(event));
        }
        if let Some(tail) = &mut inner.tail {
            tail.position = position;
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
    pub fn position(&self) -> Option<u64> {
        self.inner().tail.as_ref().map(|tail| tail.position)
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// When the tail has not begun, or the user has enough streams.
    pub fn follow(&self, topic: Topic, viewer: Arc<Viewer>) -> Result<Following, NotFollowing> {
        let mut inner = self.inner();
        let position = inner.tail.as_ref().ok_or(NotFollowing::NoTail)?.position;
        let user = viewer.user.clone();
        let streams = inner.streams.entry(user.clone()).or_default();
        if *streams >= STREAMS_PER_USER {
            return Err(NotFollowing::TooMany);
        }
        *streams += 1;
        inner.next += 1;
        let number = inner.next;
        let (queue, items) = mpsc::channel(QUEUE);
        inner.followers.entry(topic.clone()).or_default().push(Follower { number, viewer, queue });
        Ok(Following { position, items, topic, number, user, hub: self.clone() })
    }

    /// How many streams are open, and how many were cut off so far.
    pub fn streams(&self) -> (usize, u64) {
        let inner = self.inner();
        (inner.streams.values().sum(), inner.cut_off)
    }
}

impl Inner {
    fn send(&mut self, event: &Arc<Event>) {
        let user = event.user_id.clone().map(Topic::User);
        for topic in std::iter::once(Topic::Correlation(Arc::clone(&event.correlation_id))).chain(user) {
            self.send_to(&topic, &Item::Event(Arc::clone(event)), |viewer| viewer.may_see(event));
        }
    }

    fn send_all(&mut self, item: &Item) {
        for topic in self.followers.keys().cloned().collect::<Vec<_>>() {
            self.send_to(&topic, item, |_| true);
        }
    }

    fn send_to(&mut self, topic: &Topic, item: &Item, may: impl Fn(&Viewer) -> bool) {
        let Some(followers) = self.followers.get_mut(topic) else { return };
        let before = followers.len();
        followers.retain(|follower| !may(&follower.viewer) || follower.queue.try_send(item.clone()).is_ok());
        self.cut_off += u64::try_from(before - followers.len()).unwrap_or_default();
        if followers.is_empty() {
            self.followers.remove(topic);
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut inner = self.hub.inner();
        if let Some(followers) = inner.followers.get_mut(&self.topic) {
            followers.retain(|follower| follower.number != self.number);
            if followers.is_empty() {
                inner.followers.remove(&self.topic);
            }
        }
        if let Some(streams) = inner.streams.get_mut(&self.user) {
            *streams -= 1;
            if *streams == 0 {
                inner.streams.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests;
