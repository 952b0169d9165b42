//! Fault 35: EventBridge delivers late. And attack 12, as the tool meets it: attributes that somebody forged.

use eventing::consumer::disposition::{Stage, Verdict};
use eventing::consumer::letter::{Known, dead_letter};
use eventing::verify::{RawMessage, verify};

use super::super::ports::Found;
use super::*;

/// The dead letter that our consumer writes of a message that entered its queue then.
fn rejected(ground: &Ground, body: &str, entered: Millis) -> Letter {
    let message = letter(Place::Rejected, body, entered, &[]).message;
    let raw = RawMessage { body: body.as_bytes(), attributes: &message.attributes, sent_at: entered };
    let rejection = verify(&raw, &ground.judge.ring, &ground.judge.policy, entered).unwrap_err();
    let known = Known { sent_at: Some(rejection.sent_at), ..Known::default() };
    let Rejection { code, message: said, .. } = rejection;
    let verdict = Verdict { code, stage: Stage::Verify, message: said, status: None };
    let written = dead_letter(&message, &verdict, &known, entered);
    let attributes = written.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>();
    letter(Place::Rejected, body, entered.plus_millis(1_000), &attributes)
}

/// Puts one letter, and brings it back.
fn brought(ground: &mut Ground, letter: &Letter, accept_late: bool) -> Went {
    ground.judge.accept_late = accept_late;
    ground.queues = FakeQueues::default();
    ground.queues.put("late", letter);
    ground.redrive(&FakeGrants::of(&ground.site))
}

/// The event is handled, at the time it was signed.
fn is_taken(ground: &Ground, went: &Went, ts: Millis) {
    assert_eq!(went.sent(), Sent { sent_at: ts, is_late: true, redrives: 1 });
    let event = ground.consumer(&ground.queues.sent()[0]).unwrap();
    assert_eq!((event.sent_at, event.purpose), (ts, Some(Purpose::Redrive)));
    assert_eq!(ground.queues.left(), Vec::<String>::new());
}

#[test]
fn an_event_delivered_past_the_skew_comes_back_where_it_is_accepted_late() {
    let mut ground = Ground::new();
    let signed = ground.site.now.plus_millis(-HOUR / 2);
    let body = ground.site.event(signed);
    // The consumer refused it; or EventBridge gave up on it after long; or nobody got to judge it before SQS moved it.
    let delivered = rejected(&ground, &body, ground.site.now);
    assert_eq!(delivered.code, "TIMESTAMP_SKEW");
    let given_up = letter(Place::Rejected, &body, ground.site.now, &[("ERROR_CODE", "THROTTLING")]);
    let moved = letter(Place::Rejected, &body, ground.site.now, &[]);
    for late in [delivered, given_up, moved] {
        let went = brought(&mut ground, &late, false);
        assert_eq!((went.left(), ground.queues.left().len()), ("TIMESTAMP_SKEW", 1), "{}", late.writer);
        let went = brought(&mut ground, &late, true);
        is_taken(&ground, &went, signed);
    }
}

#[test]
fn an_event_that_eventbridge_gave_up_on_within_the_skew_comes_back_by_plain_redrive() {
    let mut ground = Ground::new();
    let signed = ground.site.now.plus_millis(-HOUR / 2);
    let body = ground.site.event(signed);
    let entered = signed.plus_millis(240_000);
    let given_up = letter(Place::Rejected, &body, entered, &[("ERROR_CODE", "NO_PERMISSIONS")]);
    let went = brought(&mut ground, &given_up, false);
    assert_eq!(went.sent(), Sent { sent_at: entered, is_late: false, redrives: 1 }, "its own time is good enough");
    assert_eq!(ground.consumer(&ground.queues.sent()[0]).unwrap().sent_at, entered);
}

#[test]
fn a_forged_event_is_not_made_good_by_being_late() {
    let mut ground = Ground::new();
    let body = ground.site.event(ground.site.now.plus_millis(-HOUR / 2)).replace("harbour", "airport");
    let late = letter(Place::Rejected, &body, ground.site.now, &[("ERROR_CODE", "THROTTLING")]);
    assert_eq!(brought(&mut ground, &late, true).left(), "PAYLOAD_MISMATCH");
    assert_eq!(ground.queues.sent().len(), 0);
}

/// Attack 12. Somebody sends a captured event to the inbox as if it were a dead letter of ours from the time at which it
/// was good, and sees to it that SQS moves it.
#[test]
fn attributes_that_a_sender_forged_give_no_time_and_no_purpose() {
    let mut ground = Ground::new();
    let signed = ground.site.now.plus_millis(-HOUR / 2);
    let noted = signed.0.to_string();
    let forged = [("qsl.code", "NO_ROUTE"), ("qsl.sentAt", noted.as_str()), ("qsl.purpose", "replay")];
    let mut message = letter(Place::Rejected, &ground.site.event(signed), ground.site.now, &[]).message;
    message.attributes = forged.into_iter().collect();
    let moved = Letter::read(Place::Rejected, Found { message, moved: true });
    assert_eq!(brought(&mut ground, &moved, false).left(), "TIMESTAMP_SKEW");
    assert_eq!(ground.queues.sent().len(), 0);
}
