#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::dlq::samples::{HOUR, NOW, Site, judge, letter};

const DAY: i64 = 24 * HOUR;

fn sent(verdict: Verdict) -> Sending {
    match verdict {
        Verdict::Send(sending) => sending,
        Verdict::Leave(leaving) => panic!("it stays: {leaving:?}"),
    }
}

fn left(verdict: Verdict) -> String {
    match verdict {
        Verdict::Leave(leaving) => leaving.code,
        Verdict::Send(sending) => panic!("it is sent: {sending:?}"),
    }
}

fn later(millis: i64) -> Millis {
    NOW.plus_millis(millis)
}

#[test]
fn each_shape_has_the_time_that_the_page_gives_it() {
    let site = Site::new();
    let (body, now) = (site.event(NOW), later(DAY));
    let granted = site.grant(&body, later(-1_000), later(HOUR / 2), Purpose::Redrive);
    let replayed = site.grant(&body, NOW, later(HOUR / 2), Purpose::Replay);
    let noted = later(-60_000).0.to_string();
    let at = later(-1_000).0.to_string();
    let table = [
        (
            "our consumer's: what it wrote down",
            later(HOUR),
            vec![("qsl.code", "NO_ROUTE"), ("qsl.sentAt", noted.as_str())],
            later(-60_000),
            Purpose::Redrive,
        ),
        (
            "our consumer's, of a replay: a replay",
            later(HOUR),
            vec![("qsl.code", "NO_ROUTE"), ("qsl.sentAt", &noted), ("qsl.purpose", "replay")],
            later(-60_000),
            Purpose::Replay,
        ),
        (
            "EventBridge's: its own",
            later(1_000),
            vec![("ERROR_CODE", "X"), ("qsl.sentAt", &noted)],
            later(1_000),
            Purpose::Redrive,
        ),
        ("SQS's: its own", later(2_000), vec![("qsl.sentAt", &noted)], later(2_000), Purpose::Redrive),
        (
            "SQS's, sent again before, its time reset: the grant's",
            later(HOUR),
            vec![("qsl.sentAt", &at), ("qsl.grant", &granted)],
            later(-1_000),
            Purpose::Redrive,
        ),
        (
            "SQS's, of a replay: a replay",
            later(HOUR),
            vec![("qsl.sentAt", "1800000000000"), ("qsl.grant", &replayed)],
            NOW,
            Purpose::Replay,
        ),
    ];
    for (what, own, attributes, sent_at, purpose) in table {
        let sending = sent(judge(&site).judge(&letter(Place::Rejected, &body, own, &attributes), now));
        assert_eq!((sending.sent_at, sending.purpose), (sent_at, purpose), "{what}");
        assert!(!sending.is_late && sending.group.is_none(), "{what}");
    }
}

#[test]
fn a_grant_that_does_not_hold_gives_no_time() {
    let site = Site::new();
    let body = site.event(NOW);
    let at = NOW.0.to_string();
    let other_body = site.grant(&site.event(NOW), NOW, later(HOUR / 2), Purpose::Redrive);
    let other_site = Site::new().grant(&body, NOW, later(HOUR / 2), Purpose::Redrive);
    let good = site.grant(&body, NOW, later(HOUR / 2), Purpose::Redrive);
    for (what, grant, sent_at) in [
        ("for another body", other_body.as_str(), at.as_str()),
        ("by another's key", &other_site, &at),
        ("for another time", &good, "1800000000001"),
        ("no grant at all", "a.b.c", &at),
    ] {
        let attributes = [("qsl.grant", grant), ("qsl.sentAt", sent_at)];
        let moved = letter(Place::Rejected, &body, later(HOUR), &attributes);
        assert_eq!(left(judge(&site).judge(&moved, later(DAY))), "TIMESTAMP_SKEW", "{what}");
    }
}

#[test]
fn a_late_event_goes_back_at_its_own_time_and_only_where_that_is_asked_for() {
    let site = Site::new();
    let late = letter(Place::Rejected, &site.event(NOW), later(HOUR), &[("ERROR_CODE", "X")]);
    let Verdict::Leave(leaving) = judge(&site).judge(&late, later(DAY)) else { panic!("it is sent") };
    assert_eq!(leaving.code, "TIMESTAMP_SKEW");
    assert!(leaving.why.contains("--accept-late"), "{}", leaving.why);

    let accepting = || Judge { accept_late: true, ..judge(&site) };
    let sending = sent(accepting().judge(&late, later(DAY)));
    assert_eq!((sending.sent_at, sending.is_late), (NOW, true));
    // What is not late keeps the time it has.
    let noted = later(5_000).0.to_string();
    let good =
        letter(Place::Rejected, &site.event(NOW), later(HOUR), &[("qsl.code", "NO_ROUTE"), ("qsl.sentAt", &noted)]);
    let sending = sent(accepting().judge(&good, later(DAY)));
    assert_eq!((sending.sent_at, sending.is_late), (later(5_000), false));
    // Being late excuses nothing else.
    let forged = site.event(NOW).replace("harbour", "airport");
    let forged = letter(Place::Rejected, &forged, later(HOUR), &[("ERROR_CODE", "X")]);
    assert_eq!(left(accepting().judge(&forged, later(DAY))), "PAYLOAD_MISMATCH");
}

#[test]
fn what_does_not_verify_stays_with_its_code_whoever_wrote_it() {
    let site = Site::new();
    let noted = NOW.0.to_string();
    for (body, code) in [
        ("no json".to_owned(), "BODY_MALFORMED"),
        (site.event(NOW).replace("sig_compact", "sig"), "SIGNATURE_MISSING"),
        (Site::new().event(NOW), "KID_UNKNOWN"),
        (site.event(NOW).replace("harbour", "airport"), "PAYLOAD_MISMATCH"),
        (site.event(NOW).replace("line-7", "line-8"), "ENVELOPE_MISMATCH"),
        (site.event(later(2 * HOUR)), "KEY_EXPIRED"),
    ] {
        for attributes in [&[("qsl.code", "X"), ("qsl.sentAt", noted.as_str())][..], &[("ERROR_CODE", "X")], &[]] {
            let letter = letter(Place::Rejected, &body, NOW, attributes);
            assert_eq!(left(judge(&site).judge(&letter, later(DAY))), code, "{attributes:?}");
        }
    }
}

#[test]
fn a_time_for_which_there_is_no_grant_is_known_before_it_is_asked_for() {
    let site = Site::new();
    let noted = NOW.0.to_string();
    let ours = |purpose| [("qsl.code", "X"), ("qsl.sentAt", noted.as_str()), ("qsl.purpose", purpose)];
    let event = site.event(NOW);
    let judged = |purpose, now| judge(&site).judge(&letter(Place::Rejected, &event, NOW, &ours(purpose)), now);
    sent(judged("redrive", later(28 * DAY)));
    assert_eq!(left(judged("redrive", later(28 * DAY + 1))), "SENT_AT_OUT_OF_BOUNDS");
    sent(judged("replay", later(28 * DAY + 1)));
    assert_eq!(left(judged("redrive", later(-1))), "SENT_AT_OUT_OF_BOUNDS");
}

#[test]
fn a_fifo_inbox_gets_the_group_that_the_event_had() {
    let site = Site::new();
    let rule = "arn:aws:events:eu-west-1:111122223333:rule/trams/lines";
    let fifo = |group: Option<&str>| Judge {
        fifo: true,
        groups: [(rule.to_owned(), "line".to_owned())].into(),
        group: group.map(str::to_owned),
        ..judge(&site)
    };
    let body = site.event(NOW);
    let undelivered = |rule| letter(Place::Undelivered, &body, NOW, &[("ERROR_CODE", "X"), ("RULE_ARN", rule)]);
    let mut rejected = letter(Place::Rejected, &body, NOW, &[("qsl.code", "X")]);
    rejected.message.group = Some("own".into());

    assert_eq!(sent(fifo(None).judge(&rejected, later(DAY))).group.as_deref(), Some("own"));
    assert_eq!(sent(fifo(Some("named")).judge(&rejected, later(DAY))).group.as_deref(), Some("own"));
    assert_eq!(sent(fifo(None).judge(&undelivered(rule), later(DAY))).group.as_deref(), Some("line"));
    assert_eq!(left(fifo(None).judge(&undelivered("gone"), later(DAY))), "NO_GROUP");
    assert_eq!(sent(fifo(Some("named")).judge(&undelivered("gone"), later(DAY))).group.as_deref(), Some("named"));
}
