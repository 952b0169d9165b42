#![allow(clippy::unwrap_used)]
use eventing::grant::Purpose;

use super::*;
use crate::replay::tests::selection;
use crate::resend::samples::{NOW, Site};

const INBOX: &str = "depot/arrivals";

/// A grant that was given at [`NOW`].
fn granted(site: &Site) -> Granted {
    let grant = site.grant("{}", NOW, NOW, Purpose::Replay);
    let granted = serde_json::json!({"grant": grant, "queueArn": site.inbox, "sentAt": NOW, "kid": "grant-1",
        "jti": "0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52"});
    serde_json::from_value(granted).unwrap()
}

#[test]
fn what_was_written_down_is_read_back_whole() {
    let site = Site::new();
    let mut progress = Progress::new(selection());
    progress.turn(Some("1.2".to_owned()));
    progress.end("a", INBOX, None);
    progress.end("b", INBOX, Some("KEY_REVOKED"));
    progress.pass("c");
    let granted = granted(&site);
    progress.begin("d", INBOX, &granted);
    let read = Progress::read(&serde_json::to_vec(&progress).unwrap()).unwrap();
    assert_eq!(read, progress);
    assert_eq!(read.after(), Some("1.2"));
    let is_done = |key| read.is_done(key, INBOX);
    assert_eq!(["a", "b", "c", "d"].map(is_done), [true, true, false, false]);
    assert!(read.is_passed("c") && !read.is_passed("a") && !read.is_done("a", "depot/departures"));
    assert_eq!((read.tally.sent(), read.tally.left(), read.tally.without_inbox), (1, 1, 1));
    assert!(!format!("{progress:?}").contains(&granted.grant));
}

#[test]
fn a_grant_is_repeated_for_its_own_sending_and_only_as_long_as_it_holds() {
    let granted = granted(&Site::new());
    let mut progress = Progress::new(selection());
    progress.begin("a", INBOX, &granted);
    let at = |key: &str, inbox: &str, millis: i64| progress.earlier(key, inbox, 120, NOW.plus_millis(millis));
    assert_eq!(at("a", INBOX, 0), Earlier::Repeatable(granted.clone()));
    // The message enters the queue a little later than it is sent.
    assert_eq!(at("a", INBOX, 105_000), Earlier::Repeatable(granted.clone()));
    assert_eq!(at("a", INBOX, 105_001), Earlier::Lapsed);
    assert_eq!(at("b", INBOX, 0), Earlier::None);
    assert_eq!(at("a", "depot/departures", 0), Earlier::None);
    progress.end("a", INBOX, None);
    assert_eq!(progress.earlier("a", INBOX, 120, NOW), Earlier::None);
}

#[test]
fn behind_the_last_part_nothing_is_left() {
    let mut progress = Progress::new(selection());
    progress.end("a", INBOX, None);
    progress.turn(Some("1.2".to_owned()));
    assert!(!progress.is_complete && !progress.is_done("a", INBOX), "it is behind us");
    progress.turn(None);
    assert!(progress.is_complete);
    assert_eq!(progress.tally.sent(), 1);
}
