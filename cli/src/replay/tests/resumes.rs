//! A replay that ended early, and what whoever resumes it sends.

use std::collections::HashMap;

use super::fake::FakeBook;
use super::*;
use crate::resend::Outgoing;

/// How often a consumer of the inbox would hand each body to its handler: once for each grant.
fn handled(sent: &[Outgoing], site: &Site) -> HashMap<String, usize> {
    let mut grants = std::collections::HashSet::new();
    let mut handled = HashMap::new();
    for message in sent {
        if grants.insert(site.consumer(message).unwrap().grant_digest) {
            *handled.entry(message.body.to_string()).or_default() += 1;
        }
    }
    handled
}

fn each_once(ground: &Ground) -> HashMap<String, usize> {
    ground.journal.bodies().into_iter().map(|body| (body.to_string(), 1)).collect()
}

#[test]
fn an_interruption_comes_between_two_events_and_whoever_resumes_goes_on_with_the_next() {
    let mut ground = Ground::new();
    ground.record(10);
    let mut book = FakeBook::default();
    ground.interrupted_at = Some(6);
    let grants = FakeGrants::of(&ground.site);
    let went = ground.go(&mut Progress::new(selection()), &mut book, Some(&grants));
    assert_eq!(went.why(), "cannot finish: it was interrupted");
    assert_eq!(ground.queue().sent().len(), 6, "what was begun is finished");

    ground.interrupted_at = None;
    let mut progress = book.read();
    assert!(!progress.is_complete);
    ground.go(&mut progress, &mut book, Some(&grants)).ended.unwrap();
    assert!(book.read().is_complete);
    assert_eq!(ground.queue().sent().len(), 10, "and nothing is sent twice");
    assert_eq!(handled(&ground.queue().sent(), &ground.site), each_once(&ground));
    assert_eq!(book.read().tally.sent(), 10);
}

/// The program dies at each place that it can die at, and is resumed each time: each event is handled once.
#[test]
fn wherever_it_is_killed_the_resumed_replay_has_each_event_handled_once() {
    for dies_after in 1..=16 {
        let ground = Ground::new();
        ground.record(10);
        let grants = FakeGrants::of(&ground.site);
        let mut book = FakeBook::default();
        book.write(&Progress::new(selection())).unwrap();
        book.dies_after = Some(dies_after);
        let went = ground.go(&mut Progress::new(selection()), &mut book, Some(&grants));
        let died = went.ended.is_err();
        book.dies_after = None;
        let mut progress = book.read();
        ground.go(&mut progress, &mut book, Some(&grants)).ended.unwrap();
        assert_eq!(handled(&ground.queue().sent(), &ground.site), each_once(&ground), "after {dies_after} writes");
        assert!(ground.queue().sent().len() <= 11, "no more than the one that was under way is sent again");
        assert_eq!(died, dies_after < 16, "ten sendings, four parts, the beginning and the end are written down");
    }
}

#[test]
fn a_sending_without_an_answer_is_repeated_with_the_same_grant() {
    let ground = Ground::new();
    ground.record(3);
    let (grants, mut book) = (FakeGrants::of(&ground.site), FakeBook::default());
    // One lost answer is repeated at once; five end the run.
    ground.queue().lose_answers(1);
    let mut progress = Progress::new(selection());
    ground.go(&mut progress, &mut book, Some(&grants)).ended.unwrap();
    assert_eq!(ground.queue().sent().len(), 4);
    assert_eq!(handled(&ground.queue().sent(), &ground.site), each_once(&ground));
}

#[test]
fn a_grant_that_lapsed_before_it_was_resumed_is_replaced_and_that_is_told() {
    let mut ground = Ground::new();
    ground.record(2);
    let (grants, mut book) = (FakeGrants::of(&ground.site), FakeBook::default());
    book.write(&Progress::new(selection())).unwrap();
    book.dies_after = Some(2);
    assert!(ground.go(&mut Progress::new(selection()), &mut book, Some(&grants)).ended.is_err());
    assert_eq!(ground.queue().sent().len(), 1, "one is in the inbox, and whether it is is not known");
    book.dies_after = None;
    // As when the inbox's skew has passed.
    ground.inboxes.get_mut(INBOX).unwrap().policy.skew_seconds = 0;
    let went = ground.go(&mut book.read(), &mut book, Some(&grants));
    let outcomes: Vec<_> = went.outcomes.iter().map(|(_, outcome)| outcome.clone()).collect();
    assert_eq!(outcomes, [Outcome::SentAnew, Outcome::Sent]);
    let twice = handled(&ground.queue().sent(), &ground.site).into_values().max();
    assert_eq!(twice, Some(2), "the one that was under way comes twice, which is what was told");
}

#[test]
fn a_second_replay_has_grants_of_its_own() {
    let ground = Ground::new();
    ground.record(3);
    let grants = FakeGrants::of(&ground.site);
    for _ in 0..2 {
        ground.replay(&grants).0.ended.unwrap();
    }
    let twice = each_once(&ground).into_keys().map(|body| (body, 2)).collect::<HashMap<_, _>>();
    assert_eq!(handled(&ground.queue().sent(), &ground.site), twice, "each event is handled again");
}
