//! Replays: an event that was handled long ago is handled once more for each grant, and only where a grant says so.

use super::attacks::{granted, granting_with};
use super::*;
use crate::attributes::{self, Attributes};
use crate::grant::{GrantFacts, Purpose};
use crate::signing::sign_grant;

/// When what is replayed happened: longer ago than the skew.
const EARLIER: Millis = Millis(1_799_997_000_000);

/// A handler that writes down which of its deliveries are replays.
fn marking() -> (Script, Arc<Mutex<Vec<bool>>>) {
    let marks = Arc::<Mutex<Vec<bool>>>::default();
    let seen = Arc::clone(&marks);
    let script = Script::new(move |delivery| {
        seen.lock().unwrap().push(delivery.event.is_replay());
        (Duration::ZERO, HandlerAnswer::Done)
    });
    (script, marks)
}

#[tokio::test(start_paused = true)]
async fn each_replay_of_a_handled_event_is_handled_and_marked_and_its_copies_are_not() {
    let (script, marks) = marking();
    let (world, grants) = granting_with(script, settings());
    let body = event_of(&world.key, 1);
    world.queue.send(&body);
    world.until(|world| world.queue.left() == 0).await;
    for _ in 0..2 {
        let replay = granted(&grants, &body, Purpose::Replay, NOW);
        for _ in 0..3 {
            world.queue.send_at(NOW, &body, replay.clone());
        }
        world.until(|world| world.queue.left() == 0).await;
    }
    // What it was, it still is: a copy of the event itself is one.
    world.queue.send(&body);
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(*marks.lock().unwrap(), [false, true, true]);
    assert!(world.queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_but_a_grant_of_that_purpose_makes_a_replay() {
    let (script, marks) = marking();
    let (world, grants) = granting_with(script, settings());
    let body = event_of(&world.key, 1);
    let claims = [(attributes::PURPOSE, "replay"), ("QSL-Replay", "true"), ("qsl-replay", "true")];
    world.queue.send_at(NOW, &body, claims.into_iter().collect());
    world.until(|world| world.queue.left() == 0).await;
    let second = event_of(&world.key, 2);
    let mut redriven = granted(&grants, &second, Purpose::Redrive, NOW);
    for (name, value) in claims {
        redriven.insert(name, value);
    }
    world.queue.send_at(NOW, &second, redriven);
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(*marks.lock().unwrap(), [false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_replay_has_no_business_key_and_takes_none() {
    let keys = vec!["/detail/detailCore/lamp".to_owned()];
    let with_keys = Settings { business_keys: keys, ..settings() };
    let (script, marks) = marking();
    let (world, grants) = granting_with(script, with_keys);
    // Three events of one business key: both replays are handled, and the new one after them too.
    for n in [1, 2] {
        let body = event_at(&world.key, n, EARLIER);
        world.queue.send_at(NOW, &body, granted(&grants, &body, Purpose::Replay, EARLIER));
        world.until(|world| world.queue.left() == 0).await;
    }
    world.queue.send(&event_of(&world.key, 3));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(*marks.lock().unwrap(), [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn the_attempts_of_a_replay_are_its_own() {
    let (world, grants) =
        granting_with(Script::new(|_| (Duration::ZERO, HandlerAnswer::from_status(500, None))), settings());
    let body = event_at(&world.key, 1, EARLIER);
    for _ in 0..2 {
        world.queue.send_at(NOW, &body, granted(&grants, &body, Purpose::Replay, EARLIER));
    }
    world.until(|world| world.queue.left() == 0).await;
    let mut attempts = world.handler.attempts();
    attempts.sort_unstable();
    assert_eq!(attempts, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    assert_eq!(world.queue.codes(), ["HANDLER_EXHAUSTED", "HANDLER_EXHAUSTED"]);
    let letters = world.queue.letters();
    assert!(letters.iter().all(|letter| letter.attributes.get(attributes::PURPOSE).is_some_and(|of| of == "replay")));
}

/// Attack 11: a grant to replay an event into one inbox, used at another; with another time; after its own time.
#[tokio::test(start_paused = true)]
async fn a_grant_to_replay_opens_its_own_inbox_at_its_own_time_alone() {
    let (script, marks) = marking();
    let (world, grants) = granting_with(script, settings());
    let body = event_at(&world.key, 1, EARLIER);
    let elsewhere = crate::types::QueueArn::parse("arn:aws:sqs:eu-west-1:111122223333:door-inbox").unwrap();
    let facts = GrantFacts { body: &body, inbox: &elsewhere, purpose: Purpose::Replay, sent_at: EARLIER };
    let jti = Jti::from_uuid(uuid::Uuid::new_v4());
    let foreign = sign_grant(&grants.private, grants.kid(), facts, &jti, NOW.into()).unwrap();
    let foreign = [(attributes::GRANT, foreign), (attributes::SENT_AT, EARLIER.0.to_string())];
    world.queue.send_at(NOW, &body, foreign.into_iter().collect());
    let mut retimed: Attributes = granted(&grants, &body, Purpose::Replay, EARLIER);
    retimed.insert(attributes::SENT_AT, NOW.0.to_string());
    world.queue.send_at(NOW, &body, retimed);
    let kept = granted(&grants, &body, Purpose::Replay, EARLIER);
    world.queue.send_at(NOW.plus_millis(300_001), &body, kept);
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.codes(), ["GRANT_INVALID"; 3]);
    assert!(marks.lock().unwrap().is_empty());
}
