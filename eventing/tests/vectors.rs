//! Every case of `tests/vectors/signed-events.json`, made and judged by independent implementations, gets its verdict.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;

use eventing::algorithm::Algorithm;
use eventing::attributes::Attributes;
use eventing::config::{Clock, VerificationConfig};
use eventing::keyset::{Jwk, KeyRing, KeySet, KeySetDocument, KeySetError, open_keyset};
use eventing::root::RootHashes;
use eventing::time::Millis;
use eventing::types::{BusId, QueueArn};
use eventing::verify::{Policy, RawMessage, verify};
use serde::Deserialize;

/// An unknown member of the file would be a demand that this test does not make.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[serde(rename = "made_with")]
    _made_with: String,
    jwks: Jwks,
    defaults: Options,
    cases: Vec<Case>,
    keysets: Vec<KeySetCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    skew_seconds: Option<u32>,
    require_envelope_hash: Option<bool>,
    allowed_algorithms: Option<Vec<Algorithm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    name: String,
    body: String,
    sent_timestamp_ms: i64,
    expect: String,
    kid: Option<String>,
    event_key: Option<String>,
    options: Option<Options>,
    inbox: Option<QueueArn>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KeySetCase {
    name: String,
    jws: String,
    root_sha256: Vec<String>,
    bus: BusId,
    now: i64,
    seen_version: Option<u64>,
    expect: String,
}

fn vectors() -> Vectors {
    let path = concat!(env!("QSL_WORKSPACE"), "tests/vectors/signed-events.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn ring(keys: Vec<Jwk>) -> KeyRing {
    let bus: BusId = "platform/qsl-core".parse().unwrap();
    let count = keys.len();
    let document = KeySetDocument { bus: bus.clone(), version: 1, issued: 0, expires: i64::MAX, keys };
    let set = KeySet::new(&document).unwrap();
    assert_eq!(set.len(), count, "every key of the vectors parses");
    let mut ring = KeyRing::new([bus]);
    ring.take(set).unwrap();
    ring
}

fn policy(defaults: &Options, case: &Case) -> Policy {
    let option = case.options.as_ref();
    let verification = VerificationConfig {
        allowed_algorithms: option
            .and_then(|o| o.allowed_algorithms.clone())
            .or_else(|| defaults.allowed_algorithms.clone())
            .unwrap(),
        skew_seconds: option.and_then(|o| o.skew_seconds).or(defaults.skew_seconds).unwrap(),
        clock: Clock::SentTimestamp,
        require_envelope_hash: option.and_then(|o| o.require_envelope_hash).or(defaults.require_envelope_hash).unwrap(),
    };
    let inbox = case.inbox.clone();
    Policy::new(&verification, inbox.unwrap_or_else(|| "arn:aws:sqs:eu-west-1:111122223333:other".parse().unwrap()))
}

#[test]
fn every_case_gets_its_verdict_and_its_event_key() {
    let Vectors { jwks, defaults, cases, .. } = vectors();
    let ring = ring(jwks.keys);
    assert_eq!(cases.len(), 194, "a case was lost");
    let mut wrong = Vec::new();
    for case in &cases {
        let attributes: Attributes =
            case.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let sent_at = Millis(case.sent_timestamp_ms);
        let message = RawMessage { body: case.body.as_bytes(), attributes: &attributes, sent_at };
        let verdict = verify(&message, &ring, &policy(&defaults, case), sent_at);
        let got = match &verdict {
            Ok(verified) => ("ok", Some(verified.kid.to_string()), Some(verified.event_key.to_string())),
            Err(rejection) => (rejection.code.as_str(), None, None),
        };
        if got != (case.expect.as_str(), case.kid.clone(), case.event_key.clone()) {
            wrong.push(format!("{}: expected {}, got {got:?} ({:?})", case.name, case.expect, verdict.err()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_key_set_gets_its_outcome() {
    let Vectors { keysets, .. } = vectors();
    assert_eq!(keysets.len(), 13, "a case was lost");
    for case in keysets {
        let roots: RootHashes = case.root_sha256.join(",").parse().unwrap();
        let outcome = open_keyset(&case.jws, &roots, &case.bus, Millis::from_seconds(case.now), case.seen_version);
        let got = outcome.as_ref().map_or_else(KeySetError::as_str, |_| "ok");
        assert_eq!(got, case.expect, "{}: {:?}", case.name, outcome.err());
    }
}

#[test]
fn a_verified_event_says_what_was_signed_and_a_rejection_names_the_key() {
    let Vectors { jwks, defaults, cases, .. } = vectors();
    let ring = ring(jwks.keys);
    let judge = |name: &str| {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        let attributes: Attributes =
            case.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let sent_at = Millis(case.sent_timestamp_ms);
        verify(
            &RawMessage { body: case.body.as_bytes(), attributes: &attributes, sent_at },
            &ring,
            &policy(&defaults, case),
            sent_at,
        )
    };
    let rounded = judge("spelled 1.0000000000000000001").unwrap();
    assert_eq!(rounded.detail_core.as_str(), r#"{"a":1}"#, "the payload's spelling, not the body's");
    let redrive = judge("mldsa44 redrive").unwrap();
    assert_eq!(redrive.purpose.unwrap().as_str(), "redrive");
    assert_eq!(redrive.sent_at, Millis(1_795_420_801_000));
    assert!(redrive.grant_digest.is_some() && redrive.has_env);
    let skewed = judge("mldsa44 granted time outside the skew").unwrap_err();
    assert_eq!(skewed.kid.unwrap().as_str(), "pay-m-731a");
    assert_eq!(skewed.sent_at, Millis(1_795_424_401_000), "a dead letter keeps the granted time");
}
