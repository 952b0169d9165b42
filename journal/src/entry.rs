//! What is read: entries, as the API and its clients share them, pieces of a timeline, and how a resource stands.

use std::fmt;
use std::str::FromStr;

pub use eventing_http::Entry;

/// How a resource stands, by the latest event with a verified envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// The resource.
    pub resource: String,
    /// The action of its latest event.
    pub status: String,
    /// That event's signed time, in microseconds since 1970.
    pub last_updated: i64,
    /// That event.
    pub event_key: String,
}

/// A place in a timeline: behind the entry of this signed time and position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The signed time, in microseconds since 1970.
    pub ts: i64,
    /// The position.
    pub position: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ts, self.position)
    }
}

/// A cursor that this journal did not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this journal")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (ts, position) = text.split_once('.').ok_or(CursorError)?;
        Ok(Self { ts: ts.parse().map_err(|_| CursorError)?, position: position.parse().map_err(|_| CursorError)? })
    }
}

/// An entry as it is kept and as clients get it: the JSON of an [`Entry`]. It is read where something in it is asked for,
/// and an answer is made of it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told(String);

impl Told {
    /// What is kept of an entry.
    ///
    /// # Errors
    /// None, as long as all of an entry can be written as JSON.
    pub fn of(entry: &Entry) -> serde_json::Result<Self> {
        serde_json::to_string(entry).map(Self)
    }

    /// One that was kept.
    pub const fn kept(json: String) -> Self {
        Self(json)
    }

    /// Its JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its JSON.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The entry.
    ///
    /// # Errors
    /// When it is not what this version keeps.
    pub fn read(&self) -> serde_json::Result<Entry> {
        serde_json::from_str(&self.0)
    }
}

/// A piece of a timeline.
#[derive(Clone, Debug)]
pub struct Page {
    /// The entries, in order.
    pub entries: Vec<Told>,
    /// Where the next piece begins, if there is one.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let cursor = Cursor { ts: 1_795_420_800_000_001, position: 42 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1", "1.", ".1", "a.1", "1.-1", "1.2.3"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }
}
