//! A good run, and each way in which one may be bad.

use std::time::Duration;

use eventing::time::{Micros, Millis};

use super::*;
use crate::flow::kinds::POISON;
use crate::flow::plan::Trouble;

const BEGIN: Micros = Micros(1_795_000_000_000_000);
const TREASURY: Consumer = Consumer::Treasury;
const NOTIFICATION: Consumer = Consumer::Notification;
/// The pods of treasury, one after the other: the first is killed without grace, the second with it.
const PODS: [&str; 3] = ["treasury-a", "treasury-b", "treasury-c"];

fn after(millis: i64) -> Micros {
    Micros(BEGIN.0 + millis * 1_000)
}

fn plan() -> Plan {
    Plan {
        rate: 100,
        publish: Duration::from_secs(1),
        trouble: Some(Trouble { seed: 7, quiet: Duration::ZERO }),
        change: None,
    }
}

fn row(pod: &str, at: i64) -> Row {
    Row { pod: pod.to_owned(), at: after(at), attempt: 1 }
}

fn letter(code: &str, at: i64) -> Letter {
    Letter { code: code.to_owned(), at: Some(Millis(after(at).millis().0)) }
}

fn kill(target: Target, pod: &str, at: i64, is_graceful: bool) -> Killed {
    Killed { target, pod: pod.to_owned(), at: after(at), is_graceful }
}

/// A hundred events in a second, one of every kind of poison among them, each where it belongs.
fn good() -> Book {
    let mut book = Book::default();
    for nth in 0_u32..100 {
        let kind = usize::try_from(nth).ok().and_then(|nth| POISON.get(nth)).copied().unwrap_or(Kind::Good);
        let at = i64::from(nth) * 10;
        let (correlation, published) = ("c".to_owned(), Some(after(at + 5)));
        let event = Event { kind, correlation, due: after(at), published, is_uncertain: false };
        let name = format!("{kind:?}-{nth}");
        for consumer in CONSUMERS {
            let key = (consumer, name.clone());
            match kind.fate(consumer) {
                Fate::Handled if consumer == Consumer::Journal => {
                    assert!(book.journal.insert(name.clone(), 1).is_none());
                }
                Fate::Handled if consumer == Consumer::Gateway => {
                    book.stream.insert(name.clone(), vec![after(at + 20)]);
                }
                Fate::Handled => drop(book.rows.insert(key, vec![row(PODS[0], at + 10)])),
                Fate::DeadLetter(code) => drop(book.letters.insert(key, vec![letter(code, at + 10)])),
                Fate::Absent => {}
            }
        }
        book.events.insert(name, event);
    }
    book.kills.push(kill(Target::Treasury, PODS[0], 900, false));
    book.kills.push(kill(Target::Treasury, PODS[1], 5_000, true));
    book
}

/// The promises that a run breaks in which this was otherwise.
fn broken(otherwise: impl FnOnce(&mut Book)) -> Vec<String> {
    let mut book = good();
    otherwise(&mut book);
    judge(&book, &plan()).broken
}

/// It breaks one promise, in these words.
#[track_caller]
fn breaks(words: &str, otherwise: impl FnOnce(&mut Book)) {
    let broken = broken(otherwise);
    assert!(broken.len() == 1 && broken[0].contains(words), "{broken:#?}");
}

type Otherwise = fn(&mut Book);

#[track_caller]
fn keeps(otherwise: impl FnOnce(&mut Book)) {
    assert_eq!(broken(otherwise), Vec::<String>::new());
}

fn key(consumer: Consumer, name: &str) -> (Consumer, String) {
    (consumer, name.to_owned())
}

fn rows<'a>(book: &'a mut Book, consumer: Consumer, name: &str) -> &'a mut Vec<Row> {
    book.rows.get_mut(&key(consumer, name)).unwrap()
}

fn letters<'a>(book: &'a mut Book, consumer: Consumer, name: &str) -> &'a mut Vec<Letter> {
    book.letters.get_mut(&key(consumer, name)).unwrap()
}

#[test]
fn a_good_run_breaks_nothing_and_its_table_says_what_it_was() {
    keeps(|_| {});
    let table = judge(&good(), &plan()).to_string();
    let squeezed = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "events published 100",
        "no event at all: 5, of an unknown key: 5, refused by treasury: 5, tampered with: 5",
        "handled by treasury 80",
        "handled by compliance 85",
        "lost 0",
        "BODY_MALFORMED: 5, HANDLER_REJECTED: 5, KID_UNKNOWN: 25, PAYLOAD_MISMATCH: 25",
        "pods killed with their grace treasury: 1",
    ] {
        assert!(squeezed.contains(line), "{line}: {table}");
    }
}

#[test]
fn one_handler_may_have_an_event_again_where_its_sidecar_tried_again_and_not_otherwise() {
    let again = |book: &mut Book, attempt: u32| {
        let rows = rows(book, TREASURY, "Good-50");
        let first = rows.first().unwrap().clone();
        rows.push(Row { at: Micros(first.at.0 + 9_000_000), attempt, ..first });
    };
    let tried = |book: &mut Book| again(book, 2);
    assert_eq!(broken(tried), Vec::<String>::new());
    assert_ne!(broken(|book| again(book, 1)), Vec::<String>::new());
}

#[test]
fn what_nobody_saw_again_is_lost_wherever_that_is() {
    assert_eq!(open(&good()), 0);
    let losses: [(&str, Otherwise); 3] = [
        ("at treasury is lost", |book| drop(book.rows.remove(&key(TREASURY, "Good-50")))),
        ("at journal is lost", |book| assert!(book.journal.remove("Good-50").is_some())),
        ("at gateway is lost", |book| drop(book.stream.remove("Good-50"))),
    ];
    for (words, lose) in losses {
        let mut book = good();
        lose(&mut book);
        assert_eq!(open(&book), 1, "{words}");
        breaks(words, lose);
    }
}

#[test]
fn a_good_event_is_no_dead_letter_and_what_nobody_sent_is_nowhere() {
    breaks("Good Good-50 at treasury is a dead letter", |book| {
        book.letters.insert(key(TREASURY, "Good-50"), vec![letter("KID_UNKNOWN", 700)]);
    });
    breaks("nothing of the run", |book| {
        book.letters.insert(key(TREASURY, "stranger"), vec![letter("KID_UNKNOWN", 700)]);
    });
    breaks("treasury: handled what nobody published", |book| {
        book.rows.insert(key(TREASURY, "stranger"), vec![row(PODS[0], 700)]);
    });
    breaks("journal: handled what nobody published", |book| {
        assert!(book.journal.insert("stranger".to_owned(), 1).is_none());
    });
    breaks("gateway: handled what nobody published", |book| {
        drop(book.stream.insert("stranger".to_owned(), vec![BEGIN]));
    });
}

#[test]
fn poison_is_a_dead_letter_with_its_code_where_it_belongs() {
    breaks("PAYLOAD_MISMATCH is right", |book| drop(book.letters.remove(&key(TREASURY, "Tampered-1"))));
    breaks("code RECEIVES_EXHAUSTED, HANDLER_REJECTED is right", |book| {
        "RECEIVES_EXHAUSTED".clone_into(&mut letters(book, TREASURY, "Refused-0")[0].code);
    });
    breaks("was handled", |book| drop(book.rows.insert(key(TREASURY, "UnknownKey-2"), vec![row(PODS[0], 700)])));
    breaks("was handled", |book| drop(book.stream.insert("UnknownKey-2".to_owned(), vec![BEGIN])));
    breaks("was never sent there", |book| {
        book.letters.insert(key(NOTIFICATION, "Malformed(Treasury)-3"), vec![letter("BODY_MALFORMED", 700)]);
    });
}

#[test]
fn an_event_is_handled_again_only_where_its_first_pod_had_no_grace() {
    keeps(|book| rows(book, TREASURY, "Good-50").push(row(PODS[1], 1_500)));
    breaks("handled by treasury-a and again by treasury-a", |book| {
        rows(book, TREASURY, "Good-50").push(row(PODS[0], 600));
    });
    breaks("handled by treasury-b and again by treasury-c", |book| {
        *rows(book, TREASURY, "Good-50") = vec![row(PODS[2], 6_000), row(PODS[1], 1_500)];
    });
    // Nobody killed that one.
    breaks("handled by treasury-c and again by treasury-a", |book| {
        *rows(book, TREASURY, "Good-50") = vec![row(PODS[2], 400), row(PODS[0], 600)];
    });
    breaks("at journal was seen 2 times", |book| assert!(book.journal.insert("Good-50".to_owned(), 2).is_some()));
    breaks("at gateway was seen 2 times", |book| book.stream.get_mut("Good-50").unwrap().push(after(900)));
}

#[test]
fn an_event_that_may_be_on_the_bus_twice_may_come_to_another_pod_but_not_to_the_same() {
    let uncertain = |book: &mut Book| book.events.get_mut("Good-50").unwrap().is_uncertain = true;
    keeps(|book| {
        uncertain(book);
        *rows(book, TREASURY, "Good-50") = vec![row(PODS[1], 1_500), row(PODS[2], 6_000)];
    });
    breaks("again by treasury-b", |book| {
        uncertain(book);
        *rows(book, TREASURY, "Good-50") = vec![row(PODS[1], 1_500), row(PODS[1], 1_600)];
    });
}

#[test]
fn a_killed_pod_had_so_many_in_hand_and_no_more() {
    let again = |book: &mut Book, count: usize| {
        for nth in 30..30 + count {
            rows(book, TREASURY, &format!("Good-{nth}")).push(row(PODS[1], 1_500));
        }
    };
    keeps(|book| again(book, IN_HAND));
    breaks("33 events of treasury-a were handled again", |book| again(book, IN_HAND + 1));
}

#[test]
fn a_dead_letter_is_there_twice_only_where_somebody_was_killed_over_it() {
    keeps(|book| letters(book, TREASURY, "Refused-0").push(letter("HANDLER_REJECTED", 1_500)));
    breaks("is a dead letter 2 times", |book| {
        book.kills[0].is_graceful = true;
        letters(book, TREASURY, "Refused-0").push(letter("HANDLER_REJECTED", 1_500));
    });
    breaks("is a dead letter 2 times", |book| {
        letters(book, NOTIFICATION, "Tampered-1").push(letter("PAYLOAD_MISMATCH", 1_500));
    });
    // The kill was long before.
    breaks("is a dead letter 2 times", |book| {
        *letters(book, TREASURY, "Refused-0") =
            vec![letter("HANDLER_REJECTED", 9_000), letter("HANDLER_REJECTED", 9_500)];
    });
}

#[test]
fn everything_is_published_in_its_time_and_something_was_tried() {
    breaks("never published", |book| book.events.get_mut("Good-50").unwrap().published = None);
    breaks("49.5 events a second", |book| book.events.get_mut("Good-99").unwrap().published = Some(after(2_020)));
    breaks("404 none", |book| book.bad_answers.push("x was answered 404 none".to_owned()));
    breaks("the inbox of notification still holds 3 messages", |book| {
        assert!(book.waiting.insert(NOTIFICATION, 3).is_none());
    });
    breaks("no pod was killed", |book| book.kills.clear());
    let mut plan = plan();
    plan.publish = Duration::from_secs(2);
    assert_eq!(judge(&good(), &plan).broken, ["100 events of 200"]);
}
