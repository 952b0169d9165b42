//! A good run, and each way in which one may be bad.

use super::*;
use crate::rotation::book::Away;

const KID: &str = "payments-revoked";
const OTHER: &str = "payments-good";
const BEGIN: Millis = Millis(1_795_000_000_000);
const REVOKED_AT: Millis = Millis(BEGIN.0 + 20_000);

fn after(seconds: i64) -> Millis {
    Millis(REVOKED_AT.0 + seconds * 1_000)
}

fn put(book: &mut Book, name: &str, author: Author, kid: &str, at: Millis) {
    let event = Event { author, at, kids: [kid.to_owned()].into(), is_uncertain: false };
    book.events.insert(name.to_owned(), event);
}

fn accept(book: &mut Book, consumer: Consumer, name: &str, at: Millis) {
    let kid = book.events[name].kids.first().unwrap().clone();
    let at = consumer.is_sidecar().then_some(at);
    // What the gateway accepts, nobody sees.
    if consumer != Consumer::Gateway {
        book.rows.insert((consumer, name.to_owned()), Row { kid, at, deliveries: 1 });
    }
}

fn refuse(book: &mut Book, consumer: Consumer, name: &str, at: Millis) {
    let kid = book.events[name].kids.first().unwrap().clone();
    let (event, code) = (name.to_owned(), "KEY_REVOKED".to_owned());
    book.letters.push(Letter { consumer, event, code, kid, at: Some(at) });
}

/// Four events: one of a good key, one with a stolen key before its revocation, one right after, one later.
fn good() -> Book {
    let mut book = Book::default();
    put(&mut book, "paid", Author::Sidecar, OTHER, BEGIN);
    put(&mut book, "stolen", Author::Thief, KID, BEGIN);
    put(&mut book, "quick", Author::Thief, KID, after(1));
    put(&mut book, "late", Author::Thief, KID, after(30));
    for consumer in CONSUMERS {
        accept(&mut book, consumer, "paid", BEGIN);
        accept(&mut book, consumer, "stolen", BEGIN);
        // One of them is the last to hear of it.
        accept(&mut book, consumer, "quick", after(if consumer == Consumer::Notification { 2 } else { 1 }));
        refuse(&mut book, consumer, "late", after(31));
    }
    book.revocations.push(Revocation { kid: KID.to_owned(), at: REVOKED_AT });
    book
}

/// What consumers count that did what the book says.
fn counted(book: &Book) -> BTreeMap<Consumer, Numbers> {
    let of = |consumer| {
        let letters: Vec<_> = book.letters.iter().filter(|letter| letter.consumer == consumer).collect();
        let codes: BTreeSet<&str> = letters.iter().map(|letter| letter.code.as_str()).collect();
        let counters = codes.iter().map(|code| {
            let count = letters.iter().filter(|letter| letter.code == *code).count();
            format!("qsl_consumer_dead_letters_total{{code=\"{code}\",stage=\"verify\"}} {count}\n")
        });
        let acknowledged = book.events.len() - letters.len();
        let page = counters.collect::<String>();
        Numbers::parse(&format!("{page}qsl_consumer_messages_settled_total{{outcome=\"acknowledged\"}} {acknowledged}"))
    };
    CONSUMERS.into_iter().map(|consumer| (consumer, of(consumer))).collect()
}

/// The promises that a run breaks in which this was otherwise; the counters are those of that run.
fn broken(otherwise: impl FnOnce(&mut Book)) -> Vec<String> {
    let mut book = good();
    otherwise(&mut book);
    let numbers = counted(&book);
    judge(&book, &numbers).broken
}

/// It breaks one promise, in these words.
#[track_caller]
fn breaks(words: &str, otherwise: impl FnOnce(&mut Book)) {
    let broken = broken(otherwise);
    assert!(broken.len() == 1 && broken[0].contains(words), "{broken:#?}");
}

const TREASURY: Consumer = Consumer::Treasury;

fn key(consumer: Consumer, name: &str) -> (Consumer, String) {
    (consumer, name.to_owned())
}

#[test]
fn a_good_run_breaks_nothing_and_its_table_says_what_it_was() {
    assert_eq!(broken(|_| {}), Vec::<String>::new());
    let book = good();
    let table = judge(&book, &counted(&book)).to_string();
    for line in [
        "events published 1",
        "events put with stolen keys 3",
        "lost 0",
        "KEY_REVOKED: 5",
        "(10 s) 2.0 s (notification of payments-revoked)",
    ] {
        let squeezed = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(line), "{line}: {table}");
    }
}

#[test]
fn what_nobody_saw_again_is_lost() {
    assert_eq!(open(&good()), 0);
    let lose = |book: &mut Book| drop(book.rows.remove(&key(TREASURY, "paid")));
    let mut book = good();
    lose(&mut book);
    assert_eq!(open(&book), 1);
    breaks("paid at treasury is lost", lose);
}

#[test]
fn what_was_delivered_twice_or_with_another_kid_is_told() {
    breaks("delivered 2 times", |book| book.rows.get_mut(&key(TREASURY, "paid")).unwrap().deliveries = 2);
    breaks("signed it", |book| OTHER.clone_into(&mut book.rows.get_mut(&key(TREASURY, "stolen")).unwrap().kid));
}

#[test]
fn a_dead_letter_is_of_a_revoked_kid_and_not_older_than_its_revocation() {
    breaks("code SIGNATURE_INVALID", |book| {
        let letter = book.letters.iter_mut().find(|letter| letter.consumer == Consumer::Journal).unwrap();
        "SIGNATURE_INVALID".clone_into(&mut letter.code);
    });
    breaks("refused as revoked, and was not", |book| {
        book.rows.remove(&key(TREASURY, "paid"));
        refuse(book, TREASURY, "paid", after(31));
    });
    breaks("refused as revoked, and was not", |book| {
        book.rows.remove(&key(TREASURY, "stolen"));
        refuse(book, TREASURY, "stolen", after(-1));
    });
    breaks("no event of the run", |book| {
        "foreign".clone_into(&mut book.letters[0].event);
        // So the event it was of is lost as well; only the letter is looked at here.
        book.rows.insert(key(TREASURY, "late"), Row { kid: KID.to_owned(), at: Some(after(1)), deliveries: 1 });
    });
}

#[test]
fn an_event_that_may_be_there_twice_may_be_accepted_and_its_copy_refused() {
    let both = |book: &mut Book| refuse(book, TREASURY, "stolen", after(5));
    breaks("was accepted and is a dead letter", both);
    let broken = broken(|book| {
        both(book);
        book.events.get_mut("stolen").unwrap().is_uncertain = true;
    });
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn nothing_is_accepted_ten_seconds_after_the_revocation() {
    let at =
        |seconds| move |book: &mut Book| book.rows.get_mut(&key(TREASURY, "quick")).unwrap().at = Some(after(seconds));
    assert_eq!(broken(at(10)), Vec::<String>::new());
    breaks("accepted 11s after", at(11));
    // Journal and gateway do not say when: what came to them so late, they accepted late.
    for consumer in [Consumer::Journal, Consumer::Gateway] {
        breaks("accepted 30s after", |book| {
            book.letters.retain(|letter| letter.consumer != consumer);
            accept(book, consumer, "late", after(30));
            // It refuses another one, as it should.
            put(book, "later", Author::Thief, KID, after(40));
            for consumer in CONSUMERS {
                refuse(book, consumer, "later", after(41));
            }
        });
    }
}

#[test]
fn while_the_service_is_away_it_is_two_minutes_or_until_it_is_back() {
    let run = |seconds, from, to: Option<i64>| {
        broken(move |book| {
            book.rows.get_mut(&key(TREASURY, "quick")).unwrap().at = Some(after(seconds));
            book.aways.push(Away { from: after(from), to: to.map(after) });
        })
        .len()
    };
    assert_eq!((run(120, -1, None), run(121, -1, None)), (0, 1));
    assert_eq!((run(30, -1, Some(20)), run(31, -1, Some(20))), (0, 1), "back after 20 s");
    assert_eq!((run(30, 9, None), run(30, 10, None)), (0, 1), "it went before the ten seconds were over, or after");
    assert_eq!(run(30, -9, Some(-1)), 1, "it was back before");
}

#[test]
fn what_was_counted_is_what_is_there() {
    let judged = |page: &str| {
        let book = good();
        let mut numbers = counted(&book);
        numbers.insert(TREASURY, Numbers::parse(page));
        judge(&book, &numbers).broken
    };
    let page = |letters: u32, acknowledged: u32| {
        format!(
            "qsl_consumer_dead_letters_total{{code=\"KEY_REVOKED\",stage=\"verify\"}} {letters}\n\
             qsl_consumer_messages_settled_total{{outcome=\"acknowledged\"}} {acknowledged}"
        )
    };
    assert_eq!(judged(&page(1, 3)), Vec::<String>::new());
    for (page, words) in [
        (page(2, 3), "counted"),
        (page(0, 3), "counted"),
        (page(1, 2), "acknowledged 2"),
        (page(1, 4), "acknowledged 4"),
    ] {
        let broken = judged(&page);
        assert!(broken.len() == 1 && broken[0].contains(words), "{broken:?}");
    }
}

#[test]
fn an_answer_that_no_publisher_may_get_and_an_event_never_published_are_told() {
    breaks("409", |book| book.bad_answers.push("p-1 was answered 409 NO_ACTIVE_KEY".to_owned()));
    breaks("1 events were never published", |book| book.unpublished = 1);
}

#[test]
fn a_run_in_which_nothing_happened_proves_nothing() {
    breaks("notification: nothing of the revoked", |book| {
        book.letters.retain(|letter| letter.consumer != Consumer::Notification);
        accept(book, Consumer::Notification, "late", after(9));
    });
    breaks("rotations were asked for", |book| book.rotations_asked = 4);
    breaks("changes of algorithm", |book| book.flips_asked = 2);
    // Refused alone: perhaps it was never a key that somebody took.
    breaks("no event with the stolen key", |book| {
        for name in ["stolen", "quick"] {
            book.events.remove(name);
            book.rows.retain(|(_, event), _| event != name);
        }
    });
}
