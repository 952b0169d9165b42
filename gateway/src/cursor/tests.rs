#![allow(clippy::unwrap_used)]

use eventing::types::EventKey;
use proptest::prelude::*;

use super::*;

fn place(at: u64) -> Position {
    Position { generation: 3, at }
}

fn event(name: u8, position: Option<u64>) -> Event {
    let key = ShortKey::of(EventKey([name; 32]));
    Event { key, position, ..crate::viewer::tests::event(None, None, true) }
}

#[test]
fn an_event_sent_ahead_is_skipped_when_the_tail_brings_it() {
    let mut cursor = Cursor::at(place(40));
    assert!(cursor.take(&event(1, None)));
    assert!(!cursor.take(&event(1, None)), "a copy");
    assert!(cursor.take(&event(2, Some(41))));
    assert!(!cursor.take(&event(1, Some(42))));
    assert_eq!(cursor, Cursor::at(place(42)));
    assert!(!cursor.take(&event(2, Some(41))), "the tail re-reads");
}

#[test]
fn a_client_that_comes_back_elsewhere_gets_the_rest_and_nothing_twice() {
    let mut first = Cursor::at(place(7));
    assert!(first.take(&event(9, None)));
    let mut second: Cursor = first.to_string().parse().unwrap();
    assert_eq!(second, first);
    assert!(second.take(&event(8, Some(8))));
    assert!(!second.take(&event(9, Some(9))));
    assert!(second.take(&event(10, Some(10))));
}

#[test]
fn past_sixteen_ahead_the_tail_alone_feeds() {
    let mut cursor = Cursor::at(place(0));
    assert!((0..16).all(|name| cursor.take(&event(name, None))));
    assert!(!cursor.take(&event(99, None)));
    assert!(cursor.take(&event(99, Some(1))));
    assert!(!cursor.take(&event(3, Some(2))));
    assert!(cursor.take(&event(100, None)), "a place is free again");
}

#[test]
fn it_says_of_which_journal_it_is() {
    let mut cursor: Cursor = "3.7".parse().unwrap();
    assert!(cursor.is_of(place(900)) && !cursor.is_of(Position { generation: 4, at: 7 }));
    cursor.restart(Position { generation: 4, at: 2 });
    assert_eq!(cursor.to_string(), "4.2");
}

#[test]
fn an_id_of_the_version_without_generations_is_of_no_journal() {
    for old in ["7", "7~AAAAAAAAAAAAAAAAAAAAAA"] {
        let cursor: Cursor = old.parse().unwrap();
        assert!(
            [0, 1, 1_795_000_000_000].iter().all(|&generation| !cursor.is_of(Position { generation, at: 7 })),
            "{old}"
        );
    }
}

#[test]
fn what_is_not_an_id_of_ours_is_refused() {
    for bad in [
        "",
        "x",
        "-7",
        "7~short",
        "-1.7",
        "3.-1",
        "3.",
        ".7",
        "3.7.1",
        "3.7~",
        "3.7~short",
        "3,7",
        "3.7~AAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(bad.parse::<Cursor>(), Err(NotACursor), "{bad}");
    }
    let many = format!("3.1{}", "~AAAAAAAAAAAAAAAAAAAAAA".repeat(17));
    assert_eq!(many.parse::<Cursor>(), Err(NotACursor));
}

proptest! {
    /// Whichever events the inbox brings ahead, in whatever order, with the client cut off wherever: each once.
    #[test]
    fn each_event_reaches_the_client_once(
        ahead in proptest::collection::vec((0u8..30, 0usize..30), 0..40),
        cuts in proptest::collection::btree_set(0usize..30, 0..5),
    ) {
        let mut cursor = Cursor::at(place(0));
        let mut got = Vec::new();
        for step in 0..30usize {
            if cuts.contains(&step) {
                cursor = cursor.to_string().parse().unwrap();
            }
            for (name, _) in ahead.iter().filter(|(name, at)| *at == step && usize::from(*name) >= step) {
                if cursor.take(&event(*name, None)) {
                    got.push(*name);
                }
            }
            let name = u8::try_from(step).unwrap();
            if cursor.take(&event(name, Some(u64::from(name) + 1))) {
                got.push(name);
            }
        }
        got.sort_unstable();
        prop_assert_eq!(got, (0..30).collect::<Vec<u8>>());
        prop_assert_eq!(cursor, Cursor::at(place(30)));
    }
}
