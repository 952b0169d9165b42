#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
use eventing::grant::Purpose;

use super::*;
use crate::dlq::fake::{FakeGrants, FakeQueues, attribute};
use crate::dlq::letter::Place;
use crate::dlq::samples::{HOUR, Site, letter};
use crate::dlq::scan::Scan;

/// Runs on a current-thread runtime, as the program does.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A site whose keys hold now, since grants are asked for now.
struct Ground {
    site: Site,
    judge: Judge,
    queues: FakeQueues,
}

impl Ground {
    fn new() -> Self {
        let site = Site::now();
        let judge = site.judge();
        Self { site, judge, queues: FakeQueues::default() }
    }

    fn letter(&self, attributes: &[(&'static str, &str)]) -> Letter {
        letter(Place::Rejected, &self.site.event(self.site.now), self.site.now, attributes)
    }

    fn mover<'a, G>(&'a self, grants: Option<&'a G>) -> Mover<'a, FakeQueues, G> {
        Mover { judge: &self.judge, inbox: "depot/arrivals", queues: &self.queues, grants }
    }

    /// Moves all there are.
    fn move_all(&self, grants: &FakeGrants<'_>) -> Result<Vec<Outcome>, Stop> {
        run(async {
            let (mut scan, mut outcomes) = (Scan::new(self.judge.fifo), Vec::new());
            loop {
                let letters = scan.next(&self.queues, 10).await?;
                if letters.is_empty() {
                    return Ok(outcomes);
                }
                for letter in letters {
                    outcomes.push(self.mover(Some(grants)).move_letter(&letter).await?);
                }
            }
        })
    }
}

#[test]
fn a_letter_goes_back_with_a_grant_that_the_consumer_takes() {
    let ground = Ground::new();
    let noted = ground.site.now.plus_millis(-60_000);
    let letter =
        ground.letter(&[("qsl.code", "NO_ROUTE"), ("qsl.sentAt", &noted.0.to_string()), ("qsl.redrives", "1")]);
    ground.queues.put("a", &letter);
    let grants = FakeGrants::of(&ground.site);
    let sent = Sent { sent_at: noted, is_late: false, redrives: 2 };
    assert_eq!(ground.move_all(&grants), Ok(vec![Outcome::Sent(sent)]));
    assert_eq!(ground.queues.left(), Vec::<String>::new());
    assert_eq!(*grants.asked.borrow(), [(Purpose::Redrive, noted)]);

    // What the consumer makes of it.
    let message = &ground.queues.sent()[0];
    assert_eq!(attribute(message, "qsl.redrives"), "2");
    let attributes = message.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let raw =
        eventing::verify::RawMessage { body: message.body.as_bytes(), attributes: &attributes, sent_at: Millis::now() };
    let event = eventing::verify::verify(&raw, &ground.judge.ring, &ground.judge.policy, Millis::now()).unwrap();
    assert_eq!((event.sent_at, event.purpose), (noted, Some(Purpose::Redrive)));
}

#[test]
fn a_dry_run_and_a_letter_that_stays_touch_nothing() {
    let ground = Ground::new();
    let mover = ground.mover::<FakeGrants<'_>>(None);
    let outcome = run(mover.move_letter(&ground.letter(&[("qsl.code", "NO_ROUTE")])));
    assert!(matches!(outcome, Ok(Outcome::WouldBeSent(_))), "{outcome:?}");
    let forged = letter(Place::Rejected, "{}", ground.site.now, &[]);
    ground.queues.put("forged", &forged);
    let grants = FakeGrants::of(&ground.site);
    let outcomes = ground.move_all(&grants).unwrap();
    assert!(matches!(&outcomes[..], [Outcome::Left(leaving)] if leaving.code == "ENVELOPE_INVALID"), "{outcomes:?}");
    assert!(grants.asked.borrow().is_empty(), "nobody is asked for what cannot be granted");
    assert_eq!((ground.queues.left(), ground.queues.sent()), (vec!["forged".to_owned()], vec![]));
}

#[test]
fn a_refusal_is_of_one_letter_or_of_all_or_passes() {
    for (status, code, left, stopped) in [
        (422, "KEY_REVOKED", true, None),
        (400, "SENT_AT_OUT_OF_BOUNDS", true, None),
        (403, "GRANT_NOT_ALLOWED", false, Some("GRANT_NOT_ALLOWED")),
        (401, "UNAUTHENTICATED", false, Some("UNAUTHENTICATED")),
        (503, "OVERLOADED", false, None),
    ] {
        let ground = Ground::new();
        ground.queues.put("a", &ground.letter(&[("qsl.code", "X")])).put("b", &ground.letter(&[("qsl.code", "X")]));
        let grants = FakeGrants::of(&ground.site).answers(status, code);
        match (ground.move_all(&grants), stopped) {
            (Err(Stop::NotAllowed(why)), Some(named)) => {
                assert!(why.contains(named), "{why}");
                assert_eq!((ground.queues.left().len(), ground.queues.sent().len()), (2, 0), "{code}");
            }
            (Ok(outcomes), None) => {
                let kept = matches!(&outcomes[0], Outcome::Left(leaving) if leaving.code == code);
                assert_eq!(kept, left, "{code}: {outcomes:?}");
                assert!(matches!(outcomes[1], Outcome::Sent(_)), "{code}: the next one goes its way");
            }
            (other, _) => panic!("{code}: {other:?}"),
        }
    }
}

#[test]
fn a_run_that_was_cut_off_goes_on_where_it_was() {
    let ground = Ground::new();
    for id in ["a", "b", "c"] {
        ground.queues.put(id, &ground.letter(&[("qsl.code", "X")]));
    }
    let grants = FakeGrants::of(&ground.site);
    // The first is sent and cannot be deleted: it stays, and is sent again by the next run.
    ground.queues.fail_next("delete", QueueError::Retry("away".to_owned()));
    ground.queues.fail_next("send", QueueError::Refused("too long".to_owned()));
    let outcomes = ground.move_all(&grants).unwrap();
    assert!(matches!(&outcomes[0], Outcome::SentNotDeleted(_, why) if why == "away"), "{outcomes:?}");
    assert!(matches!(&outcomes[1], Outcome::Left(leaving) if leaving.code == "SEND_REFUSED"), "{outcomes:?}");
    assert!(matches!(&outcomes[2], Outcome::Sent(_)), "{outcomes:?}");
    assert_eq!(ground.queues.left(), ["a", "b"]);

    ground.queues.reveal();
    assert!(ground.move_all(&grants).unwrap().iter().all(|outcome| matches!(outcome, Outcome::Sent(_))));
    assert_eq!(ground.queues.left(), Vec::<String>::new());
    let sent = ground.queues.sent();
    let grant = |at: usize| attribute(&sent[at], "qsl.grant");
    assert_eq!((sent.len(), sent[0].body == sent[2].body), (4, true));
    assert_ne!(grant(0), grant(2), "each sending has a grant of its own");
}

#[test]
fn a_queue_that_is_away_ends_the_run_and_loses_nothing() {
    let ground = Ground::new();
    ground.queues.put("a", &ground.letter(&[("qsl.code", "X")]));
    ground.queues.fail_next("receive", QueueError::Retry("throttled".to_owned()));
    let stopped = ground.move_all(&FakeGrants::of(&ground.site));
    assert_eq!(stopped, Err(Stop::Away("throttled".to_owned())));
    assert_eq!((ground.queues.left().len(), ground.queues.sent().len()), (1, 0));
}

#[test]
fn a_walk_sees_each_letter_once_in_both_queues_and_ends() {
    let ground = Ground::new();
    for at in 0..23 {
        ground.queues.put(&format!("r-{at}"), &ground.letter(&[("qsl.code", "X")]));
    }
    let undelivered = letter(Place::Undelivered, "{}", ground.site.now.plus_millis(-HOUR), &[("ERROR_CODE", "X")]);
    ground.queues.put("u-1", &undelivered);
    let walk = |fifo, comes_again: bool| {
        ground.queues.reveal();
        run(async {
            let (mut scan, mut ids) = (Scan::new(fifo), Vec::new());
            loop {
                let letters = scan.next(&ground.queues, 10).await.unwrap();
                if letters.is_empty() {
                    return ids;
                }
                ids.extend(letters.iter().map(|letter| letter.message.message_id.to_string()));
                // What was seen is visible again while the walk is under way.
                if comes_again && ids.len() == 23 {
                    ground.queues.reveal();
                }
            }
        })
    };
    let expected: Vec<String> = (0..23).map(|at| format!("r-{at}")).collect();
    assert_eq!(walk(false, false), expected, "a standard inbox has no second queue");
    assert_eq!(walk(true, true), [&expected[..], &["u-1".to_owned()]].concat());
    assert!(ground.queues.receives() < 40, "{}", ground.queues.receives());
}
