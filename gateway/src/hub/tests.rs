#![allow(clippy::unwrap_used)]

use eventing::types::EventKey;

use super::*;
use crate::event::ShortKey;
use crate::viewer::Reach;
use crate::viewer::tests::viewer;

fn event(name: u8, position: Option<u64>, correlation: &str, user: &str) -> Event {
    let base = crate::viewer::tests::event(Some(user), Some("north"), true);
    Event { key: ShortKey::of(EventKey([name; 32])), position, correlation_id: correlation.into(), ..base }
}

fn hub() -> Hub {
    let hub = Hub::default();
    hub.start(10, Millis(0));
    hub
}

fn correlation(name: &str) -> Topic {
    Topic::Correlation(name.into())
}

fn follow(hub: &Hub, topic: Topic, user: &str) -> Following {
    hub.follow(topic, Arc::new(viewer(user, None, Reach::Own))).unwrap()
}

fn names(following: &mut Following) -> Vec<ShortKey> {
    let mut got = Vec::new();
    while let Ok(item) = following.items.try_recv() {
        if let Item::Event(event) = item {
            got.push(event.key);
        }
    }
    got
}

fn key(name: u8) -> ShortKey {
    ShortKey::of(EventKey([name; 32]))
}

#[test]
fn each_gets_what_they_follow_and_may_see() {
    let hub = hub();
    let mut line = follow(&hub, correlation("line-7"), "ada");
    let mut others = follow(&hub, correlation("line-7"), "ben");
    let mut user = follow(&hub, Topic::User("ada".into()), "ada");
    let mut elsewhere = follow(&hub, correlation("line-8"), "ada");
    hub.advance(vec![event(1, Some(11), "line-7", "ada"), event(2, Some(12), "line-9", "ada")], 12, Millis(1));
    assert_eq!(names(&mut line), [key(1)]);
    assert_eq!(names(&mut others), []);
    assert_eq!(names(&mut user), [key(1), key(2)]);
    assert_eq!(names(&mut elsewhere), []);
    assert_eq!(hub.position(), Some(12));
}

#[test]
fn what_the_tail_brought_is_not_sent_again_by_the_inbox() {
    let hub = hub();
    let mut line = follow(&hub, correlation("line-7"), "ada");
    hub.advance(vec![event(1, Some(11), "line-7", "ada")], 11, Millis(20_000));
    assert_eq!(hub.ahead(event(1, None, "line-7", "ada"), Millis(20_000)), Ahead::Left);
    assert_eq!(hub.ahead(event(2, None, "line-7", "ada"), Millis(20_000)), Ahead::Sent);
    assert_eq!(hub.ahead(event(3, None, "line-7", "ada"), Millis(1_000)), Ahead::Left, "from before we looked");
    assert_eq!(names(&mut line), [key(1), key(2)]);
}

#[test]
fn a_follower_that_does_not_read_is_cut_off_and_the_others_do_not_feel_it() {
    let hub = hub();
    let mut slow = follow(&hub, correlation("line-7"), "ada");
    let mut quick = follow(&hub, correlation("line-7"), "ada");
    for at in 0..100u64 {
        let name = u8::try_from(at).unwrap();
        hub.advance(vec![event(name, Some(11 + at), "line-7", "ada")], 11 + at, Millis(1));
        assert_eq!(names(&mut quick), [key(name)]);
    }
    assert_eq!(names(&mut slow).len(), QUEUE);
    assert!(slow.items.is_closed());
    assert_eq!(hub.streams(), (2, 1));
    drop((slow, quick));
    assert_eq!(hub.streams().0, 0);
}

#[test]
fn a_user_has_so_many_streams_and_no_more_until_one_ends() {
    let hub = hub();
    let mut open: Vec<_> = (0..STREAMS_PER_USER).map(|_| follow(&hub, correlation("line-7"), "ada")).collect();
    let again = |user| hub.follow(correlation("line-7"), Arc::new(viewer(user, None, Reach::Own))).map(|_| ());
    assert_eq!(again("ada"), Err(NotFollowing::TooMany));
    assert_eq!(again("ben"), Ok(()));
    open.pop();
    assert_eq!(again("ada"), Ok(()));
}

#[test]
fn nothing_is_followed_before_the_journal_was_reached() {
    let hub = Hub::default();
    let ada = Arc::new(viewer("ada", None, Reach::Own));
    assert_eq!(hub.follow(correlation("line-7"), ada).map(|_| ()), Err(NotFollowing::NoTail));
    assert_eq!(hub.ahead(event(1, None, "line-7", "ada"), Millis(i64::MAX)), Ahead::Left);
}

#[test]
fn a_journal_that_began_anew_is_told_to_all() {
    let hub = hub();
    let mut line = follow(&hub, correlation("line-7"), "ben");
    hub.start(0, Millis(1));
    assert!(matches!(line.items.try_recv(), Ok(Item::Restart(0))));
    assert_eq!(hub.position(), Some(0));
}
