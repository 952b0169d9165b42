#![allow(clippy::unwrap_used, clippy::panic)]

use eventing::algorithm::Algorithm;
use eventing::attributes::{GRANT, SENT_AT};
use eventing::config::{Clock, VerificationConfig};
use eventing::signing::sign_grant;
use eventing::time::Micros;
use eventing::types::{InboxId, Jti};

use super::*;
use crate::directory::samples::{
    NOON, Root, SampleKey, depot_inbox, event_body, grant_key, key, key_of, trams, trusted,
};
use crate::directory::{PublishedSet, SigningKeyFacts};
use crate::trust::Trusted;

const DAY: i64 = 24 * 3_600;

fn noon() -> Millis {
    Millis::from_seconds(NOON)
}

/// A key that has signed for two months.
fn old_key() -> SampleKey {
    key("trams", &["qsl.tram"], NOON - 60 * DAY, NOON + 600)
}

/// What is known where `depot/arrivals` judges like this, and the body of an event signed at `ts` seconds.
fn known(verification: &VerificationConfig, signing: SampleKey, ts: i64) -> (Directory, String) {
    let (root, grants) = (Root::new(), grant_key(NOON - 1, NOON + 600));
    let body = event_body(&signing, Micros(ts * 1_000_000));
    let entry = root.judging_inbox(1, "arrivals", &["city/trams"], verification);
    (trusted(&root, vec![signing, grants], &entry), body)
}

fn plain(ts: i64) -> (Directory, String) {
    known(&VerificationConfig::default(), old_key(), ts)
}

fn ask(purpose: Purpose, sent_at: Millis, body: &str) -> Ask {
    Ask { inbox: depot_inbox(), purpose, sent_at, body: body.to_owned() }
}

fn refusal(directory: &Directory, ask: &Ask) -> Refusal {
    match plan(directory, ask, noon()) {
        Err(refusal) => refusal,
        Ok(granting) => panic!("granted: {granting:?}"),
    }
}

fn code(directory: &Directory, ask: &Ask) -> Code {
    match refusal(directory, ask) {
        Refusal::Body(rejection) => rejection.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_grant_names_inbox_and_body_and_holds_at_the_consumer() {
    let (directory, body) = plain(NOON - 3 * DAY);
    let sent_at = Millis::from_seconds(NOON - 3 * DAY + 200);
    let ask = ask(Purpose::Redrive, sent_at, &body);
    let granting = plan(&directory, &ask, noon()).unwrap();
    assert_eq!(granting.kid, directory.grant_key(&trams(), noon()).unwrap().kid);
    assert_eq!(granting.queue.name(), "arrivals");

    let jti = Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap();
    let grant = sign_grant(&granting.key, &granting.kid, granting.facts(&ask), &jti, noon().into()).unwrap();
    let attributes: Attributes = [(SENT_AT, sent_at.0.to_string()), (GRANT, grant)].into_iter().collect();
    let mut ring = directory.trust.ring.clone();
    ring.set_buses([trams()]);
    let policy = &directory.trust.inboxes.get(&depot_inbox()).unwrap().policy;
    let message = RawMessage { body: body.as_bytes(), attributes: &attributes, sent_at: noon() };
    let verified = verify(&message, &ring, policy, noon()).unwrap();
    assert_eq!((verified.purpose, verified.sent_at), (Some(Purpose::Redrive), sent_at));
}

#[test]
fn sent_at_is_neither_to_come_nor_for_a_redrive_older_than_28_days() {
    let (directory, body) = plain(NOON);
    assert!(plan(&directory, &ask(Purpose::Redrive, noon(), &body), noon()).is_ok());
    let ahead = noon().plus_millis(1);
    for purpose in [Purpose::Redrive, Purpose::Replay] {
        assert_eq!(refusal(&directory, &ask(purpose, ahead, &body)), Refusal::InTheFuture);
    }
    let (directory, body) = plain(NOON - 28 * DAY);
    let oldest = Millis::from_seconds(NOON - 28 * DAY);
    assert!(plan(&directory, &ask(Purpose::Redrive, oldest, &body), noon()).is_ok());
    let older = oldest.plus_millis(-1);
    assert_eq!(refusal(&directory, &ask(Purpose::Redrive, older, &body)), Refusal::TooOld);
    assert!(plan(&directory, &ask(Purpose::Replay, older, &body), noon()).is_ok());
}

#[test]
fn an_inbox_that_the_root_did_not_sign_or_whose_time_is_over_has_no_grants() {
    let (directory, body) = plain(NOON);
    let mut elsewhere = ask(Purpose::Redrive, noon(), &body);
    elsewhere.inbox = InboxId::new("city", "arrivals").unwrap();
    assert_eq!(refusal(&directory, &elsewhere), Refusal::NoInbox);

    let late = Millis::from_seconds(NOON + 3_600);
    let there = ask(Purpose::Redrive, noon(), &body);
    assert_eq!(plan(&directory, &there, late).unwrap_err(), Refusal::InboxExpired);
}

#[test]
fn without_the_keys_of_every_bus_of_the_inbox_nothing_is_judged() {
    let (root, signing) = (Root::new(), old_key());
    let body = event_body(&signing, noon().into());
    let entry = root.inbox(1, "arrivals", &["city/trams", "city/ferries"]);
    let directory = trusted(&root, vec![signing, grant_key(NOON - 1, NOON + 600)], &entry);
    let missing = KeysUnavailable::NoSet("city/ferries".parse().unwrap());
    assert_eq!(refusal(&directory, &ask(Purpose::Redrive, noon(), &body)), Refusal::Keys(missing));
}

#[test]
fn a_body_must_verify_at_sent_at_by_the_inboxs_own_policy() {
    let (directory, body) = plain(NOON - 3_600);
    let judged =
        |body: &str, sent_at: i64| code(&directory, &ask(Purpose::Redrive, Millis::from_seconds(sent_at), body));
    assert_eq!(judged(&body, NOON), Code::TimestampSkew);
    assert_eq!(judged(&body, NOON - 3_600 + 301), Code::TimestampSkew);
    assert_eq!(judged(&body.replace("harbour", "airport"), NOON - 3_600), Code::PayloadMismatch);
    assert_eq!(judged(&body.replace("line-7", "line-8"), NOON - 3_600), Code::EnvelopeMismatch);
    assert_eq!(judged("stop", NOON - 3_600), Code::BodyMalformed);
    assert_eq!(judged(&" ".repeat((1 << 20) + 1), NOON - 3_600), Code::BodyTooLarge);

    let only = VerificationConfig { allowed_algorithms: vec![Algorithm::MlDsa44], ..VerificationConfig::default() };
    let dilithium = key_of(Algorithm::Dilithium2, "trams", &["qsl.tram"], NOON - 9, NOON + 9);
    let (strict, body) = known(&only, dilithium, NOON);
    assert_eq!(code(&strict, &ask(Purpose::Redrive, noon(), &body)), Code::AlgNotAllowed);

    // The time of receipt is not a granted message's clock: this one is received much later.
    let receive = VerificationConfig { clock: Clock::Receive, ..VerificationConfig::default() };
    let (directory, body) = known(&receive, old_key(), NOON - DAY);
    let then = Millis::from_seconds(NOON - DAY);
    assert!(plan(&directory, &ask(Purpose::Redrive, then, &body), noon()).is_ok());
}

#[test]
fn an_event_of_another_bus_or_by_a_grant_key_is_unknown() {
    let (directory, _) = plain(NOON);
    let foreign = event_body(&key("trams", &["qsl.tram"], NOON - 9, NOON + 9), noon().into());
    assert_eq!(code(&directory, &ask(Purpose::Replay, noon(), &foreign)), Code::KidUnknown);

    let root = Root::new();
    let by_grant_key = event_body(&grant_key(NOON - 9, NOON + 9), noon().into());
    let grants = grant_key(NOON - 9, NOON + 9);
    let forged = event_body(&grants, noon().into());
    let directory = trusted(&root, vec![grants], &root.inbox(1, "arrivals", &["city/trams"]));
    for body in [by_grant_key, forged] {
        assert_eq!(code(&directory, &ask(Purpose::Replay, noon(), &body)), Code::KidUnknown);
    }
}

#[test]
fn a_bus_that_does_not_feed_the_inbox_counts_for_nothing_though_its_keys_are_known() {
    let (root, signing) = (Root::new(), old_key());
    let body = event_body(&signing, noon().into());
    let ferries: BusId = "city/ferries".parse().unwrap();
    let own = PublishedSet::read(&ferries, &root.set_of(ferries.clone(), 1, vec![])).unwrap();
    let trams_set = PublishedSet::read(&trams(), &root.set(1, vec![signing.jwk])).unwrap();
    let (mut trusted, inbox) = (Trusted::default(), depot_inbox());
    let entry = Arc::from(root.inbox(1, "arrivals", &["city/ferries"]));
    let (trams, sets) = (trams(), [&own, &trams_set]);
    let sets = [&ferries, &trams].into_iter().zip(sets);
    trusted.follow(sets, [(&inbox, &entry)].into_iter(), &root.hashes(), noon(), false);
    let directory = Directory { trust: trusted.now(), ..Directory::default() };
    assert!(directory.trust.ring.version(&trams).is_some());
    assert_eq!(code(&directory, &ask(Purpose::Replay, noon(), &body)), Code::KidUnknown);
}

#[test]
fn a_key_that_its_bus_revokes_verifies_nothing_before_the_set_says_so() {
    let (mut directory, body) = plain(NOON);
    let there = ask(Purpose::Redrive, noon(), &body);
    let signed = plan(&directory, &there, noon()).unwrap().event.kid;
    let facts = SigningKeyFacts { bus: trams(), sources: vec![], revoked: [signed].into() };
    directory.signing_keys.insert(("city".to_owned(), "bells".to_owned()), facts);
    assert_eq!(code(&directory, &there), Code::KeyRevoked);
}

#[test]
fn a_bus_whose_publishing_is_off_or_that_has_no_grant_key_grants_nothing() {
    let (mut directory, body) = plain(NOON);
    let there = ask(Purpose::Replay, noon(), &body);
    directory.buses.get_mut(&trams()).unwrap().publishing = false;
    assert_eq!(refusal(&directory, &there), Refusal::PublishingDisabled(trams()));
    directory.buses.get_mut(&trams()).unwrap().publishing = true;
    directory.private_keys.retain(|held| held.kid.as_str().starts_with("trams"));
    assert_eq!(refusal(&directory, &there), Refusal::NoGrantKey(trams()));
}
