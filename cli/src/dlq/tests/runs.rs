//! Which letters a run takes, at what pace, and where the next one goes on.

use super::*;

fn put_three(ground: &Ground) {
    for id in ["a", "b", "c"] {
        ground.queues.put(id, &ground.letter(&[("qsl.code", "X")]));
    }
}

#[test]
fn a_run_that_failed_in_the_middle_is_gone_on_with_by_the_next() {
    let ground = Ground::new();
    put_three(&ground);
    let grants = FakeGrants::of(&ground.site);
    // The first is sent and cannot be deleted: it stays, and is sent again by the next run.
    ground.queues.fail_next("delete", QueueError::Retry("away".to_owned()));
    ground.queues.fail_next("send", QueueError::Refused("too long".to_owned()));
    let outcomes = ground.redrive(&grants).outcomes;
    assert!(matches!(&outcomes[0].1, Outcome::SentNotDeleted(_, why) if why == "away"), "{outcomes:?}");
    assert!(matches!(&outcomes[1].1, Outcome::Left(leaving) if leaving.code == "SEND_REFUSED"), "{outcomes:?}");
    assert!(matches!(&outcomes[2].1, Outcome::Sent(_)), "{outcomes:?}");
    assert_eq!(ground.queues.left(), ["a", "b"]);

    ground.queues.reveal();
    assert_eq!(ground.redrive(&grants).tally, Tally { done: 2, left: 0, others: 0 });
    assert_eq!(ground.queues.left(), Vec::<String>::new());
    let sent = ground.queues.sent();
    let grant = |at: usize| attribute(&sent[at], "qsl.grant");
    assert_eq!((sent.len(), sent[0].body == sent[2].body), (4, true));
    assert_ne!(grant(0), grant(2), "each sending has a grant of its own");
    let keys = [0, 2].map(|at| ground.consumer(&sent[at]).unwrap().event_key);
    assert_eq!(keys[0], keys[1], "and the consumer knows the second by its event key");
}

#[test]
fn what_is_refused_once_more_is_left_to_the_next_run() {
    let ground = Ground::new();
    put_three(&ground);
    ground.queues.refuse(ground.letter(&[("qsl.code", "X"), ("qsl.redrives", "1")]));
    let grants = FakeGrants::of(&ground.site);
    assert_eq!(ground.redrive(&grants).tally, Tally { done: 3, left: 0, others: 3 });
    assert_eq!(ground.queues.left(), ["again-1", "again-2", "again-3"]);
}

#[test]
fn an_interruption_comes_between_two_letters_and_the_next_run_goes_on() {
    let mut ground = Ground::new();
    put_three(&ground);
    let grants = FakeGrants::of(&ground.site);
    ground.interrupted_at = Some(2);
    let went = ground.redrive(&grants);
    assert!(went.why().contains("run it again to go on"), "{}", went.why());
    assert_eq!((went.tally.done, ground.queues.left()), (2, vec!["c".to_owned()]), "what was begun is finished");

    ground.interrupted_at = None;
    ground.queues.reveal();
    assert_eq!(ground.redrive(&grants).tally, Tally { done: 1, left: 0, others: 0 });
    assert_eq!(ground.queues.sent().len(), 3);
}

#[test]
fn a_queue_that_is_away_ends_the_run_and_loses_nothing() {
    let ground = Ground::new();
    put_three(&ground);
    ground.queues.fail_next("receive", QueueError::Retry("throttled".to_owned()));
    let went = ground.redrive(&FakeGrants::of(&ground.site));
    assert_eq!(went.why(), "cannot bring dead letters back: throttled");
    assert_eq!((ground.queues.left().len(), ground.queues.sent().len()), (3, 0));
}

#[test]
fn each_letter_that_is_meant_waits_for_its_turn_and_no_other() {
    let mut ground = Ground::new();
    put_three(&ground);
    ground.queues.put("other", &ground.letter(&[("qsl.code", "Y")]));
    ground.queues.put("late", &letter(Place::Rejected, "{}", ground.site.now.plus_millis(-HOUR), &[("qsl.code", "X")]));
    ground.filter.code = vec!["X".to_owned()];
    ground.limit = Some(2);
    let grants = FakeGrants::of(&ground.site);
    assert_eq!(ground.redrive(&grants).tally, Tally { done: 2, left: 0, others: 0 });
    assert_eq!(ground.turns.get(), 2, "past the limit nothing has a turn");

    ground.limit = None;
    ground.queues.reveal();
    assert_eq!(ground.redrive(&grants).tally, Tally { done: 1, left: 1, others: 1 });
    assert_eq!(ground.turns.get(), 4, "one that stays was asked for as well");
    assert_eq!(ground.queues.left(), ["other", "late"]);
}

#[test]
fn drop_deletes_what_is_meant_and_in_a_dry_run_nothing() {
    let mut ground = Ground::new();
    put_three(&ground);
    ground.filter.id = vec!["a".to_owned(), "c".to_owned()];
    let dropping = |dry| {
        ground.queues.reveal();
        let mut run_of = Run::new(&ground.queues, false, &ground.filter, WORK);
        let mut ids = Vec::new();
        let mut told = |letter: &Letter| {
            ids.push(letter.message.message_id.to_string());
            Ok(())
        };
        run(run_of.drop(dry, &mut told)).unwrap();
        assert_eq!(run_of.tally, Tally { done: 2, left: 0, others: 1 });
        assert_eq!(ids, ["a", "c"]);
        ground.queues.left()
    };
    assert_eq!(dropping(true), ["a", "b", "c"]);
    assert_eq!(dropping(false), ["b"]);
}

#[test]
fn a_slow_run_receives_no_more_than_it_moves_before_it_is_visible_again() {
    let batches = [0.01, 0.1, 0.2, 0.333, 1_000.0].map(super::super::run::batch);
    assert_eq!(batches, [1, 3, 6, 10, 10]);
}

#[test]
fn a_walk_sees_each_letter_once_in_both_queues_and_ends() {
    let ground = Ground::fifo();
    for at in 0..23 {
        ground.queues.put(&format!("r-{at}"), &ground.letter(&[("qsl.code", "X")]));
    }
    let undelivered = letter(Place::Undelivered, "{}", ground.site.now.plus_millis(-HOUR), &[("ERROR_CODE", "X")]);
    ground.queues.put("u-1", &undelivered);
    let walk = |fifo, comes_again: bool| {
        ground.queues.reveal();
        run(async {
            let (mut scan, mut ids) = (Scan::new(fifo, LOOK), Vec::new());
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
