//! Kinds of events, and what is to become of each.

use crate::ground::{CONSUMERS, Consumer};

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Every consumer is to handle it.
    Good,
    /// Published like any other; treasury answers 422, since its amount is negative.
    Refused,
    /// Signed with a true key, and another amount afterwards.
    Tampered,
    /// Signed with a key that no set holds.
    UnknownKey,
    /// No event at all, sent straight to one inbox.
    Malformed(Consumer),
}

/// Every kind of poison; a message that is no event goes to each inbox in turn.
pub(super) const POISON: [Kind; 20] = {
    let mut all = [Kind::Refused; 20];
    let mut at = 0;
    while at < CONSUMERS.len() {
        all[4 * at + 1] = Kind::Tampered;
        all[4 * at + 2] = Kind::UnknownKey;
        all[4 * at + 3] = Kind::Malformed(CONSUMERS[at]);
        at += 1;
    }
    all
};

/// What is to become of an event at a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is handled.
    Handled,
    /// It is a dead letter with this code, and was never handled.
    DeadLetter(&'static str),
    /// It never gets there.
    Absent,
}

impl Kind {
    /// What is to become of it there.
    pub(super) fn fate(self, consumer: Consumer) -> Fate {
        match self {
            Self::Refused if consumer == Consumer::Treasury => Fate::DeadLetter("HANDLER_REJECTED"),
            Self::Good | Self::Refused => Fate::Handled,
            Self::Tampered => Fate::DeadLetter("PAYLOAD_MISMATCH"),
            Self::UnknownKey => Fate::DeadLetter("KID_UNKNOWN"),
            Self::Malformed(own) if consumer == own => Fate::DeadLetter("BODY_MALFORMED"),
            Self::Malformed(_) => Fate::Absent,
        }
    }
}
