//! What a run comes to: which promise was broken, and the numbers. Pure.

mod report;
mod rollback;
mod steps;
#[cfg(test)]
mod tests;
mod upgrade;

use std::collections::BTreeMap;
use std::time::Duration;

use eventing::time::Micros;

use super::book::{Book, Event, Killed, Letter, Name, Row};
use super::kills::Target;
use super::kinds::{Fate, Kind};
use super::plan::{LEAST_RATE, Plan};
use crate::ground::{CONSUMERS, Consumer};
use crate::verdict::Verdict;

/// How many events a sidecar of the examples may have in hand (`forward.maxInFlight`): as many may be delivered once more
/// when it is killed without grace.
const IN_HAND: usize = 32;
/// How long, in milliseconds, somebody who is killed without grace may go on writing, and how long it may take until
/// somebody else has what he held: the visibility of the examples' inboxes, and a little.
const LAST_WORDS: i64 = 5_000;
const VISIBILITY: i64 = 70_000;

/// How many ends are still to come: an event has one at each consumer that it reaches.
pub(super) fn open(book: &Book) -> usize {
    let is_open = |consumer: Consumer, name: &Name, event: &Event| {
        let fate = event.kind.fate(consumer);
        fate != Fate::Absent
            && book.handled(consumer, name) == 0
            && !book.letters.contains_key(&(consumer, name.clone()))
    };
    let of = |consumer: Consumer| book.events.iter().filter(|(name, event)| is_open(consumer, name, event)).count();
    CONSUMERS.into_iter().map(of).sum()
}

/// Judges a run that is over.
pub(super) fn judge(book: &Book, plan: &Plan) -> Verdict {
    let mut judge =
        Judge { book, broken: book.bad_answers.clone(), lost: 0, again: BTreeMap::new(), copies: 0, tried_again: 0 };
    judge.published(plan);
    for consumer in CONSUMERS {
        judge.strangers(consumer);
        judge.emptied(consumer);
        for (name, event) in &book.events {
            judge.event(consumer, name, event);
        }
    }
    judge.in_hand();
    if plan.trouble.is_some() {
        judge.was_tried();
    }
    if plan.rolls_back() {
        judge.rolled_back();
    }
    if plan.upgrades() {
        judge.upgraded();
    }
    report::verdict(judge)
}

struct Judge<'a> {
    book: &'a Book,
    broken: Vec<String>,
    lost: u64,
    /// How much was handled again that a pod killed without grace had handled: by that pod.
    again: BTreeMap<&'a str, usize>,
    /// How much was handled again that was on the bus twice.
    copies: usize,
    /// How much was handed to the same handler again, whose first answer was no 2xx or came too late.
    tried_again: usize,
}

impl<'a> Judge<'a> {
    fn say(&mut self, broken: String) {
        self.broken.push(broken);
    }

    /// All of it, and fast enough.
    fn published(&mut self, plan: &Plan) {
        let waiting = self.book.events.values().filter(|event| event.published.is_none()).count();
        if waiting > 0 {
            self.say(format!("{waiting} events were never published"));
        }
        let events = self.book.events.len();
        if events != usize::try_from(plan.events()).unwrap_or(usize::MAX) {
            self.say(format!("{events} events of {}", plan.events()));
        }
        let rate = rate(self.book);
        // What is measured is published at this very rate, and the last answers take their time.
        if plan.trouble.is_some() && rate < f64::from(LEAST_RATE) {
            self.say(format!("{rate:.1} events a second, at least {LEAST_RATE} are right"));
        }
    }

    /// Nothing is seen that nobody sent.
    fn strangers(&mut self, consumer: Consumer) {
        let known = &self.book.events;
        let letters = self.book.letters.keys().filter(|(own, name)| *own == consumer && !known.contains_key(name));
        let rows = self.book.rows.keys().filter(|(own, name)| *own == consumer && !known.contains_key(name));
        let journal =
            self.book.journal.keys().filter(|name| consumer == Consumer::Journal && !known.contains_key(*name));
        let stream = self.book.stream.keys().filter(|name| consumer == Consumer::Gateway && !known.contains_key(*name));
        let who = consumer.name();
        let letters = letters.map(|(_, name)| format!("{who}: a dead letter that is nothing of the run: {name}"));
        let handled = rows.map(|(_, name)| name).chain(journal).chain(stream);
        let handled = handled.map(|name| format!("{who}: handled what nobody published: {name}"));
        let broken: Vec<String> = letters.chain(handled).collect();
        self.broken.extend(broken);
    }

    /// What waits yet may become anything.
    fn emptied(&mut self, consumer: Consumer) {
        let waiting = self.book.waiting.get(&consumer).copied().unwrap_or_default();
        if waiting > 0 {
            self.say(format!("the inbox of {} still holds {waiting} messages", consumer.name()));
        }
    }

    /// One event at one consumer: what is to become of its kind, and nothing else.
    fn event(&mut self, consumer: Consumer, name: &Name, event: &'a Event) {
        let book = self.book;
        let who = format!("{:?} {name} at {}", event.kind, consumer.name());
        let letters = book.letters.get(&(consumer, name.clone())).map_or(&[][..], Vec::as_slice);
        let handled = book.handled(consumer, name);
        match event.kind.fate(consumer) {
            Fate::Handled => {
                if !letters.is_empty() {
                    self.say(format!("{who} is a dead letter: {letters:?}"));
                } else if handled == 0 {
                    self.lost += 1;
                    self.say(format!("{who} is lost: {event:?}"));
                }
                self.once(consumer, &who, name, event);
            }
            Fate::DeadLetter(code) => {
                if handled > 0 {
                    self.say(format!("{who} was handled"));
                }
                if letters.is_empty() {
                    self.say(format!("{who} is no dead letter, {code} is right"));
                }
                for letter in letters.iter().filter(|letter| letter.code != code) {
                    self.say(format!("{who} is a dead letter with code {}, {code} is right", letter.code));
                }
                if letters.len() > 1 && !self.may_be_twice(consumer, event, letters) {
                    self.say(format!("{who} is a dead letter {} times: {letters:?}", letters.len()));
                }
            }
            Fate::Absent => {
                if handled > 0 || !letters.is_empty() {
                    self.say(format!("{who} was never sent there"));
                }
            }
        }
    }

    /// Nobody has an event twice, but where its pod was killed without grace, or it is on the bus twice and the one that
    /// remembered it is gone.
    fn once(&mut self, consumer: Consumer, who: &str, name: &Name, event: &Event) {
        let book = self.book;
        if !consumer.is_sidecar() {
            let times = book.handled(consumer, name);
            if times > 1 {
                self.say(format!("{who} was seen {times} times"));
            }
            return;
        }
        let Some(rows) = book.rows.get(&(consumer, name.clone())) else { return };
        let mut rows: Vec<&Row> = rows.iter().collect();
        rows.sort_by_key(|row| row.at);
        for (first, second) in rows.iter().zip(rows.iter().skip(1)) {
            let is_killed = self.killed(&first.pod).is_some_and(|killed| !killed.is_graceful);
            if first.pod == second.pod && second.attempt > first.attempt {
                // What was answered 2xx comes as a first attempt, if it comes again.
                self.tried_again += 1;
            } else if first.pod == second.pod || !(is_killed || event.is_uncertain) {
                self.say(format!("{who} was handled by {} and again by {}", first.pod, second.pod));
            } else if is_killed {
                *self.again.entry(&first.pod).or_default() += 1;
            } else {
                self.copies += 1;
            }
        }
    }

    fn killed(&self, pod: &str) -> Option<&'a Killed> {
        self.book.kills.iter().find(|killed| killed.pod == pod)
    }

    /// A dead letter is written before its message is deleted: who is killed between has a successor that writes it anew.
    fn may_be_twice(&self, consumer: Consumer, event: &Event, letters: &[Letter]) -> bool {
        let first = letters.iter().filter_map(|letter| letter.at).min();
        let kills = self.book.kills.iter().filter(|killed| !killed.is_graceful && killed.target == target(consumer));
        let is_between = |killed: &Killed| {
            first.is_some_and(|first| {
                let after = killed.at.millis().0 - first.0;
                (-LAST_WORDS..VISIBILITY).contains(&after)
            })
        };
        event.is_uncertain || kills.into_iter().any(is_between)
    }

    /// What a killed pod had in hand, and no more, is handled again.
    fn in_hand(&mut self) {
        let too_many: Vec<String> = self
            .again
            .iter()
            .filter(|(_, count)| **count > IN_HAND)
            .map(|(pod, count)| {
                format!("{count} events of {pod} were handled again, at most {IN_HAND} were in its hands")
            })
            .collect();
        self.broken.extend(too_many);
    }

    /// When each event was on the bus.
    fn published_at(&self) -> impl Iterator<Item = Micros> {
        self.book.events.values().filter_map(|event| event.published)
    }

    /// A run in which nothing happened proves nothing.
    fn was_tried(&mut self) {
        if self.book.kills.is_empty() {
            self.say("no pod was killed".to_owned());
        }
        let poison = self.book.events.values().filter(|event| event.kind != Kind::Good).count();
        // Of the last hundred, one may be missing.
        if (poison + 1) * 100 < self.book.events.len() {
            self.say(format!("{poison} of {} events were poison, one in a hundred is right", self.book.events.len()));
        }
    }
}

/// Events a second, from when the first was due until the last was on the bus.
fn rate(book: &Book) -> f64 {
    let first = book.events.values().map(|event| event.due).min();
    let last = book.events.values().filter_map(|event| event.published).max();
    let micros = first.zip(last).map_or(0, |(first, last)| u64::try_from(last.0 - first.0).unwrap_or_default());
    let events = u32::try_from(book.events.len()).unwrap_or(u32::MAX);
    if micros > 0 { f64::from(events) / Duration::from_micros(micros).as_secs_f64() } else { 0.0 }
}

/// Who is killed where a consumer is.
const fn target(consumer: Consumer) -> Target {
    match consumer {
        Consumer::Treasury => Target::Treasury,
        Consumer::Compliance => Target::Compliance,
        Consumer::Notification => Target::Notification,
        Consumer::Journal => Target::Journal,
        Consumer::Gateway => Target::Gateway,
    }
}
