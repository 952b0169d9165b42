//! What ends a replay before its time, and what passes.

use eventing::consumer::QueueError;

use super::fake::FakeBook;
use super::*;

#[test]
fn a_journal_that_is_away_for_a_moment_is_waited_for_and_one_that_refuses_ends_it() {
    let ground = Ground::new();
    ground.record(2);
    let grants = FakeGrants::of(&ground.site);
    ground.journal.answers(4, 503, "JOURNAL_UNAVAILABLE");
    assert_eq!(ground.replay(&grants).1.sent(), 2);
    ground.journal.answers(5, 503, "JOURNAL_UNAVAILABLE");
    let why = ground.replay(&grants).0.why();
    assert_eq!(why, "cannot read the journal: the journal does not answer: because JOURNAL_UNAVAILABLE");
    ground.journal.answers(1, 403, "NOT_ALLOWED");
    let why = ground.replay(&grants).0.why();
    assert_eq!(why, "cannot read the journal: the journal refuses (403 NOT_ALLOWED): because NOT_ALLOWED");
    ground.journal.answers(1, 400, "QUERY_INVALID");
    let (went, _) = ground.replay(&grants);
    assert!(matches!(&went.ended, Err(Failure::Usage(why)) if why.contains("QUERY_INVALID")), "{}", went.why());
}

#[test]
fn whoever_may_not_replay_is_told_at_the_first_event_and_nothing_is_sent() {
    let ground = Ground::new();
    ground.record(3);
    let grants = FakeGrants::of(&ground.site).answers(403, "GRANT_NOT_ALLOWED");
    let mut book = FakeBook::default();
    let went = ground.go(&mut Progress::new(selection()), &mut book, Some(&grants));
    assert!(went.why().contains("403 GRANT_NOT_ALLOWED"), "{}", went.why());
    assert!(ground.queue().sent().is_empty());
    // With the right, it goes on.
    let mut progress = book.read();
    ground.go(&mut progress, &mut book, Some(&grants)).ended.unwrap();
    assert_eq!(progress.tally.sent(), 3);
}

#[test]
fn a_queue_that_is_away_for_a_moment_is_waited_for() {
    let ground = Ground::new();
    ground.record(1);
    let grants = FakeGrants::of(&ground.site);
    ground.queue().fail(1, &QueueError::Retry("throttled".to_owned()));
    assert_eq!(ground.replay(&grants).1.sent(), 1);
    assert_eq!(grants.asked.borrow().len(), 1, "with the grant it has");
}

#[test]
fn where_nothing_can_be_written_down_nothing_is_sent() {
    let ground = Ground::new();
    ground.record(2);
    let grants = FakeGrants::of(&ground.site);
    let mut book = FakeBook { dies_after: Some(0), ..FakeBook::default() };
    let went = ground.go(&mut Progress::new(selection()), &mut book, Some(&grants));
    assert_eq!(went.why(), "killed");
    assert!(ground.queue().sent().is_empty());
}
