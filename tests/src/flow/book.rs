//! What happened, as it is seen: events, deliveries, dead letters, kills.

use std::collections::{BTreeMap, BTreeSet};

use eventing::compact::{Compact, Typ};
use eventing::event_key::of_jti;
use eventing::time::{Micros, Millis};
use serde_json::Value;

use super::kills::Target;
use super::kinds::Kind;
use crate::ground::Consumer;

/// An event's key, in hex; of what has none, its body.
pub(super) type Name = String;

/// An event, or something that is none.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// What it is.
    pub kind: Kind,
    /// The correlation it belongs to.
    pub correlation: String,
    /// When it was due to be posted: what comes later is counted from here, the wait for a place to post included.
    pub due: Micros,
    /// When it was known to be on the bus, or in the inbox.
    pub published: Option<Micros>,
    /// Whether it may be on the bus twice.
    pub is_uncertain: bool,
}

/// A delivery to a handler that went on to answer 2xx, died over it, or was so slow that its sidecar tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The pod that handled it.
    pub pod: String,
    /// When the handler had it.
    pub at: Micros,
    /// How often its sidecar handed it to the handler, this time included.
    pub attempt: u32,
}

/// A dead letter.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Why; `none` where the consumer did not write it.
    pub code: String,
    /// When it was refused.
    pub at: Option<Millis>,
}

/// A pod that was killed.
#[derive(Clone, Debug)]
pub(super) struct Killed {
    /// Whose it was.
    pub target: Target,
    /// Its name.
    pub pod: String,
    /// Just before it was told to end.
    pub at: Micros,
    /// Whether it had its grace.
    pub is_graceful: bool,
}

/// Everything of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// The events.
    pub events: BTreeMap<Name, Event>,
    /// Events that the sidecar has not answered 2xx for yet.
    pub unpublished: usize,
    /// Answers to posts that were no success, by status and code.
    pub answers: BTreeMap<String, u64>,
    /// Answers that are none of the documented, retriable ones.
    pub bad_answers: Vec<String>,
    /// What the services of the sidecars handled.
    pub rows: BTreeMap<(Consumer, Name), Vec<Row>>,
    /// What is in the journal.
    pub journal: BTreeMap<Name, u64>,
    /// What came through the gateway's stream, and when.
    pub stream: BTreeMap<Name, Vec<Micros>>,
    /// Those of it that a timeline showed after a reset, until the stream brings them too.
    pub read_anew: BTreeSet<Name>,
    /// How often the stream was opened.
    pub streams: u64,
    /// How often it said that its id is gone.
    pub resets: u64,
    /// What was refused.
    pub letters: BTreeMap<(Consumer, Name), Vec<Letter>>,
    /// The pods that were killed.
    pub kills: Vec<Killed>,
    /// What the platform team did, and when.
    pub steps: Vec<(Micros, String)>,
    /// How many messages each inbox still held at the last look.
    pub waiting: BTreeMap<Consumer, usize>,
}

impl Book {
    /// How often a consumer was seen to have handled an event.
    pub(super) fn handled(&self, consumer: Consumer, name: &str) -> usize {
        let count =
            |count: Option<&u64>| count.copied().map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX));
        match consumer {
            Consumer::Journal => count(self.journal.get(name)),
            Consumer::Gateway => self.stream.get(name).map_or(0, Vec::len),
            _ => self.rows.get(&(consumer, name.to_owned())).map_or(0, Vec::len),
        }
    }

    /// How many events a consumer handled.
    pub(super) fn events_handled(&self, consumer: Consumer) -> usize {
        match consumer {
            Consumer::Journal => self.journal.len(),
            Consumer::Gateway => self.stream.len(),
            _ => self.rows.keys().filter(|(own, _)| *own == consumer).count(),
        }
    }

    /// Where it stands, in a line.
    pub(super) fn line(&self) -> String {
        let handled = crate::ground::CONSUMERS.map(|consumer| self.events_handled(consumer).to_string());
        format!(
            "events {} (waiting {}); handled {}; dead letters {}; pods killed {}",
            self.events.len(),
            self.unpublished,
            handled.join(" / "),
            self.letters.values().map(Vec::len).sum::<usize>(),
            self.kills.len(),
        )
    }
}

/// The book of a run that many write into.
pub(super) type Shared = crate::shared::Shared<Book>;

/// The name of what a message's body holds. It is claimed, and no more: a poison's signature proves nothing.
pub(super) fn name_of(body: &str) -> Name {
    claimed_key(body).unwrap_or_else(|| body.to_owned())
}

fn claimed_key(body: &str) -> Option<Name> {
    let envelope: Value = serde_json::from_str(body).ok()?;
    let signature = envelope.pointer("/detail/sig_compact")?.as_str()?;
    let header = Compact::split(signature).ok()?.header(Typ::Event).ok()?;
    let source = envelope["source"].as_str()?.parse().ok()?;
    Some(of_jti(&source, &header.jti?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::event;
    use crate::forger::Forger;

    #[test]
    fn what_is_signed_has_the_name_of_its_jti_whoever_signed_it_and_anything_else_is_its_own() {
        let id = uuid::Uuid::new_v4();
        let signed = Forger::stranger().unwrap().sign(&event("p-1", "c-1", 1.0), id, Micros::now()).unwrap();
        let key = of_jti(&"qsl.payment".parse().unwrap(), &eventing::types::Jti::from_uuid(id));
        assert_eq!(name_of(&signed.to_string()), key.to_string());
        for text in ["no event, but p-1", r#"{"detail": {"sig_compact": "a.b.c"}}"#] {
            assert_eq!(name_of(text), text);
        }
    }
}
