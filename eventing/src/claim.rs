//! Claims: what becomes of the records that an inbox's consumers share. Pure: records and time in, an answer and the
//! records' changes out. The journal keeps them.

use std::time::Duration;

use crate::time::Millis;

/// What is known of one key of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How the event stands.
    pub standing: Standing,
    /// Deliveries to a handler that came to nothing; counted with the first key.
    pub attempts: u32,
    /// When the record says nothing any more.
    pub until: Millis,
}

/// How an event stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A consumer has it.
    Held {
        /// Which.
        holder: String,
        /// When it loses it.
        lapses: Millis,
    },
    /// It was handled.
    Handled,
    /// Nobody has it.
    Free,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The right to handle it; a holder's own is renewed.
    Claim {
        /// After how long it lapses.
        lapse: Duration,
    },
    /// It is handled.
    Confirm,
    /// It is not handled.
    Release {
        /// Deliveries so far; with none the event starts anew.
        attempts: u32,
    },
}

/// What a claim came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The asker's, after so many deliveries.
    Claimed {
        /// How many.
        attempts: u32,
    },
    /// Handled before.
    Handled,
    /// Another's.
    Held {
        /// How long still, unless that one renews.
        lapses_in: Duration,
    },
    /// Done.
    Settled,
}

/// One key, with what is known of it and how long it is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What is known.
    pub record: Option<Record>,
    /// For how long it is kept.
    pub keep: Duration,
}

/// A key's change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The record stays as it is.
    None,
    /// It becomes this.
    Write(Record),
    /// It goes.
    Remove,
}

/// Decides. There is one change for each key, in their order.
pub fn decide(ask: Ask, holder: &str, keys: &[Key], now: Millis) -> (Answer, Vec<Change>) {
    match ask {
        Ask::Claim { lapse } => claim(lapse, holder, keys, now),
        // Whoever has it by now: the handler has answered.
        Ask::Confirm => (Answer::Settled, keys.iter().map(|key| Change::Write(handled(key, now))).collect()),
        Ask::Release { attempts } => {
            let release = |key| release(attempts, holder, key, now);
            (Answer::Settled, keys.iter().map(release).collect())
        }
    }
}

fn claim(lapse: Duration, holder: &str, keys: &[Key], now: Millis) -> (Answer, Vec<Change>) {
    let unchanged = || keys.iter().map(|_| Change::None).collect();
    let standing = || keys.iter().filter_map(|key| current(key, now));
    if standing().any(|record| record.standing == Standing::Handled) {
        return (Answer::Handled, unchanged());
    }
    let another = |record: &Record| match &record.standing {
        Standing::Held { holder: other, lapses } if other != holder && *lapses > now => Some(*lapses),
        _ => None,
    };
    if let Some(lapses) = standing().filter_map(another).max() {
        return (Answer::Held { lapses_in: Duration::from_millis(lapses.distance(now)) }, unchanged());
    }
    let attempts = keys.first().and_then(|key| current(key, now)).map_or(0, |record| record.attempts);
    let lapses = now.plus(lapse);
    let changes = keys.iter().map(|key| {
        let record = current(key, now);
        let until = record.map_or(lapses, |record| record.until.max(lapses));
        let standing = Standing::Held { holder: holder.to_owned(), lapses };
        Change::Write(Record { standing, attempts: record.map_or(0, |record| record.attempts), until })
    });
    (Answer::Claimed { attempts }, changes.collect())
}

fn handled(key: &Key, now: Millis) -> Record {
    Record { standing: Standing::Handled, attempts: 0, until: now.plus(key.keep) }
}

/// Whoever does not hold it any more has no say.
fn release(attempts: u32, holder: &str, key: &Key, now: Millis) -> Change {
    match &key.record {
        Some(Record { standing: Standing::Held { holder: held_by, .. }, .. }) if held_by == holder => {}
        _ => return Change::None,
    }
    if attempts == 0 {
        return Change::Remove;
    }
    Change::Write(Record { standing: Standing::Free, attempts, until: now.plus(key.keep) })
}

/// The record, while it says anything.
fn current(key: &Key, now: Millis) -> Option<&Record> {
    key.record.as_ref().filter(|record| record.until > now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const NOW: Millis = Millis(1_000_000);
    const MINUTE: Duration = Duration::from_mins(1);
    const KEEP: Duration = Duration::from_hours(2);

    fn keys(records: &[Option<Record>]) -> Vec<Key> {
        records.iter().map(|record| Key { record: record.clone(), keep: KEEP }).collect()
    }

    /// The records after an ask.
    fn after(ask: Ask, holder: &str, records: &[Option<Record>], now: Millis) -> (Answer, Vec<Option<Record>>) {
        let (answer, changes) = decide(ask, holder, &keys(records), now);
        let now_are = records.iter().zip(changes).map(|(record, change)| match change {
            Change::None => record.clone(),
            Change::Write(record) => Some(record),
            Change::Remove => None,
        });
        (answer, now_are.collect())
    }

    fn claim_by(holder: &str, records: &[Option<Record>], now: Millis) -> (Answer, Vec<Option<Record>>) {
        after(Ask::Claim { lapse: MINUTE }, holder, records, now)
    }

    #[test]
    fn what_one_has_another_waits_for_until_it_lapses_or_is_renewed() {
        let (answer, held) = claim_by("a", &[None, None], NOW);
        assert_eq!(answer, Answer::Claimed { attempts: 0 });
        let later = NOW.plus(MINUTE / 2);
        assert_eq!(claim_by("b", &held, later).0, Answer::Held { lapses_in: MINUTE / 2 });
        // One key in common is enough.
        assert_eq!(claim_by("b", &[None, held[1].clone()], later).0, Answer::Held { lapses_in: MINUTE / 2 });
        let (answer, renewed) = claim_by("a", &held, later);
        assert_eq!(answer, Answer::Claimed { attempts: 0 });
        assert_eq!(claim_by("b", &renewed, NOW.plus(MINUTE)).0, Answer::Held { lapses_in: MINUTE / 2 });
        assert_eq!(claim_by("b", &held, NOW.plus(MINUTE)).0, Answer::Claimed { attempts: 0 });
    }

    #[test]
    fn what_was_handled_is_a_copy_for_its_time_whoever_confirmed() {
        let held = claim_by("a", &[None], NOW).1;
        // Its claim had lapsed, and another has it: the handler answered all the same.
        let taken = claim_by("b", &held, NOW.plus(MINUTE)).1;
        let handled = after(Ask::Confirm, "a", &taken, NOW.plus(MINUTE)).1;
        assert_eq!(claim_by("c", &handled, NOW.plus(KEEP)).0, Answer::Handled);
        assert_eq!(claim_by("c", &handled, NOW.plus(MINUTE + KEEP)).0, Answer::Claimed { attempts: 0 });
    }

    #[test]
    fn attempts_are_counted_over_holders_and_through_a_lapse() {
        let held = claim_by("a", &[None], NOW).1;
        let free = after(Ask::Release { attempts: 3 }, "a", &held, NOW).1;
        let (answer, held) = claim_by("b", &free, NOW);
        assert_eq!(answer, Answer::Claimed { attempts: 3 });
        assert_eq!(claim_by("c", &held, NOW.plus(MINUTE)).0, Answer::Claimed { attempts: 3 });
        // Who lost it has no say.
        assert_eq!(after(Ask::Release { attempts: 9 }, "a", &held, NOW).1, held);
        // With none it starts anew.
        assert_eq!(after(Ask::Release { attempts: 0 }, "b", &held, NOW).1, [None]);
    }
}
