#![allow(clippy::unwrap_used)]

use std::task::Waker;

use eventing::time::Millis;
use eventing::types::EventKey;

use super::*;
use crate::cursor::Position;
use crate::event::ShortKey;
use crate::hub::{Hub, TICKS, Topic};
use crate::viewer::Reach;
use crate::viewer::tests::viewer;

fn event(name: u8, position: Option<u64>) -> Event {
    let base = crate::viewer::tests::event(Some("ada"), None, true);
    Event { key: ShortKey::of(EventKey([name; 32])), position, ..base }
}

/// A stream of ada's from `cursor` on, who missed these positions.
fn stream(hub: &Hub, cursor: Cursor, missed: &[u64], reset: Option<Reset>) -> Outgoing {
    let ada = Arc::new(viewer("ada", None, Reach::Own));
    let (following, _) = hub.follow(Topic::Correlation("line-7".into()), ada, None).unwrap();
    let missed = missed.iter().map(|at| Arc::new(event(u8::try_from(*at).unwrap(), Some(*at)))).collect();
    Outgoing::new(following, Start { cursor, missed, reset }, Place::default(), Metrics::default())
}

fn place(at: u64) -> Position {
    Position { generation: 3, at }
}

fn hub() -> Hub {
    let hub = Hub::default();
    hub.start(place(10), Millis(0));
    hub
}

/// What is there to be written, each piece as its id and its first line.
fn pieces(stream: &mut Outgoing) -> Vec<(String, String)> {
    let mut context = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    while let Poll::Ready(Some(Piece { id, block, .. })) = stream.poll_next(&mut context) {
        let lines = String::from_utf8(block.lines().to_vec()).unwrap();
        let first = lines.lines().next().unwrap_or_default();
        all.push((id.trim_start_matches("id: ").trim_end().to_owned(), first.to_owned()));
    }
    all
}

fn of(pieces: &[(String, String)]) -> Vec<(&str, &str)> {
    pieces.iter().map(|(id, line)| (id.as_str(), line.as_str())).collect()
}

#[test]
fn what_was_missed_comes_first_and_each_piece_has_the_id_to_come_back_with() {
    let hub = hub();
    let mut stream = stream(&hub, Cursor::at(place(4)), &[3, 5, 9], None);
    hub.advance(vec![event(11, Some(11))], 12, Millis(1));
    let got = pieces(&mut stream);
    let retry = got.get(2).unwrap().1.clone();
    assert!(retry.starts_with("retry: "), "{retry}");
    assert_eq!(
        of(&got),
        [("3.5", "event: event"), ("3.9", "event: event"), ("3.10", retry.as_str()), ("3.11", "event: event")]
    );
    (0..TICKS).for_each(|_| hub.tick(Millis(2)));
    assert_eq!(of(&pieces(&mut stream)), [("3.12", ":")]);
}

#[test]
fn an_event_is_a_sign_of_life_once_it_is_written_and_no_sooner() {
    let hub = hub();
    let start = || {
        let mut stream = stream(&hub, Cursor::at(place(10)), &[], None);
        pieces(&mut stream);
        stream
    };
    let (mut writes, mut waits) = (start(), start());
    (0..TICKS).for_each(|_| hub.tick(Millis(1)));
    for stream in [&mut writes, &mut waits] {
        assert_eq!(of(&pieces(stream)), [("3.10", ":")]);
    }
    // Two thirds of the time to a beat twice, and an event in the middle.
    let two_thirds = || (0..TICKS / 3 * 2).for_each(|_| hub.tick(Millis(2)));
    two_thirds();
    hub.advance(vec![event(11, Some(11))], 11, Millis(2));
    for stream in [&mut writes, &mut waits] {
        assert!(of(&pieces(stream)).contains(&("3.11", "event: event")));
    }
    writes.written(Some(Instant::now()));
    two_thirds();
    assert_eq!(of(&pieces(&mut writes)), []);
    assert_eq!(of(&pieces(&mut waits)), [("3.11", ":")]);
}

#[test]
fn a_place_that_is_gone_is_told_first_and_a_journal_that_begins_anew_when_it_does() {
    let hub = hub();
    let mut stream = stream(&hub, Cursor::at(place(10)), &[], Some(Reset::TooFarBehind));
    hub.start(Position { generation: 4, at: 3 }, Millis(1));
    let got = pieces(&mut stream);
    assert_eq!(of(&got).first(), Some(&("3.10", "event: reset")));
    assert_eq!(of(&got).last(), Some(&("4.3", "event: reset")));
    hub.advance(vec![event(4, Some(4))], 4, Millis(2));
    assert_eq!(of(&pieces(&mut stream)), [("4.4", "event: event")]);
}

#[test]
fn the_end_is_told_where_the_client_reads() {
    let hub = hub();
    let mut told = stream(&hub, Cursor::at(place(10)), &[], None);
    hub.advance(vec![event(11, Some(11))], 11, Millis(1));
    hub.stop();
    let got = pieces(&mut told);
    assert_eq!(of(&got).last(), Some(&("3.11", "event: end")));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(told.poll_next(&mut context), Poll::Ready(None)));
}

#[test]
fn one_that_is_cut_off_is_not_waited_for() {
    let hub = hub();
    let mut slow = stream(&hub, Cursor::at(place(10)), &[], None);
    let mut context = Context::from_waker(Waker::noop());
    assert!(slow.poll_cut_off(&mut context).is_pending());
    (11..100).for_each(|at| hub.advance(vec![event(1, Some(at))], at, Millis(1)));
    assert!(slow.poll_cut_off(&mut context).is_ready());
    assert_eq!(hub.streams().1, 1);
}
