//! What goes to one client, piece by piece: what it missed, then what comes, each with the id to come back with.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use crate::addresses::Place;
use crate::cursor::Cursor;
use crate::event::Event;
use crate::hub::{Ending, Following, Item};
use crate::metrics::Metrics;
use crate::sse::Block;

/// A client is asked to come back after this many milliseconds at least,
const RETRY: u64 = 1_000;
/// and up to this many later, each at a time of its own: all of them lose a gateway at once.
const RETRY_SPREAD: u64 = 2_000;

/// Why a client is told to begin anew: the place it came back with is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The journal has not what the client got: it began anew, or was restored.
    JournalBeganAnew,
    /// More has happened since than is read for one client.
    TooFarBehind,
}

impl Reset {
    /// The word of it, for clients and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::JournalBeganAnew => "JOURNAL_BEGAN_ANEW",
            Self::TooFarBehind => "TOO_FAR_BEHIND",
        }
    }

    fn block(self) -> Block {
        Block::named("reset", &format!(r#"{{"code":"{}","detail":"Read the timeline anew."}}"#, self.code()))
    }
}

impl Ending {
    /// The word of it, for metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooSlow => "too_slow",
            Self::TokenExpired => "token_expired",
            Self::Shutdown => "shutdown",
        }
    }

    /// What the client is told, where it reads.
    fn block(self) -> Option<Block> {
        let code = match self {
            Self::TooSlow => return None,
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::Shutdown => "SHUTDOWN",
        };
        Some(Block::named("end", &format!(r#"{{"code":"{code}"}}"#)))
    }
}

/// Where a stream begins.
#[derive(Debug)]
pub struct Start {
    /// What the client has got.
    pub cursor: Cursor,
    /// What it missed, in the order of positions.
    pub missed: Vec<Arc<Event>>,
    /// Whether it is told to begin anew.
    pub reset: Option<Reset>,
}

/// One piece of a stream.
#[derive(Debug)]
pub struct Piece {
    /// The id line.
    pub id: String,
    /// What follows it.
    pub block: Block,
    /// When the gateway got the event that this is, if it is one that just came.
    pub received: Option<Instant>,
}

/// A stream that is open.
#[derive(Debug)]
pub struct Outgoing {
    following: Following,
    cursor: Cursor,
    missed: VecDeque<Arc<Event>>,
    reset: Option<Reset>,
    begun: bool,
    ended: Option<Ending>,
    metrics: Metrics,
    /// Of the client's address; given back with the stream.
    _place: Place,
}

impl Outgoing {
    /// A stream from `start` on.
    pub fn new(following: Following, start: Start, place: Place, metrics: Metrics) -> Self {
        let Start { cursor, missed, reset } = start;
        metrics.opened();
        if let Some(reset) = reset {
            metrics.reset(reset.code());
        }
        Self { following, cursor, missed: missed.into(), reset, begun: false, ended: None, metrics, _place: place }
    }

    /// The next piece; none when it has ended.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        if let Some(reset) = self.reset.take() {
            return Poll::Ready(Some(self.piece(reset.block())));
        }
        while let Some(event) = self.missed.pop_front() {
            if event.position <= Some(self.following.position.at) && self.cursor.take(&event) {
                return Poll::Ready(Some(Piece { received: None, ..self.event(&event) }));
            }
        }
        if !self.begun {
            self.begun = true;
            self.missed = VecDeque::new();
            self.cursor.pass(self.following.position.at);
            return Poll::Ready(Some(self.piece(Block::retry(RETRY + self.following.number % RETRY_SPREAD))));
        }
        self.poll_following(context)
    }

    fn poll_following(&mut self, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        if self.ended.is_some() {
            return Poll::Ready(None);
        }
        loop {
            let block = match ready!(self.following.poll(context)) {
                Ok(Item::Event(event)) if self.cursor.take(&event) => return Poll::Ready(Some(self.event(&event))),
                Ok(Item::Event(_)) => continue,
                Ok(Item::Beat(position)) => {
                    self.cursor.pass(position);
                    Block::comment()
                }
                Ok(Item::Restart(position)) => {
                    self.cursor.restart(position);
                    self.metrics.reset(Reset::JournalBeganAnew.code());
                    Reset::JournalBeganAnew.block()
                }
                Err(ending) => {
                    self.ended = Some(ending);
                    return Poll::Ready(ending.block().map(|block| self.piece(block)));
                }
            };
            return Poll::Ready(Some(self.piece(block)));
        }
    }

    /// Ready when the client was cut off, whatever it has not read yet.
    pub fn poll_cut_off(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.following.poll_cut_off(context));
        self.ended = Some(Ending::TooSlow);
        Poll::Ready(())
    }

    /// A piece is on the wire.
    pub fn written(&self, received: Option<Instant>) {
        if let Some(received) = received {
            self.following.written();
            self.metrics.delivered(received.elapsed());
        }
    }

    fn event(&self, event: &Event) -> Piece {
        self.metrics.sent();
        Piece { received: Some(event.received), ..self.piece(event.json.block().clone()) }
    }

    fn piece(&self, block: Block) -> Piece {
        Piece { id: format!("id: {}\n", self.cursor), block, received: None }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.metrics.ended(self.ended.map_or("client_gone", Ending::reason));
    }
}

#[cfg(test)]
mod tests;
