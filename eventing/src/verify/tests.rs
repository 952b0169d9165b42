#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod attacks;
mod order;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::envelope::Trace;
use crate::fixture::{NOW, TestKey, body, bus, jti, policy, queue, ring};
use crate::grant::{GrantFacts, Purpose};
use crate::keyset::KeySet;
use crate::signing::sign_grant;
use crate::types::{DetailType, EventKey, Resource, Source};

fn judged(
    body: &[u8],
    attributes: &Attributes,
    sent_at: Millis,
    ring: &KeyRing,
    policy: &Policy,
) -> Result<Verified, Code> {
    verify(&RawMessage { body, attributes, sent_at }, ring, policy, NOW).map_err(|rejection| rejection.code)
}

fn plainly(body: &[u8], ring: &KeyRing) -> Result<Verified, Code> {
    judged(body, &Attributes::new(), NOW, ring, &policy())
}

fn event_key(algorithm: Algorithm) -> TestKey {
    TestKey::new(algorithm, KeyUse::Sig)
}

#[test]
fn what_is_signed_here_verifies_here() {
    for algorithm in Algorithm::ALL {
        let key = event_key(algorithm);
        let ring = ring(&[(&bus("north"), &[&key])]);
        let verified = plainly(&key.body(), &ring).unwrap();
        assert_eq!(verified.detail_core.as_str(), r#"{"lumen":900,"note":"a \"word\", €"}"#);
        assert_eq!(verified.source.as_str(), "qsl.lighthouse");
        assert_eq!(verified.correlation_id.as_str(), "story-17");
        assert_eq!(verified.trace.user_id(), Some("u-5"));
        assert_eq!((&verified.kid, verified.algorithm), (key.kid(), algorithm));
        assert_eq!((verified.ts, verified.jti, verified.has_env), (NOW.into(), Some(jti()), true));
        assert_eq!((verified.bus, verified.sent_at, verified.purpose), (bus("north"), NOW, None));
        let embedded = serde_json::to_string(&json!({"core": verified.detail_core})).unwrap();
        assert_eq!(embedded, r#"{"core":{"lumen":900,"note":"a \"word\", €"}}"#);
    }
}

#[test]
fn a_body_past_its_size_is_not_read() {
    let key = event_key(Algorithm::MlDsa44);
    let ring = ring(&[(&bus("north"), &[&key])]);
    let mut body = key.body();
    body.resize(1_048_576, b' ');
    assert!(plainly(&body, &ring).is_ok());
    body.push(b' ');
    assert_eq!(plainly(&body, &ring).unwrap_err(), Code::BodyTooLarge);
    assert_eq!(plainly(&vec![b'x'; 2_000_000], &ring).unwrap_err(), Code::BodyTooLarge);
}

#[test]
fn the_queues_time_is_the_clock_unless_the_inbox_says_otherwise() {
    let key = event_key(Algorithm::MlDsa44);
    let ring = ring(&[(&bus("north"), &[&key])]);
    let body = key.body();
    let long_ago = NOW.plus_millis(-10_000_000);
    let at_once = |sent_at, policy: &Policy| judged(&body, &Attributes::new(), sent_at, &ring, policy).map(drop);
    assert_eq!(at_once(long_ago, &policy()), Err(Code::TimestampSkew));
    assert_eq!(at_once(long_ago, &Policy { clock: Clock::Receive, ..policy() }), Ok(()));
    let late = |policy: &Policy| {
        let attributes = Attributes::new();
        let message = RawMessage { body: &body, attributes: &attributes, sent_at: NOW };
        verify(&message, &ring, policy, NOW.plus_millis(10_000_000)).map(drop).map_err(|rejection| rejection.code)
    };
    assert_eq!(late(&policy()), Ok(()), "read late is not signed late");
    assert_eq!(late(&Policy { clock: Clock::Receive, ..policy() }), Err(Code::TimestampSkew));
}

#[test]
fn a_key_serves_its_own_bus_alone_and_only_while_that_feeds_the_inbox() {
    let key = event_key(Algorithm::Dilithium2);
    let mut ring = ring(&[(&bus("north"), &[&key]), (&bus("south"), &[])]);
    assert!(plainly(&key.body(), &ring).is_ok());
    ring.set_buses([bus("south")]);
    assert_eq!(plainly(&key.body(), &ring).unwrap_err(), Code::KidUnknown);
    ring.set_buses([bus("north")]);
    assert!(plainly(&key.body(), &ring).is_ok());
}

#[test]
fn a_revoked_key_stays_revoked_though_a_later_set_forgets_it() {
    let mut key = event_key(Algorithm::MlDsa44);
    let mut ring = ring(&[(&bus("north"), &[&key])]);
    key.jwk.state = crate::keyset::KeyState::Revoked;
    ring.take(KeySet::new(&crate::fixture::document(&bus("north"), 2, &[&key])).unwrap()).unwrap();
    assert_eq!(plainly(&key.body(), &ring).unwrap_err(), Code::KeyRevoked);
    key.jwk.state = crate::keyset::KeyState::Active;
    ring.take(KeySet::new(&crate::fixture::document(&bus("north"), 3, &[&key])).unwrap()).unwrap();
    assert_eq!(plainly(&key.body(), &ring).unwrap_err(), Code::KeyRevoked);
}

fn granted(grant: &str, sent_at: Millis) -> Attributes {
    [(attributes::GRANT, grant.to_owned()), (attributes::SENT_AT, sent_at.0.to_string())].into_iter().collect()
}

#[test]
fn a_grant_of_the_events_bus_lets_an_old_event_in_and_one_of_another_bus_does_not() {
    let key = event_key(Algorithm::Dilithium2);
    let grants = TestKey::new(Algorithm::MlDsa44, KeyUse::Grant);
    let event_at = NOW.plus_millis(-3_000_000);
    let body = body(&key.event(event_at.into(), &json!({"a": 1})).detail);
    let facts = GrantFacts { body: &body, inbox: &queue(), purpose: Purpose::Replay, sent_at: event_at };
    let grant = sign_grant(&grants.private, grants.kid(), facts, &jti(), NOW.into()).unwrap();
    let attributes = granted(&grant, event_at);

    let own = ring(&[(&bus("north"), &[&key, &grants])]);
    let verified = judged(&body, &attributes, NOW, &own, &policy()).unwrap();
    assert_eq!((verified.purpose, verified.sent_at), (Some(Purpose::Replay), event_at));
    let rejected = judged(&body, &Attributes::new(), NOW, &own, &policy());
    assert_eq!(rejected.unwrap_err(), Code::TimestampSkew);

    let foreign = ring(&[(&bus("north"), &[&key]), (&bus("south"), &[&grants])]);
    let rejected = judged(&body, &attributes, NOW, &foreign, &policy());
    assert_eq!(rejected.unwrap_err(), Code::GrantInvalid);
}

#[test]
fn a_grant_of_a_later_time_than_its_own_does_not_hold() {
    let key = event_key(Algorithm::MlDsa44);
    let grants = TestKey::new(Algorithm::MlDsa44, KeyUse::Grant);
    let ring = ring(&[(&bus("north"), &[&key, &grants])]);
    let body = key.body();
    for (ahead, expected) in [(0, None), (1, Some(Code::GrantInvalid))] {
        let sent_at = NOW.plus_millis(ahead);
        let facts = GrantFacts { body: &body, inbox: &queue(), purpose: Purpose::Redrive, sent_at };
        let grant = sign_grant(&grants.private, grants.kid(), facts, &jti(), NOW.into()).unwrap();
        assert_eq!(judged(&body, &granted(&grant, sent_at), NOW, &ring, &policy()).err(), expected);
    }
}

#[test]
fn a_grant_is_made_for_a_sending_within_the_skew_and_no_further() {
    let key = event_key(Algorithm::MlDsa44);
    let grants = TestKey::new(Algorithm::MlDsa44, KeyUse::Grant);
    let ring = ring(&[(&bus("north"), &[&key, &grants])]);
    let body = key.body();
    let skew = i64::from(policy().skew_seconds) * 1_000;
    for (late, expected) in [(skew, None), (skew + 1, Some(Code::GrantInvalid))] {
        let facts = GrantFacts { body: &body, inbox: &queue(), purpose: Purpose::Redrive, sent_at: NOW };
        let grant = sign_grant(&grants.private, grants.kid(), facts, &jti(), NOW.into()).unwrap();
        let sent = NOW.plus_millis(late);
        assert_eq!(judged(&body, &granted(&grant, NOW), sent, &ring, &policy()).err(), expected, "{late}");
    }
}

#[test]
fn a_rejection_says_what_was_claimed_and_nothing_of_the_payload() {
    let key = event_key(Algorithm::MlDsa44);
    let other = event_key(Algorithm::MlDsa44);
    let ring = ring(&[(&bus("north"), &[&other])]);
    let attributes = Attributes::new();
    let body = body(&key.event(NOW.into(), &json!({"iban": "secret"})).detail);
    let rejection = verify(&RawMessage { body: &body, attributes: &attributes, sent_at: NOW }, &ring, &policy(), NOW);
    let rejection = rejection.unwrap_err();
    assert_eq!(rejection.kid.as_ref(), Some(key.kid()));
    assert!(!rejection.to_string().contains("secret"));
    assert_eq!(rejection.to_string(), "KID_UNKNOWN: no bus of this inbox has the key");
}

#[test]
fn codes_are_read_as_they_are_written() {
    for code in Code::ALL {
        assert_eq!(code.as_str().parse::<Code>().unwrap(), *code);
        assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
    }
}

/// What of an event the signature answers for.
fn signed_facts(verified: &Verified) -> (String, Source, DetailType, Resource, Trace, EventKey) {
    (
        verified.detail_core.as_str().to_owned(),
        verified.source.clone(),
        verified.detail_type.clone(),
        verified.resource.clone(),
        verified.trace.clone(),
        verified.event_key,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn a_changed_byte_never_verifies_as_another_event(at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        thread_local! {
            static SIGNED: (KeyRing, Vec<u8>) = {
                let key = event_key(Algorithm::MlDsa44);
                (ring(&[(&bus("north"), &[&key])]), key.body())
            };
        }
        SIGNED.with(|(ring, body)| {
            let original = plainly(body, ring).unwrap();
            let mut changed = body.clone();
            let at = at.index(changed.len());
            changed[at] ^= flip;
            // EventBridge's id alone is not signed.
            if let Ok(verified) = plainly(&changed, ring) {
                prop_assert_ne!(&verified.event_id, &original.event_id);
                prop_assert_eq!(signed_facts(&verified), signed_facts(&original));
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_message_panics(body in any::<Vec<u8>>(), grant in any::<String>()) {
        let key = KeyRing::new([bus("north")]);
        let _ = judged(&body, &granted(&grant, NOW), NOW, &key, &policy());
    }
}
