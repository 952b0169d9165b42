//! A whole message: nothing verifies but what was signed.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use eventing::attributes::Attributes;
use eventing::config::VerificationConfig;
use eventing::keyset::{KeyRing, KeySet};
use eventing::time::Millis;
use eventing::verify::{Code, Policy, RawMessage, Verified, verify};
use serde_json::Value;

use crate::keys::bus;

const VECTORS: &str = include_str!("../../../tests/vectors/signed-events.json");

/// The keys of the vectors, and what of an event those with a good verdict say.
struct Known {
    ring: KeyRing,
    bodies: BTreeSet<String>,
    events: BTreeSet<String>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let vectors: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    let set = KeySet::from_plain(bus(), vectors["jwks"].to_string().as_bytes()).expect("a set");
    let mut ring = KeyRing::new([bus()]);
    ring.take(set).expect("the first set");
    let mut known = Known { ring, bodies: BTreeSet::new(), events: BTreeSet::new() };
    for case in vectors["cases"].as_array().expect("a list") {
        let body = case["body"].as_str().expect("a text");
        if let Ok(verified) = judge(&known.ring, body.as_bytes()) {
            known.events.insert(envelope(&verified));
            known.bodies.insert(verified.detail_core.as_str().to_owned());
        }
    }
    assert!(known.events.len() > 10, "the vectors have good events");
    known
});

/// The bytes are a body.
pub fn check(data: &[u8]) {
    let Known { ring, bodies, events } = &*KNOWN;
    match judge(ring, data) {
        Ok(verified) => {
            assert!(bodies.contains(verified.detail_core.as_str()), "a payload that nobody signed");
            if verified.has_env {
                assert!(events.contains(&envelope(&verified)), "an envelope that nobody signed");
            }
        }
        Err(code) => assert!(code <= Code::SignatureInvalid, "{code} is of what comes after"),
    }
}

/// All that the signature answers for where it covers the envelope.
fn envelope(verified: &Verified) -> String {
    let Verified { source, detail_type, resource, trace, event_key, detail_core, .. } = verified;
    format!("{source} {detail_type} {resource} {trace:?} {event_key} {}", detail_core.as_str())
}

/// Time decides nothing here: it would only hide the rest.
fn judge(ring: &KeyRing, body: &[u8]) -> Result<Verified, Code> {
    let queue = "arn:aws:sqs:eu-west-1:111122223333:lamp-inbox".parse().expect("an ARN");
    let verification = VerificationConfig { skew_seconds: u32::MAX, ..VerificationConfig::default() };
    let sent_at = Millis(1_795_420_801_000);
    let attributes = Attributes::new();
    let message = RawMessage { body, attributes: &attributes, sent_at };
    verify(&message, ring, &Policy::new(&verification, queue), sent_at).map_err(|rejection| rejection.code)
}
