//! The numbers of a run, as a person reads them.

use std::collections::BTreeMap;

use super::{Judge, rate};
use crate::flow::book::Book;
use crate::flow::figures::Times;
use crate::flow::kinds::Kind;
use crate::ground::{CONSUMERS, Consumer};
use crate::verdict::{Verdict, listed};

/// The table of a run that was judged.
pub(super) fn verdict(judge: Judge<'_>) -> Verdict {
    let book = judge.book;
    let mut rows = Vec::new();
    let mut row = |what: &str, value: String| rows.push((what.to_owned(), value));
    row("events published", book.events.len().to_string());
    row("of them poison", listed(&kinds(book)));
    row("events a second", format!("{:.1}", rate(book)));
    row("answers that asked to post again", listed(&book.answers));
    let uncertain = book.events.values().filter(|event| event.is_uncertain).count();
    row("posted again with the first answer unknown", uncertain.to_string());
    for consumer in CONSUMERS {
        let what = match consumer {
            Consumer::Gateway => "seen through the gateway's stream".to_owned(),
            Consumer::Journal => "in the journal".to_owned(),
            _ => format!("handled by {}", consumer.name()),
        };
        row(&what, book.events_handled(consumer).to_string());
    }
    row("lost", judge.lost.to_string());
    row("handled again, its first pod killed without grace", judge.again.values().sum::<usize>().to_string());
    row("handled again, on the bus twice and its first pod gone", judge.copies.to_string());
    row("handled again, its first answer no 2xx or too late", judge.tried_again.to_string());
    let letters: usize = book.letters.values().map(Vec::len).sum();
    row("dead letters by code, of all five inboxes", listed(&codes(book)));
    row("of them written twice", (letters - book.letters.len()).to_string());
    row("pods killed with their grace", listed(&kills(book, true)));
    row("pods killed without", listed(&kills(book, false)));
    row("the stream was opened", format!("{} times, and said {} times that its id is gone", book.streams, book.resets));
    row("POST to handler", Times::of_handlers(book, None).line());
    row("POST to stream", Times::of_stream(book).line());
    Verdict { rows, broken: judge.broken }
}

fn kinds(book: &Book) -> BTreeMap<String, u64> {
    let mut kinds = BTreeMap::new();
    for event in book.events.values() {
        let kind = match event.kind {
            Kind::Good => continue,
            Kind::Refused => "refused by treasury",
            Kind::Tampered => "tampered with",
            Kind::UnknownKey => "of an unknown key",
            Kind::Malformed(_) => "no event at all",
        };
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    kinds
}

fn codes(book: &Book) -> BTreeMap<String, u64> {
    let mut codes = BTreeMap::new();
    for letter in book.letters.values().flatten() {
        *codes.entry(letter.code.clone()).or_default() += 1;
    }
    codes
}

fn kills(book: &Book, is_graceful: bool) -> BTreeMap<String, u64> {
    let mut kills = BTreeMap::new();
    for killed in book.kills.iter().filter(|killed| killed.is_graceful == is_graceful) {
        *kills.entry(killed.target.name().to_owned()).or_default() += 1;
    }
    kills
}
