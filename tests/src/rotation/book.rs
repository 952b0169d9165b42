//! What happened, as it is seen: events, deliveries, dead letters, keys, revocations.

use std::collections::{BTreeMap, BTreeSet};

use eventing::time::Millis;

use crate::ground::{CONSUMERS, Consumer};

/// Who put an event on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// The sidecar of the payment gateway, which answered 2xx.
    Sidecar,
    /// Somebody with a stolen key, past every sidecar.
    Thief,
}

/// An event on the bus.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Who put it there.
    pub author: Author,
    /// Just before it was put there, the time that was answered.
    pub at: Millis,
    /// The key that signed it; several where a post had to be repeated and both may have arrived.
    pub kids: BTreeSet<String>,
    /// Whether it may be on the bus twice.
    pub is_uncertain: bool,
}

/// An event that a consumer accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The key that signed it.
    pub kid: String,
    /// When; the journal does not tell.
    pub at: Option<Millis>,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// An event that a consumer refused.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    /// Whose dead letter it is.
    pub consumer: Consumer,
    /// The payment it is of; empty where the body tells none.
    pub event: String,
    /// Why; `none` where the consumer did not write it.
    pub code: String,
    /// The kid it claims.
    pub kid: String,
    /// When it was refused.
    pub at: Option<Millis>,
}

/// A kid that was revoked.
#[derive(Clone, Debug)]
pub(super) struct Revocation {
    /// Which.
    pub kid: String,
    /// Just before the SigningKey was changed.
    pub at: Millis,
}

/// A time in which no verifier reached the signature service.
#[derive(Clone, Debug)]
pub(super) struct Away {
    /// Just before it was scaled to nothing.
    pub from: Millis,
    /// When it was available again.
    pub to: Option<Millis>,
}

/// Everything of one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// The events on the bus, by the payment they are of.
    pub events: BTreeMap<String, Event>,
    /// Events that the sidecar has not answered 2xx for yet.
    pub unpublished: usize,
    /// Answers to posts that were no success, by status and code.
    pub answers: BTreeMap<String, u64>,
    /// Answers that are none of the documented, retriable ones.
    pub bad_answers: Vec<String>,
    /// What was accepted.
    pub rows: BTreeMap<(Consumer, String), Row>,
    /// What was refused.
    pub letters: Vec<Letter>,
    /// The kids of the SigningKey, with their algorithms.
    pub kids: BTreeMap<String, String>,
    /// The kids that there were at first.
    pub first_kids: BTreeSet<String>,
    /// How often a rotation was asked for.
    pub rotations_asked: u64,
    /// How often another algorithm was asked for.
    pub flips_asked: u64,
    /// The revocations.
    pub revocations: Vec<Revocation>,
    /// When the signature service was away.
    pub aways: Vec<Away>,
    /// How often a pod of it was deleted or killed.
    pub pods_gone: u64,
    /// How often an inbox was paused.
    pub pauses: u64,
}

impl Book {
    /// The kid of the event that the sidecar published last.
    pub(super) fn last_kid(&self) -> Option<String> {
        let published = self.events.values().filter(|event| event.author == Author::Sidecar);
        published.max_by_key(|event| event.at)?.kids.last().cloned()
    }

    /// Whether this consumer refused an event of this kid.
    pub(super) fn refuses(&self, consumer: Consumer, kid: &str) -> bool {
        self.letters.iter().any(|letter| letter.consumer == consumer && letter.kid == kid)
    }

    /// Where it stands, in a line.
    pub(super) fn line(&self) -> String {
        let of = |author| self.events.values().filter(|event| event.author == author).count();
        let rows = |consumer: &Consumer| self.rows.keys().filter(|(own, _)| own == consumer).count();
        let handled =
            CONSUMERS.iter().filter(|consumer| consumer.is_sidecar()).map(|consumer| rows(consumer).to_string());
        format!(
            "published {} (waiting {}), with stolen keys {}; handled {}; dead letters {}; keys {}, revoked {}",
            of(Author::Sidecar),
            self.unpublished,
            of(Author::Thief),
            handled.collect::<Vec<_>>().join(" / "),
            self.letters.len(),
            self.kids.len(),
            self.revocations.len(),
        )
    }
}

/// The book of a run that many write into.
pub(super) type Shared = crate::shared::Shared<Book>;
