//! The numbers of a run, as a person reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Accept, Judge};
use crate::ground::{CONSUMERS, Consumer};
use crate::rotation::book::Author;
use crate::rotation::metrics::Numbers;
use crate::verdict::{Verdict, listed};

/// The table of a run that was judged.
pub(super) fn verdict(judge: Judge<'_>, numbers: &BTreeMap<Consumer, Numbers>) -> Verdict {
    let book = judge.book;
    let of = |author| book.events.values().filter(move |event| event.author == author).count();
    let mut rows = Vec::new();
    let mut row = |what: &str, value: String| rows.push((what.to_owned(), value));
    row("events published", of(Author::Sidecar).to_string());
    row("answers that asked to post again", listed(&book.answers));
    row("events put with stolen keys", of(Author::Thief).to_string());
    for consumer in CONSUMERS.into_iter().filter(|consumer| *consumer != Consumer::Gateway) {
        let handled = book.rows.keys().filter(|(own, _)| *own == consumer).count();
        row(&format!("handled by {}", consumer.name()), handled.to_string());
    }
    let gateway = numbers.get(&Consumer::Gateway).map_or(0, |numbers| numbers.settled("acknowledged"));
    row("handled by gateway", gateway.to_string());
    row("handled twice", judge.twice.to_string());
    row("lost", judge.lost.to_string());
    let copies: u64 = numbers.values().map(|numbers| numbers.settled("copy")).sum();
    row("copies dropped", copies.to_string());
    let retried: u64 = numbers.values().map(|numbers| numbers.settled("retried")).sum();
    row("given back to the queue for a while", retried.to_string());
    let mut codes = BTreeMap::new();
    for letter in &book.letters {
        *codes.entry(letter.code.clone()).or_insert(0) += 1;
    }
    row("dead letters by code, of all five inboxes", listed(&codes));
    let caught = |letter: &&super::Letter| book.events.get(&letter.event).is_some_and(|e| e.author == Author::Sidecar);
    let caught = book.letters.iter().filter(caught).count();
    row("of them published by the sidecar, caught by a revocation", caught.to_string());
    row("rotations (keys made)", format!("{} ({} asked for)", judge.rotations(), book.rotations_asked));
    row("algorithm changes", format!("{} ({} asked for)", judge.flips(), book.flips_asked));
    row("kids revoked", book.revocations.len().to_string());
    row("pods of the signature service lost", book.pods_gone.to_string());
    let away = book.aways.iter().filter_map(|away| Some(Duration::from_millis(away.to?.distance(away.from))));
    row("signature service away", format!("{} times, {} in all", book.aways.len(), seconds(away.sum())));
    row("inbox paused", format!("{} times", book.pauses));
    row("longest accept after a revocation, service reached (10 s)", accept(judge.late.by_service.as_ref()));
    row("longest accept after a revocation, by ConfigMap (120 s)", accept(judge.late.by_config_map.as_ref()));
    Verdict { rows, broken: judge.broken }
}

fn accept(accept: Option<&Accept>) -> String {
    accept.map_or_else(|| "none".to_owned(), |Accept { after, whose }| format!("{} ({whose})", seconds(*after)))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
