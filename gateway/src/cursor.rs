//! What one client has got: everything up to a position of the journal, and a few events ahead of it.
//!
//! The cursor travels as the SSE `id:` and comes back as `Last-Event-ID`, to whichever replica: `GENERATION.POSITION`, and
//! where events were sent ahead `GENERATION.POSITION~KEY~KEY…`. The generation says which journal it is, the position is
//! the last that the tail has reached; a key stands there until the tail brings its event, which is then skipped. So
//! each event reaches the client once, and none is left out.

use std::fmt;
use std::str::FromStr;

use crate::event::{Event, ShortKey};

/// What an id without a generation is taken for, as the gateway's first version gave: no journal has it, so its place is gone.
const BEFORE_GENERATIONS: u64 = u64::MAX;
/// The most events sent ahead of the tail; then the tail alone feeds.
pub const MAX_AHEAD: usize = 16;

/// A place in a journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Which journal: another one once it began anew or was restored.
    pub generation: u64,
    /// Up to which event of it.
    pub at: u64,
}

/// What a client has got.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    generation: u64,
    position: u64,
    ahead: Vec<ShortKey>,
}

/// A `Last-Event-ID` that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this stream")]
pub struct NotACursor;

impl Cursor {
    /// A client that has got everything up to `position`.
    pub fn at(Position { generation, at }: Position) -> Self {
        Self { generation, position: at, ahead: Vec::new() }
    }

    /// Whether this is a cursor of the journal in which `position` is.
    pub fn is_of(&self, position: Position) -> bool {
        self.generation == position.generation
    }

    /// The position up to which it has got everything.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes an event that is to be sent: true if it has to be, false if the client has it (or will get it from the
    /// tail).
    pub fn take(&mut self, event: &Event) -> bool {
        match event.position {
            Some(position) if position <= self.position => false,
            Some(position) => {
                self.position = position;
                match self.ahead.iter().position(|key| *key == event.key) {
                    Some(at) => {
                        self.ahead.remove(at);
                        false
                    }
                    None => true,
                }
            }
            None if self.ahead.contains(&event.key) || self.ahead.len() >= MAX_AHEAD => false,
            None => {
                self.ahead.push(event.key);
                true
            }
        }
    }

    /// The tail has passed `position`, and what of it concerned the client was taken.
    pub fn pass(&mut self, position: u64) {
        self.position = self.position.max(position);
    }

    /// The journal began anew at `position`; what the client has got of the old one says nothing of the new.
    pub fn restart(&mut self, Position { generation, at }: Position) {
        (self.generation, self.position) = (generation, at);
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation, self.position)?;
        self.ahead.iter().try_for_each(|key| write!(f, "~{}", key.encode()))
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let mut parts = text.split('~');
        let place = parts.next().ok_or(NotACursor)?;
        let number = |digits: &str| digits.parse().map_err(|_| NotACursor);
        let (generation, position) = match place.split_once('.') {
            Some((generation, position)) => (number(generation)?, number(position)?),
            None => (BEFORE_GENERATIONS, number(place)?),
        };
        let ahead = parts.map(ShortKey::decode).collect::<Option<Vec<_>>>().ok_or(NotACursor)?;
        if ahead.len() > MAX_AHEAD { Err(NotACursor) } else { Ok(Self { generation, position, ahead }) }
    }
}

#[cfg(test)]
mod tests;
