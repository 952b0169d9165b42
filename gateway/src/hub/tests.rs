#![allow(clippy::unwrap_used)]

use std::task::{Context, Poll, Waker};

use eventing::types::EventKey;

use super::*;
use crate::event::ShortKey;
use crate::viewer::Reach;
use crate::viewer::tests::viewer;

fn event(name: u8, position: Option<u64>, correlation: &str, user: &str) -> Event {
    let base = crate::viewer::tests::event(Some(user), Some("north"), true);
    Event { key: ShortKey::of(EventKey([name; 32])), position, correlation_id: correlation.into(), ..base }
}

fn place(at: u64) -> Position {
    Position { generation: 3, at }
}

fn hub() -> Hub {
    let hub = Hub::default();
    hub.start(place(10), Millis(0));
    hub
}

fn correlation(name: &str) -> Topic {
    Topic::Correlation(name.into())
}

fn follow(hub: &Hub, topic: Topic, user: &str) -> Following {
    hub.follow(topic, Arc::new(viewer(user, None, Reach::Own)), None).unwrap().0
}

/// The next item that is there.
fn next(following: &Following) -> Option<Result<Item, Ending>> {
    match following.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(next) => Some(next),
        Poll::Pending => None,
    }
}

fn names(following: &Following) -> Vec<ShortKey> {
    let items = std::iter::from_fn(|| next(following)?.ok());
    items.filter_map(|item| if let Item::Event(event) = item { Some(event.key) } else { None }).collect()
}

fn key(name: u8) -> ShortKey {
    ShortKey::of(EventKey([name; 32]))
}

#[test]
fn each_gets_what_they_follow_and_may_see() {
    let hub = hub();
    let line = follow(&hub, correlation("line-7"), "ada");
    let others = follow(&hub, correlation("line-7"), "ben");
    let user = follow(&hub, Topic::User("ada".into()), "ada");
    let elsewhere = follow(&hub, correlation("line-8"), "ada");
    hub.advance(vec![event(1, Some(11), "line-7", "ada"), event(2, Some(12), "line-9", "ada")], 12, Millis(1));
    assert_eq!(names(&line), [key(1)]);
    assert_eq!(names(&others), []);
    assert_eq!(names(&user), [key(1), key(2)]);
    assert_eq!(names(&elsewhere), []);
    assert_eq!(hub.position(), Some(place(12)));
}

#[test]
fn what_the_tail_brought_is_not_sent_again_by_the_inbox() {
    let hub = hub();
    let line = follow(&hub, correlation("line-7"), "ada");
    hub.advance(vec![event(1, Some(11), "line-7", "ada")], 11, Millis(20_000));
    assert_eq!(hub.ahead(event(1, None, "line-7", "ada"), Millis(20_000)), Ahead::Left);
    assert_eq!(hub.ahead(event(2, None, "line-7", "ada"), Millis(20_000)), Ahead::Sent);
    assert_eq!(hub.ahead(event(3, None, "line-7", "ada"), Millis(1_000)), Ahead::Left, "from before we looked");
    assert_eq!(names(&line), [key(1), key(2)]);
}

#[test]
fn a_follower_that_does_not_read_is_cut_off_and_the_others_do_not_feel_it() {
    let hub = hub();
    let slow = follow(&hub, correlation("line-7"), "ada");
    let quick = follow(&hub, correlation("line-7"), "ada");
    for at in 0..100u64 {
        let name = u8::try_from(at).unwrap();
        hub.advance(vec![event(name, Some(11 + at), "line-7", "ada")], 11 + at, Millis(1));
        assert_eq!(names(&quick), [key(name)]);
    }
    assert!(matches!(next(&slow), Some(Err(Ending::TooSlow))));
    assert_eq!(hub.streams(), (2, 1));
    drop((slow, quick));
    assert_eq!(hub.streams().0, 0);
}

#[test]
fn a_user_has_so_many_streams_and_no_more_until_one_ends() {
    let hub = hub();
    let mut open: Vec<_> = (0..STREAMS_PER_USER).map(|_| follow(&hub, correlation("line-7"), "ada")).collect();
    let again = |user| hub.follow(correlation("line-7"), Arc::new(viewer(user, None, Reach::Own)), None).map(|_| ());
    assert_eq!(again("ada"), Err(NotFollowing::TooMany));
    assert_eq!(again("ben"), Ok(()));
    open.pop();
    assert_eq!(again("ada"), Ok(()));
}

#[test]
fn nothing_is_followed_before_the_journal_was_reached() {
    let hub = Hub::default();
    let ada = Arc::new(viewer("ada", None, Reach::Own));
    assert_eq!(hub.follow(correlation("line-7"), ada, None).map(|_| ()), Err(NotFollowing::NoTail));
    assert_eq!(hub.ahead(event(1, None, "line-7", "ada"), Millis(i64::MAX)), Ahead::Left);
}

#[test]
fn a_journal_that_began_anew_is_told_to_all() {
    let hub = hub();
    let line = follow(&hub, correlation("line-7"), "ben");
    hub.start(place(0), Millis(1));
    assert!(matches!(next(&line), Some(Ok(Item::Restart(Position { at: 0, .. })))));
    assert_eq!(hub.position(), Some(place(0)));
}

#[test]
fn each_has_a_beat_in_turn_with_the_position_and_only_while_its_token_lasts() {
    let hub = Hub::new(64);
    hub.start(place(10), Millis(0));
    let lasting: Vec<_> = (0..30).map(|_| follow(&hub, correlation("line-7"), "ada")).collect();
    let mut short = viewer("ben", None, Reach::Own);
    short.expires = 100;
    let (short, _) = hub.follow(correlation("line-7"), Arc::new(short), None).unwrap();
    hub.advance(Vec::new(), 77, Millis(1));
    let beats = || lasting.iter().filter(|one| matches!(next(one), Some(Ok(Item::Beat(77))))).count();
    for _ in 0..TICKS {
        hub.tick(Millis(99_999));
        assert_eq!(beats(), 2, "in turns");
    }
    assert!(matches!(next(&short), Some(Ok(Item::Beat(77)))));
    hub.tick(Millis(100_000));
    assert!(matches!(next(&short), Some(Err(Ending::TokenExpired))));
}

#[test]
fn after_it_stops_nobody_follows() {
    let hub = hub();
    let line = follow(&hub, correlation("line-7"), "ada");
    hub.stop();
    assert!(matches!(next(&line), Some(Err(Ending::Shutdown))));
    let ada = Arc::new(viewer("ada", None, Reach::Own));
    assert_eq!(hub.follow(correlation("line-7"), ada, None).map(|_| ()), Err(NotFollowing::Stopping));
}

#[test]
fn whoever_comes_back_is_told_what_came_since_where_that_is_remembered() {
    let hub = Hub::default();
    hub.start_knowing(8, vec![event(1, Some(9), "line-7", "ada")], place(10), Millis(0));
    hub.advance(vec![event(2, Some(11), "line-7", "ada"), event(3, Some(12), "line-7", "ben")], 12, Millis(1));
    let again = |after| {
        let ada = Arc::new(viewer("ada", None, Reach::Own));
        hub.follow(correlation("line-7"), ada, after).unwrap().1
    };
    let keys = |after| again(Some(after)).events.iter().map(|event| event.key).collect::<Vec<_>>();
    assert_eq!(keys(8), [key(1), key(2)]);
    assert_eq!(keys(9), [key(2)]);
    assert_eq!(keys(12), []);
    let fresh = again(None);
    assert_eq!((fresh.events.len(), fresh.from, fresh.shows), (0, 8, true), "of what came before nothing is known");
}

mod traces;
