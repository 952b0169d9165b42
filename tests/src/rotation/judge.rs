//! What a run comes to: which promise was broken, and the numbers. Pure.

mod report;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eventing::time::Millis;

use super::book::{Author, Book, Event, Letter, Revocation, Row};
use super::metrics::Numbers;
use crate::ground::{CONSUMERS, Consumer};
use crate::verdict::Verdict;

/// How long after a revocation a kid may still be accepted where the signature service is reached.
pub(super) const BY_SERVICE: Duration = Duration::from_secs(10);
/// The same where only the mounted ConfigMap tells.
pub(super) const BY_CONFIG_MAP: Duration = Duration::from_mins(2);

/// The only code a dead letter of a run may have.
const REVOKED: &str = "KEY_REVOKED";

/// How many ends are still to come: an event has one at each consumer. The gateway's cannot be seen.
pub(super) fn open(book: &Book) -> usize {
    let seen = |consumer: &&Consumer| **consumer != Consumer::Gateway;
    let ended: BTreeSet<(Consumer, &str)> =
        book.letters.iter().map(|letter| (letter.consumer, letter.event.as_str())).collect();
    let is_open = |consumer: Consumer, event: &String| {
        !book.rows.contains_key(&(consumer, event.clone())) && !ended.contains(&(consumer, event.as_str()))
    };
    let of = |consumer: &Consumer| book.events.keys().filter(|event| is_open(*consumer, event)).count();
    CONSUMERS.iter().filter(seen).map(of).sum()
}

/// Judges a run that is over. `numbers` is what each consumer counted in it.
pub(super) fn judge(book: &Book, numbers: &BTreeMap<Consumer, Numbers>) -> Verdict {
    let mut judge = Judge { book, broken: book.bad_answers.clone(), late: Late::default(), lost: 0, twice: 0 };
    if book.unpublished > 0 {
        judge.say(format!("{} events were never published", book.unpublished));
    }
    for consumer in CONSUMERS {
        let letters = judge.letters(consumer);
        for (name, event) in &book.events {
            judge.event(consumer, name, event, letters.get(name.as_str()).map_or(&[], Vec::as_slice));
        }
        judge.counted(consumer, numbers.get(&consumer));
    }
    judge.was_tried();
    report::verdict(judge, numbers)
}

/// The longest times after a revocation at which something was still accepted.
#[derive(Clone, Debug, Default)]
struct Late {
    by_service: Option<Accept>,
    by_config_map: Option<Accept>,
}

/// Something that was accepted after its kid was revoked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Accept {
    /// How long after.
    after: Duration,
    /// By whom, and with which kid.
    whose: String,
}

struct Judge<'a> {
    book: &'a Book,
    broken: Vec<String>,
    late: Late,
    lost: u64,
    twice: u64,
}

impl<'a> Judge<'a> {
    fn say(&mut self, broken: String) {
        self.broken.push(broken);
    }

    fn revocation(&self, kid: &str) -> Option<&'a Revocation> {
        self.book.revocations.iter().find(|one| one.kid == kid)
    }

    /// A consumer's dead letters by event; those that are of no event of this run are told.
    fn letters(&mut self, consumer: Consumer) -> BTreeMap<&'a str, Vec<&'a Letter>> {
        let mut found: BTreeMap<&str, Vec<&Letter>> = BTreeMap::new();
        for letter in self.book.letters.iter().filter(|letter| letter.consumer == consumer) {
            if self.book.events.contains_key(&letter.event) {
                found.entry(&letter.event).or_default().push(letter);
            } else {
                self.say(format!("{}: a dead letter that is no event of the run: {letter:?}", consumer.name()));
            }
        }
        found
    }

    /// One event at one consumer: accepted once, or refused for its revoked kid.
    fn event(&mut self, consumer: Consumer, name: &str, event: &Event, letters: &[&Letter]) {
        let who = format!("{name} at {}", consumer.name());
        for letter in letters {
            self.letter(&who, event, letter);
        }
        let row = self.book.rows.get(&(consumer, name.to_owned()));
        // What the gateway accepts, it does not show; its counters are held against what it refused.
        let gateways = Row { kid: event.kids.first().cloned().unwrap_or_default(), at: None, deliveries: 1 };
        let row = if consumer == Consumer::Gateway { letters.is_empty().then_some(&gateways) } else { row };
        let Some(row) = row else {
            if letters.is_empty() {
                self.lost += 1;
                self.say(format!("{who} is lost: {event:?}"));
            }
            return;
        };
        if row.deliveries != 1 {
            self.twice += 1;
            self.say(format!("{who} was delivered {} times", row.deliveries));
        }
        if !letters.is_empty() && !event.is_uncertain {
            self.say(format!("{who} was accepted and is a dead letter"));
        }
        if !event.kids.contains(&row.kid) {
            self.say(format!("{who} was accepted with kid {}, and {:?} signed it", row.kid, event.kids));
        }
        self.accepted(consumer, name, event, row);
    }

    fn letter(&mut self, who: &str, event: &Event, letter: &Letter) {
        if letter.code != REVOKED {
            return self.say(format!("{who} is a dead letter with code {}: {event:?}", letter.code));
        }
        let revoked = self.revocation(&letter.kid).filter(|_| event.kids.contains(&letter.kid)).map(|one| one.at);
        let is_true = revoked.zip(letter.at).is_some_and(|(revoked, refused)| refused >= revoked);
        if !is_true {
            self.say(format!("{who} was refused as revoked, and was not: {letter:?}, revoked {revoked:?}"));
        }
    }

    /// Nothing is accepted too long after its kid was revoked.
    fn accepted(&mut self, consumer: Consumer, name: &str, event: &Event, row: &Row) {
        let Some(revocation) = self.revocation(&row.kid) else { return };
        // Who does not tell when, accepted it after it was put on the bus.
        let at = row.at.unwrap_or(event.at);
        if at <= revocation.at {
            return;
        }
        let after = Duration::from_millis(at.distance(revocation.at));
        let accept = Accept { after, whose: format!("{} of {}", consumer.name(), row.kid) };
        let (limit, longest) = match self.limit(revocation) {
            Limit::Service => (BY_SERVICE, &mut self.late.by_service),
            Limit::ConfigMap(limit) => (limit, &mut self.late.by_config_map),
        };
        if longest.as_ref().is_none_or(|longest| *longest < accept) {
            *longest = Some(accept);
        }
        if after > limit {
            let who = format!("{name} at {}", consumer.name());
            self.say(format!("{who} was accepted {after:?} after {} was revoked, at most {limit:?} is right", row.kid));
        }
    }

    /// While the service is away the ConfigMap has its two minutes, unless the service is back sooner.
    fn limit(&self, revocation: &Revocation) -> Limit {
        let is_during = |from: Millis, to: Option<Millis>| {
            from < revocation.at.plus(BY_SERVICE) && to.is_none_or(|to| revocation.at < to)
        };
        let away = self.book.aways.iter().find(|away| is_during(away.from, away.to));
        away.map_or(Limit::Service, |away| {
            let back = away.to.map(|to| Duration::from_millis(to.distance(revocation.at)) + BY_SERVICE);
            Limit::ConfigMap(back.map_or(BY_CONFIG_MAP, |back| back.min(BY_CONFIG_MAP)))
        })
    }

    /// What a consumer counted is what is seen of it.
    fn counted(&mut self, consumer: Consumer, numbers: Option<&Numbers>) {
        let Some(numbers) = numbers else { return self.say(format!("{}: no metrics", consumer.name())) };
        let mut letters: BTreeMap<String, u64> = BTreeMap::new();
        for letter in self.book.letters.iter().filter(|letter| letter.consumer == consumer) {
            *letters.entry(letter.code.clone()).or_default() += 1;
        }
        let counted = numbers.dead_letters();
        if counted != letters {
            self.say(format!("{}: counted {counted:?}, and its dead letters are {letters:?}", consumer.name()));
        }
        let refused: BTreeSet<&str> =
            self.book.letters.iter().filter(|own| own.consumer == consumer).map(|own| own.event.as_str()).collect();
        let accepted = (self.book.events.len() as u64).saturating_sub(refused.len() as u64);
        let acknowledged = numbers.settled("acknowledged");
        let may_be_more = self.book.events.values().any(|event| event.is_uncertain);
        if acknowledged < accepted || (acknowledged > accepted && !may_be_more) {
            self.say(format!("{}: acknowledged {acknowledged} events of {accepted}", consumer.name()));
        }
    }

    /// A run in which nothing happened proves nothing.
    fn was_tried(&mut self) {
        let book = self.book;
        for Revocation { kid, .. } in &book.revocations {
            for consumer in CONSUMERS.iter().filter(|consumer| !book.refuses(**consumer, kid)) {
                self.say(format!("{}: nothing of the revoked {kid} came to be refused", consumer.name()));
            }
            let stolen =
                book.events.iter().filter(|(_, event)| event.author == Author::Thief && event.kids.contains(kid));
            let is_proven =
                |name: &String| CONSUMERS.iter().any(|consumer| book.rows.contains_key(&(*consumer, name.clone())));
            if !stolen.map(|(name, _)| name).any(is_proven) {
                self.say(format!("no event with the stolen key {kid} was accepted before it was revoked"));
            }
        }
        let rotations = self.rotations();
        if rotations < book.rotations_asked / 2 {
            self.say(format!("{} rotations were asked for, and {rotations} keys made", book.rotations_asked));
        }
        let (flips, asked) = (self.flips(), book.flips_asked);
        if flips < asked.saturating_sub(1) {
            self.say(format!("{asked} changes of algorithm were asked for, and {flips} signed an event"));
        }
    }

    /// Keys made in the run.
    fn rotations(&self) -> u64 {
        self.book.kids.keys().filter(|kid| !self.book.first_kids.contains(*kid)).count() as u64
    }

    /// Changes of algorithm from one published event to the next.
    fn flips(&self) -> u64 {
        let mut events: Vec<&Event> =
            self.book.events.values().filter(|event| event.author == Author::Sidecar).collect();
        events.sort_by_key(|event| event.at);
        let mut algorithms: Vec<&String> =
            events.iter().filter_map(|event| self.book.kids.get(event.kids.last()?)).collect();
        algorithms.dedup();
        (algorithms.len() as u64).saturating_sub(1)
    }
}

/// By what verifiers learn of a revocation, and how long they may take.
enum Limit {
    Service,
    ConfigMap(Duration),
}
