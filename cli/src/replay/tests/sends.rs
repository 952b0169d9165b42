//! What is sent and what is not.

use eventing::consumer::QueueError;
use eventing::grant::Purpose;

use super::*;

#[test]
fn each_event_is_sent_byte_for_byte_with_a_grant_of_its_own_that_the_consumer_takes_as_a_replay() {
    let ground = Ground::new();
    ground.record(7);
    let grants = FakeGrants::of(&ground.site);
    let (went, tally) = ground.replay(&grants);
    went.ended.unwrap();
    assert_eq!((tally.sent(), tally.left(), tally.without_inbox), (7, 0, 0));
    let sent = ground.queue().sent();
    assert_eq!(sent.iter().map(|message| message.body.clone()).collect::<Vec<_>>(), ground.journal.bodies());
    let then = ground.site.now.plus_millis(-1_800_000);
    let mut digests = std::collections::HashSet::new();
    for message in &sent {
        let event = ground.site.consumer(message).unwrap();
        assert!(event.is_replay());
        assert_eq!(event.sent_at, then, "older than the skew, and taken at its recorded time");
        assert!(digests.insert(event.grant_digest));
        assert_eq!((&message.group, &message.deduplication_id), (&None, &None));
        assert_eq!(message.attributes.len(), 2);
    }
    assert_eq!(*grants.asked.borrow(), vec![(Purpose::Replay, then); 7]);
    assert!(went.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Sent));
}

#[test]
fn an_event_of_a_revoked_key_is_listed_and_not_sent() {
    let mut ground = Ground::new();
    ground.record(1);
    let ring = ground.site.ring_where(true);
    ground.inboxes.get_mut(INBOX).unwrap().ring = ring;
    let grants = FakeGrants::of(&ground.site);
    let (went, tally) = ground.replay(&grants);
    assert_eq!((went.left(), tally.left(), tally.sent()), ("KEY_REVOKED", 1, 0));
    assert_eq!(tally.inboxes[INBOX].left["KEY_REVOKED"], 1);
    assert!(grants.asked.borrow().is_empty() && ground.queue().sent().is_empty());
}

#[test]
fn what_does_not_verify_or_the_service_refuses_or_the_queue_does_not_take_is_listed_and_the_rest_goes_on() {
    let ground = Ground::new();
    let then = ground.site.now.plus_millis(-1_800_000);
    let body = ground.site.event(then);
    ground.journal.record("forged", then, &body.replace("harbour", "hotel"));
    ground.journal.record("late", then.plus_millis(301_000), &body);
    ground.record(3);
    let grants = FakeGrants::of(&ground.site).answers(422, "KEY_REVOKED");
    ground.queue().fail(1, &QueueError::Refused("too long".to_owned()));
    let (went, tally) = ground.replay(&grants);
    went.ended.unwrap();
    let codes: Vec<_> = went
        .outcomes
        .iter()
        .map(|(_, outcome)| if let Outcome::Left(leaving) = outcome { leaving.code.as_str() } else { "sent" })
        .collect();
    assert_eq!(codes, ["PAYLOAD_MISMATCH", "TIMESTAMP_SKEW", "KEY_REVOKED", "SEND_REFUSED", "sent"]);
    assert_eq!((tally.sent(), tally.left()), (1, 4));
}

#[test]
fn an_event_of_another_bus_that_feeds_the_inbox_is_not_sent() {
    let ground = Ground::new();
    ground.record(1);
    let mut progress = Progress::new(Selection { bus: BusId::new("city", "ferries").unwrap(), ..selection() });
    let grants = FakeGrants::of(&ground.site);
    assert_eq!(ground.go(&mut progress, &mut NoBook, Some(&grants)).left(), "ANOTHER_BUS");
}

#[test]
fn by_the_rules_an_event_that_none_of_them_takes_goes_nowhere_and_a_named_inbox_gets_it() {
    let then = |ground: &Ground| ground.site.now.plus_millis(-1_800_000);
    let ground = Ground::new();
    ground.journal.record("k", then(&ground), &ground.site.event_at(then(&ground), "airport"));
    let grants = FakeGrants::of(&ground.site);
    let (went, tally) = ground.replay(&grants);
    assert_eq!(went.outcomes, [("k ".to_owned(), Outcome::NoInbox)]);
    assert_eq!((tally.without_inbox, tally.sent()), (1, 0));

    let named = Ground::with(FakeInbox::default(), &[INBOX], None);
    named.journal.record("k", then(&named), &named.site.event_at(then(&named), "airport"));
    let grants = FakeGrants::of(&named.site);
    assert_eq!(named.replay(&grants).1.sent(), 1);
}

#[test]
fn a_fifo_inbox_gets_the_group_of_its_rule_and_a_deduplication_id_of_the_grant() {
    let ground = Ground::with(FakeInbox::fifo(), &[], None);
    ground.record(2);
    let grants = FakeGrants::of(&ground.site);
    assert_eq!(ground.replay(&grants).1.sent(), 2);
    let sent = ground.queue().sent();
    for message in &sent {
        assert_eq!(message.group.as_deref(), Some("line"));
        let digest = ground.site.consumer(message).unwrap().grant_digest.unwrap();
        assert_eq!(message.deduplication_id, Some(hex::encode(digest)));
    }

    // Without a rule that takes it, somebody must say the group.
    let unruled = |group| {
        let ground = Ground::with(FakeInbox::fifo(), &[INBOX], group);
        let then = ground.site.now.plus_millis(-1_800_000);
        ground.journal.record("k", then, &ground.site.event_at(then, "airport"));
        let grants = FakeGrants::of(&ground.site);
        let (went, _) = ground.replay(&grants);
        (went, ground.queue().sent())
    };
    assert_eq!(unruled(None).0.left(), "NO_GROUP");
    assert_eq!(unruled(Some("named")).1[0].group.as_deref(), Some("named"));
}

#[test]
fn a_dry_run_asks_nobody_sends_nothing_and_says_the_same() {
    let ground = Ground::new();
    ground.record(4);
    let mut progress = Progress::new(selection());
    let went = ground.go(&mut progress, &mut NoBook, None);
    went.ended.unwrap();
    assert!(went.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::WouldBeSent));
    assert_eq!((progress.tally.sent(), ground.queue().sent().len()), (4, 0));
}

#[test]
fn the_journal_is_asked_for_what_is_meant_and_of_several_kinds_the_rest_is_sorted_out() {
    let ground = Ground::new();
    ground.record(2);
    let one = Selection { sources: ["qsl.tram".parse().unwrap()].into(), ..selection() };
    let grants = FakeGrants::of(&ground.site);
    ground.go(&mut Progress::new(one.clone()), &mut NoBook, Some(&grants)).ended.unwrap();
    let asked = ground.journal.asked();
    assert_eq!((asked[0].source.clone(), asked[0].bus.clone()), (one.sources.first().cloned(), Some(one.bus.clone())));
    assert_eq!((asked[0].from, asked[0].to), (Some(one.from.into()), Some(one.to.into())));

    let kinds = ["Tram.Stopped.v1", "Tram.Crashed.v1"].map(|kind| kind.parse().unwrap());
    let none = Selection { detail_types: kinds.into(), ..selection() };
    let mut progress = Progress::new(none);
    ground.go(&mut progress, &mut NoBook, Some(&grants)).ended.unwrap();
    assert_eq!(ground.journal.asked().last().unwrap().detail_type, None);
    assert_eq!((progress.tally.sent(), progress.tally.left()), (0, 0));
}
