//! How far a replay is: what was told of it, the part of the journal it is at, and what became of that part's events.
//!
//! A grant is written down before its message is sent. So whoever goes on after a sending without an answer repeats the
//! same grant, by which inboxes know the copy.

use std::collections::{BTreeMap, BTreeSet};

use eventing::compact::{Compact, Typ};
use eventing::time::Millis;
use eventing_http::Granted;
use serde::{Deserialize, Serialize};

use super::selection::Selection;

/// The version of this form.
const VERSION: u32 = 1;
/// How long before its end a grant is not sent any more: the message enters the queue a little later, by another clock.
const MARGIN: i64 = 15_000;

/// How far a replay is. `Debug` does not show the grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Progress {
    version: u32,
    /// What it was told.
    pub selection: Selection,
    /// Whether nothing is left.
    pub is_complete: bool,
    /// Behind which place in the journal it goes on.
    after: Option<String>,
    /// What is done of the events that follow there, each with its inbox.
    done: BTreeSet<(String, String)>,
    /// A message that was about to be sent.
    sending: Option<Sending>,
    /// What became of all so far.
    pub tally: Tally,
}

/// A message that was about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sending {
    event_key: String,
    inbox: String,
    granted: Granted,
}

/// How many became what.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tally {
    /// By inbox.
    pub inboxes: BTreeMap<String, Count>,
    /// Events that no inbox gets now.
    pub without_inbox: u64,
}

/// How many became what, of one inbox.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Count {
    /// Sent; in a dry run, would be.
    pub sent: u64,
    /// Not sent, by code.
    pub left: BTreeMap<String, u64>,
}

impl Tally {
    /// How many were not sent, to whichever inbox.
    pub fn left(&self) -> u64 {
        self.inboxes.values().flat_map(|count| count.left.values()).sum()
    }

    /// How many were.
    pub fn sent(&self) -> u64 {
        self.inboxes.values().map(|count| count.sent).sum()
    }
}

/// What is known of an earlier sending that had no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// There was none.
    None,
    /// Its grant holds: with it, inboxes know the copy.
    Repeatable(Granted),
    /// Its grant holds no more: the event may be in the inbox, and comes again with a grant of its own.
    Lapsed,
}

impl Progress {
    /// At the beginning.
    pub fn new(selection: Selection) -> Self {
        let (done, tally) = (BTreeSet::new(), Tally::default());
        Self { version: VERSION, selection, is_complete: false, after: None, done, sending: None, tally }
    }

    /// Reads what was written down.
    ///
    /// # Errors
    /// With a sentence, where it is something else.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let progress: Self =
            serde_json::from_slice(text).map_err(|error| format!("it is no state of a replay: {error}"))?;
        match progress.version {
            VERSION => Ok(progress),
            other => Err(format!("it is of version {other}, and this program knows version {VERSION}")),
        }
    }

    /// Behind which place in the journal it goes on.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Whether this event is done for this inbox.
    pub fn is_done(&self, event_key: &str, inbox: &str) -> bool {
        self.done.contains(&(event_key.to_owned(), inbox.to_owned()))
    }

    /// Whether this event is done where no inbox gets it.
    pub fn is_passed(&self, event_key: &str) -> bool {
        self.is_done(event_key, "")
    }

    /// What is known of an earlier sending of this event to this inbox, whose skew is given.
    pub fn earlier(&self, event_key: &str, inbox: &str, skew_seconds: u32, now: Millis) -> Earlier {
        let this = |sending: &&Sending| sending.event_key == event_key && sending.inbox == inbox;
        let Some(sending) = self.sending.as_ref().filter(this) else { return Earlier::None };
        let header = Compact::split(&sending.granted.grant).and_then(|compact| compact.header(Typ::Grant));
        let Ok(given_at) = header.map(|header| header.ts.millis()) else { return Earlier::Lapsed };
        let ends = given_at.plus_millis(i64::from(skew_seconds) * 1_000 - MARGIN);
        if now <= ends { Earlier::Repeatable(sending.granted.clone()) } else { Earlier::Lapsed }
    }

    /// This event is about to be sent to this inbox.
    pub fn begin(&mut self, event_key: &str, inbox: &str, granted: &Granted) {
        let (event_key, inbox) = (event_key.to_owned(), inbox.to_owned());
        self.sending = Some(Sending { event_key, inbox, granted: granted.clone() });
    }

    /// It was sent; or it was not, for this code.
    pub fn end(&mut self, event_key: &str, inbox: &str, left: Option<&str>) {
        self.sending.take_if(|sending| sending.event_key == event_key && sending.inbox == inbox);
        self.done.insert((event_key.to_owned(), inbox.to_owned()));
        let count = self.tally.inboxes.entry(inbox.to_owned()).or_default();
        match left {
            None => count.sent += 1,
            Some(code) => *count.left.entry(code.to_owned()).or_default() += 1,
        }
    }

    /// No inbox gets this event now.
    pub fn pass(&mut self, event_key: &str) {
        self.done.insert((event_key.to_owned(), String::new()));
        self.tally.without_inbox += 1;
    }

    /// A part of the journal is done; the next one is behind this place, if there is one.
    pub fn turn(&mut self, next: Option<String>) {
        self.done.clear();
        // What it names is gone from the journal.
        self.sending = None;
        match next {
            Some(next) => self.after = Some(next),
            None => self.is_complete = true,
        }
    }
}

#[cfg(test)]
mod tests;
