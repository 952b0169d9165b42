//! Redrive and drop over the queues of an inbox: what is moved, what stays, and where a run goes on that was cut off.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod late;
mod runs;

use std::cell::Cell;

use eventing::consumer::QueueError;
use eventing::grant::Purpose;
use eventing::time::Millis;
use eventing::verify::{Rejection, Verified};

use super::fake::{FakeGrants, FakeQueues, attribute};
use super::filter::Filter;
use super::judge::Judge;
use super::letter::{Letter, Place};
use super::redrive::{Mover, Outcome, Sent};
use super::run::{LOOK, Run, Tally, WORK};
use super::samples::{HOUR, Site, judge, letter};
use super::scan::Scan;
use crate::failure::Failure;
use crate::resend::Outgoing;

/// Runs on a current-thread runtime, as the program does.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// An inbox whose keys hold now, since grants are asked for now.
struct Ground {
    site: Site,
    judge: Judge,
    queues: FakeQueues,
    filter: Filter,
    limit: Option<usize>,
    turns: Cell<usize>,
    /// At which turn somebody interrupts.
    interrupted_at: Option<usize>,
}

/// How a run went.
struct Went {
    ended: Result<(), Failure>,
    tally: Tally,
    outcomes: Vec<(String, Outcome)>,
}

impl Ground {
    fn new() -> Self {
        let site = Site::now();
        let (judge, queues, filter) = (judge(&site), FakeQueues::default(), Filter::default());
        Self { site, judge, queues, filter, limit: None, turns: Cell::new(0), interrupted_at: None }
    }

    /// The inbox is FIFO.
    fn fifo() -> Self {
        let ground = Self::new();
        let judge = Judge { fifo: true, ..judge(&ground.site) };
        Self { judge, queues: FakeQueues::fifo(), ..ground }
    }

    /// A dead letter of an event that was just signed.
    fn letter(&self, attributes: &[(&'static str, &str)]) -> Letter {
        letter(Place::Rejected, &self.site.event(self.site.now), self.site.now, attributes)
    }

    fn redrive(&self, grants: &FakeGrants<'_>) -> Went {
        self.redrive_with(Some(grants))
    }

    /// Brings back what is meant; a dry run where nobody grants.
    fn redrive_with(&self, grants: Option<&FakeGrants<'_>>) -> Went {
        let mover = Mover { judge: &self.judge, inbox: "depot/arrivals", queues: &self.queues, grants };
        let mut run_of = Run::new(&self.queues, self.judge.fifo, &self.filter, WORK);
        run_of.limit = self.limit;
        let mut outcomes = Vec::new();
        let ended = run(async {
            let (stop, stopped) = tokio::sync::oneshot::channel();
            let mut stop = Some(stop);
            let mut turn = async || {
                self.turns.set(self.turns.get() + 1);
                if Some(self.turns.get()) == self.interrupted_at {
                    stop.take().unwrap().send(()).unwrap();
                }
            };
            let interrupted = async {
                // Whoever holds the other end is still there: an answer is an interruption.
                if stopped.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let mut told = |letter: &Letter, outcome: &Outcome| {
                outcomes.push((letter.message.message_id.to_string(), outcome.clone()));
                Ok(())
            };
            run_of.redrive(&mover, &mut turn, interrupted, &mut told).await
        });
        Went { ended, tally: run_of.tally, outcomes }
    }

    /// What a consumer of the inbox makes of a message that enters its queue now.
    fn consumer(&self, message: &Outgoing) -> Result<Verified, Rejection> {
        self.site.consumer(message)
    }
}

impl Went {
    /// The code for which the only letter stays.
    fn left(&self) -> &str {
        match &self.outcomes[..] {
            [(_, Outcome::Left(leaving))] => &leaving.code,
            other => panic!("{other:?}"),
        }
    }

    /// How the only letter was sent.
    fn sent(&self) -> Sent {
        match &self.outcomes[..] {
            [(_, Outcome::Sent(sent))] => *sent,
            other => panic!("{other:?}"),
        }
    }

    /// Why it ended early.
    fn why(&self) -> String {
        self.ended.as_ref().unwrap_err().to_string()
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
    assert_eq!(ground.redrive(&grants).sent(), Sent { sent_at: noted, is_late: false, redrives: 2 });
    assert_eq!(ground.queues.left(), Vec::<String>::new());
    assert_eq!(*grants.asked.borrow(), [(Purpose::Redrive, noted)]);

    let message = &ground.queues.sent()[0];
    assert_eq!((attribute(message, "qsl.redrives"), &message.body), ("2", &letter.message.body));
    let event = ground.consumer(message).unwrap();
    assert_eq!((event.sent_at, event.purpose), (noted, Some(Purpose::Redrive)));
}

#[test]
fn a_dry_run_and_a_letter_that_stays_touch_nothing() {
    let ground = Ground::new();
    ground.queues.put("good", &ground.letter(&[("qsl.code", "NO_ROUTE")]));
    ground.queues.put("forged", &letter(Place::Rejected, "{}", ground.site.now, &[]));
    let went = ground.redrive_with(None);
    assert!(matches!(&went.outcomes[0].1, Outcome::WouldBeSent(sent) if sent.redrives == 1), "{:?}", went.outcomes);
    assert!(matches!(&went.outcomes[1].1, Outcome::Left(leaving) if leaving.code == "ENVELOPE_INVALID"));
    assert_eq!(went.tally, Tally { done: 1, left: 1, others: 0 });
    assert_eq!((ground.queues.left().len(), ground.queues.sent().len()), (2, 0));

    ground.queues.reveal();
    let grants = FakeGrants::of(&ground.site);
    assert_eq!(ground.redrive(&grants).tally, Tally { done: 1, left: 1, others: 0 });
    assert_eq!(grants.asked.borrow().len(), 1, "nobody is asked for what cannot be granted");
    assert_eq!(ground.queues.left(), ["forged"]);
}

#[test]
fn both_queues_of_a_fifo_inbox_are_brought_back_each_event_in_its_group() {
    let mut ground = Ground::fifo();
    let rule = "arn:aws:events:eu-west-1:111122223333:rule/trams/lines";
    ground.judge.groups = [(rule.to_owned(), "line".to_owned())].into();
    let mut rejected = ground.letter(&[("qsl.code", "NO_ROUTE")]);
    rejected.message.group = Some("own".into());
    let of_rule = |arn| {
        letter(Place::Undelivered, &rejected.message.body, ground.site.now, &[("ERROR_CODE", "X"), ("RULE_ARN", arn)])
    };
    ground.queues.put("r-1", &rejected).put("r-2", &rejected).put("u-1", &of_rule(rule)).put("u-2", &of_rule("gone"));

    let grants = FakeGrants::of(&ground.site);
    let went = ground.redrive(&grants);
    assert_eq!((went.tally, ground.queues.left()), (Tally { done: 3, left: 1, others: 0 }, vec!["u-2".to_owned()]));
    assert!(matches!(&went.outcomes[3].1, Outcome::Left(leaving) if leaving.code == "NO_GROUP"), "{:?}", went.outcomes);
    let sent = ground.queues.sent();
    let groups: Vec<_> = sent.iter().map(|message| message.group.as_deref().unwrap()).collect();
    assert_eq!(groups, ["own", "own", "line"]);
    assert!(sent.iter().all(|message| ground.consumer(message).is_ok()));

    ground.queues.reveal();
    ground.judge.group = Some("named".to_owned());
    assert_eq!(ground.redrive(&grants).tally, Tally { done: 1, left: 0, others: 0 });
    assert_eq!(ground.queues.sent()[3].group.as_deref(), Some("named"));
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
        let went = ground.redrive(&grants);
        if let Some(named) = stopped {
            assert!(went.why().contains(named), "{}", went.why());
            assert_eq!((ground.queues.left().len(), ground.queues.sent().len()), (2, 0), "{code}");
        } else {
            let kept = matches!(&went.outcomes[0].1, Outcome::Left(leaving) if leaving.code == code);
            assert_eq!(kept, left, "{code}: {:?}", went.outcomes);
            assert!(matches!(went.outcomes[1].1, Outcome::Sent(_)), "{code}: the next one goes its way");
        }
    }
}
