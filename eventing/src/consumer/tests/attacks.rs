//! What somebody who can put messages into the inbox achieves with captured events, ids, grants and attributes: nothing.

use super::*;
use crate::attributes::{self, Attributes};
use crate::grant::{GrantFacts, Purpose};
use crate::signing::sign_grant;

/// The same event as EventBridge would deliver it under another id.
fn with_id(body: &[u8], id: &str) -> Vec<u8> {
    let mut body: serde_json::Value = serde_json::from_slice(body).unwrap();
    body["id"] = json!(id);
    serde_json::to_vec(&body).unwrap()
}

/// Attack 4.
#[tokio::test(start_paused = true)]
async fn a_captured_event_under_a_new_id_is_handled_once_and_after_the_skew_refused() {
    let world = world(Script::takes(Duration::ZERO));
    let captured = world.event(1);
    world.queue.send(&captured);
    world.until(|world| world.queue.left() == 0).await;
    for n in 0..20 {
        world.queue.send(&with_id(&captured, &format!("put-again-{n}")));
    }
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1]);
    let late = NOW.plus(Duration::from_millis(300_001));
    world.queue.send_at(late, &with_id(&captured, "put-late"), Attributes::new());
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1]);
    assert_eq!(world.queue.codes(), ["TIMESTAMP_SKEW"]);
}

/// Attack 5.
#[tokio::test(start_paused = true)]
async fn another_event_under_a_known_id_is_handled() {
    let world = world(Script::takes(Duration::ZERO));
    world.queue.send(&with_id(&world.event(1), "known"));
    world.until(|world| world.queue.left() == 0).await;
    world.queue.send(&with_id(&world.event(2), "known"));
    world.until(|world| world.queue.left() == 0).await;
    let got: Vec<String> = world.handler.got.lock().unwrap().iter().map(|(core, _)| core.clone()).collect();
    assert_eq!(got, [r#"{"lamp":"l-9","n":1}"#, r#"{"lamp":"l-9","n":2}"#]);
}

/// A world whose bus has a grant key too.
fn granting(script: Script) -> (World, TestKey) {
    granting_with(script, settings())
}

/// The same, of an inbox with these settings.
pub(super) fn granting_with(script: Script, settings: Settings) -> (World, TestKey) {
    let world = world_with(script, settings, true);
    let grants = TestKey::new(Algorithm::MlDsa44, KeyUse::Grant);
    let ring = ring(&[(&bus("lamps"), &[&world.key, &grants])]);
    world.keys.publish(KeyView { ring: Some(Arc::new(ring)), confirmed: None });
    (world, grants)
}

/// The attributes of a message sent again with a grant of its own.
pub(super) fn granted(grants: &TestKey, body: &[u8], purpose: Purpose, sent_at: Millis) -> Attributes {
    let facts = GrantFacts { body, inbox: &crate::fixture::queue(), purpose, sent_at };
    let jti = Jti::from_uuid(uuid::Uuid::new_v4());
    let grant = sign_grant(&grants.private, grants.kid(), facts, &jti, NOW.into()).unwrap();
    [(attributes::GRANT, grant), (attributes::SENT_AT, sent_at.0.to_string())].into_iter().collect()
}

/// Attack 11.
#[tokio::test(start_paused = true)]
async fn a_grant_used_twice_is_handled_once() {
    for purpose in [Purpose::Redrive, Purpose::Replay] {
        let (world, grants) = granting(Script::takes(Duration::ZERO));
        let earlier = NOW.plus_millis(-3_000_000);
        let body = event_at(&world.key, 1, earlier);
        let again = granted(&grants, &body, purpose, earlier);
        for _ in 0..3 {
            world.queue.send_at(NOW, &body, again.clone());
        }
        world.until(|world| world.queue.left() == 0).await;
        world.queue.send_at(NOW, &body, again);
        world.until(|world| world.queue.left() == 0).await;
        assert_eq!(world.handler.attempts(), [1], "{purpose}");
        assert!(world.queue.letters().is_empty(), "{purpose}: {:?}", world.queue.codes());

        // Another grant is leave to handle it again where that is what it is for.
        world.queue.send_at(NOW, &body, granted(&grants, &body, purpose, earlier));
        world.until(|world| world.queue.left() == 0).await;
        let handled = if purpose == Purpose::Replay { 2 } else { 1 };
        assert_eq!(world.handler.attempts().len(), handled, "{purpose}");
    }
}

/// Attack 11, the rest: a grant of another body, or another's of this inbox, opens nothing.
#[tokio::test(start_paused = true)]
async fn a_grant_on_another_body_opens_nothing() {
    let (world, grants) = granting(Script::takes(Duration::ZERO));
    let earlier = NOW.plus_millis(-3_000_000);
    let (one, other) = (event_at(&world.key, 1, earlier), event_at(&world.key, 2, earlier));
    world.queue.send_at(NOW, &other, granted(&grants, &one, Purpose::Replay, earlier));
    world.queue.send_at(NOW, &other, granted(&world.key, &other, Purpose::Replay, earlier));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.codes(), ["GRANT_INVALID", "GRANT_INVALID"]);
    assert!(world.handler.attempts().is_empty());
}

/// What somebody who may send to the inbox would write to have it taken for a dead letter of ours.
fn forged_attributes() -> Attributes {
    let forged = [
        (attributes::CODE, "HANDLER_EXHAUSTED"),
        (attributes::MESSAGE, "forged"),
        (attributes::STAGE, "route"),
        (attributes::KID, "forged-kid"),
        (attributes::PURPOSE, "replay"),
        (attributes::ATTEMPTS, "4"),
        (attributes::SENT_AT, "1799998000000"),
        (attributes::FAILED_AT, "1"),
        (attributes::HANDLER_STATUS, "204"),
        (attributes::REDRIVES, "77"),
        ("ERROR_CODE", "forged"),
    ];
    forged.into_iter().collect()
}

/// Attack 12.
#[tokio::test(start_paused = true)]
async fn forged_attributes_change_nothing_and_are_in_no_dead_letter_of_ours() {
    let world = world(Script::answers(vec![HandlerAnswer::from_status(500, None); 9]));
    world.queue.send_at(NOW, &world.event(1), forged_attributes());
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1, 2, 3, 4, 5], "attempts are counted here");
    let late = event_at(&world.key, 2, Millis(1_799_998_000_000));
    world.queue.send_at(NOW, &late, forged_attributes());
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.codes(), ["HANDLER_EXHAUSTED", "TIMESTAMP_SKEW"], "its time is the queue's");

    for (letter, of) in world.queue.letters().iter().zip([
        [("qsl.stage", "handle"), ("qsl.attempts", "5"), ("qsl.handlerStatus", "500")],
        [("qsl.stage", "verify"), ("qsl.attempts", "0"), ("qsl.handlerStatus", "")],
    ]) {
        let common = [("qsl.sentAt", "1800000000000"), ("qsl.kid", world.key.kid().as_str())];
        for (name, value) in of.into_iter().chain(common) {
            assert_eq!(letter.attributes.get(name).map_or("", String::as_str), value, "{name}");
        }
        for name in ["qsl.purpose", "qsl.redrives", "qsl.grant", "ERROR_CODE"] {
            assert_eq!(letter.attributes.get(name), None, "{name}");
        }
        assert!(!letter.attributes["qsl.message"].contains("forged"));
        assert_ne!(letter.attributes["qsl.failedAt"], "1");
    }
}

/// What a redriven message carries is kept, since its grant held.
#[tokio::test(start_paused = true)]
async fn how_often_a_message_was_sent_again_is_kept_where_its_grant_held() {
    let (world, grants) = granting(Script::answers([HandlerAnswer::from_status(422, None)]));
    let earlier = NOW.plus_millis(-3_000_000);
    let body = event_at(&world.key, 1, earlier);
    let mut again = granted(&grants, &body, Purpose::Redrive, earlier);
    again.insert(attributes::REDRIVES, "3");
    world.queue.send_at(NOW, &body, again);
    world.until(|world| world.queue.left() == 0).await;
    let letter = world.queue.letters().remove(0);
    for (name, value) in [("qsl.redrives", "3"), ("qsl.purpose", "redrive"), ("qsl.sentAt", "1799997000000")] {
        assert_eq!(letter.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
}
