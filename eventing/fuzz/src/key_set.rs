//! Key sets, plain and signed: what a ring takes can be found in it, and what it knows to be revoked stays so.

use std::sync::LazyLock;

use eventing::json::{Json, Limits, parse};
use eventing::keyset::{KeyRing, KeySet, KeySetError};
use eventing::root::RootHashes;
use eventing::signing::PrivateKey;
use eventing::time::Millis;
use eventing::types::Kid;
use serde_json::json;

use crate::keys::{bus, private, signed};

const NOW: Millis = Millis(1_800_000_000_000);

static ROOT: LazyLock<(PrivateKey, RootHashes)> = LazyLock::new(|| {
    let root = private(3);
    let hashes = RootHashes::of(&root.public_key());
    (root, hashes)
});

/// The bytes are a signed set; or, after an exclamation mark, the payload of one that the root signs.
pub fn check(data: &[u8]) {
    let (root, roots) = &*ROOT;
    if let Some(payload) = data.strip_prefix(b"!") {
        if let Ok(set) = KeySet::from_plain(bus(), payload) {
            is_consistent(&set, payload);
        }
        if payload.is_empty() {
            return;
        }
        let header = json!({
            "alg": "ML-DSA-44", "kid": "root", "ts": "2027-01-15T08:00:00Z", "hash": "SHA-256",
            "typ": "QSL-KEYSET-PQC", "pub": eventing::compact::b64url(&root.public_key()),
        });
        taken(&signed(root, &header, payload), payload);
    } else if let Ok(text) = std::str::from_utf8(data) {
        let refused = KeyRing::new([bus()]).offer(&bus(), text, roots, NOW).expect_err("nobody here signed it");
        let can_be =
            matches!(refused, KeySetError::Malformed(_) | KeySetError::RootUnknown | KeySetError::SignatureInvalid);
        assert!(can_be, "{refused:?} of what no root signed");
    }
}

fn taken(jws: &str, payload: &[u8]) {
    let (_, roots) = &*ROOT;
    let mut ring = KeyRing::new([bus()]);
    if ring.offer(&bus(), jws, roots, NOW).is_err() {
        assert_eq!(ring.version(&bus()), None, "what is refused leaves nothing");
        return;
    }
    let set = ring.set(&bus()).expect("it was taken").clone();
    assert!(set.expires() > NOW && ring.usable(NOW).is_ok());
    is_consistent(&set, payload);
    for kid in kids(payload) {
        if set.is_revoked(&kid) {
            assert!(ring.find(&kid).is_none_or(|found| found.is_revoked));
        }
    }
    // The same again is no step back, and another bus is another.
    ring.offer(&bus(), jws, roots, NOW).expect("the same set again");
    let south = "harbour/south".parse().expect("a name of a bus");
    assert_eq!(ring.offer(&south, jws, roots, NOW), Err(KeySetError::BusMismatch));
}

/// Every entry is a key that is found, or one that was left out; no kid stands for two.
fn is_consistent(set: &KeySet, payload: &[u8]) {
    let json = parse(payload, Limits::BODY).expect("what was read is strict JSON");
    let entries = json.as_object().and_then(|set| set.get("keys")).and_then(Json::as_array).expect("a list");
    assert_eq!(set.len() + set.left_out(), entries.len());
    let kids = kids(payload);
    assert_eq!(kids.iter().filter(|kid| set.get(kid).is_some()).count(), set.len());
    assert!(set.revoked().all(|kid| kids.contains(kid)));
}

fn kids(payload: &[u8]) -> Vec<Kid> {
    let json = parse(payload, Limits::BODY).expect("what was read is strict JSON");
    let entries = json.as_object().and_then(|set| set.get("keys")).and_then(Json::as_array).unwrap_or_default();
    let text = |entry: &Json| entry.as_object()?.get("kid")?.as_str().map(str::to_owned);
    entries.iter().filter_map(text).filter_map(|kid| Kid::parse(&kid).ok()).collect()
}
