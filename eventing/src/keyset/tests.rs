#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::json;

use super::*;
use crate::algorithm::Algorithm;
use crate::fixture::{NOW, TestKey, bus, document};
use crate::json::Limits;
use crate::root::RootHashes;
use crate::signing::{PrivateKey, SignError, sign_keyset};

fn root() -> (PrivateKey, RootHashes) {
    let root = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    let hashes = RootHashes::of(&root.public_key());
    (root, hashes)
}

#[test]
fn a_signed_set_is_taken_and_never_goes_back() {
    let (root, roots) = root();
    let north = bus("north");
    let key = TestKey::new(Algorithm::Dilithium2, KeyUse::Sig);
    let jws = |version| sign_keyset(&root, &document(&north, version, &[&key]), NOW.into()).unwrap();
    let mut ring = KeyRing::new([north.clone()]);
    assert_eq!(ring.usable(NOW), Err(KeysUnavailable::NoSet(north.clone())));

    ring.offer(&north, &jws(7), &roots, NOW).unwrap();
    assert_eq!(ring.version(&north), Some(7));
    assert_eq!(ring.usable(NOW), Ok(()));
    assert_eq!(ring.find(key.kid()).unwrap().bus, &north);
    ring.offer(&north, &jws(7), &roots, NOW).unwrap();
    assert_eq!(ring.offer(&north, &jws(6), &roots, NOW), Err(KeySetError::RolledBack));
    assert_eq!(ring.offer(&bus("south"), &jws(8), &roots, NOW), Err(KeySetError::BusMismatch));
    assert_eq!(ring.version(&north), Some(7), "the last good one stays");

    let expires = ring.expires().unwrap();
    assert_eq!(expires, NOW.plus_millis(86_400_000));
    assert!(ring.usable(expires.plus_millis(-1)).is_ok());
    assert!(ring.usable(expires).is_err());
}

#[test]
fn a_ring_without_a_bus_verifies_nothing_and_is_not_usable() {
    assert_eq!(KeyRing::default().usable(NOW), Err(KeysUnavailable::NoBus));
}

#[test]
fn every_bus_needs_a_set_before_the_ring_is_usable() {
    let (root, roots) = root();
    let mut ring = KeyRing::new([bus("north"), bus("south")]);
    let jws = sign_keyset(&root, &document(&bus("north"), 1, &[]), NOW.into()).unwrap();
    ring.offer(&bus("north"), &jws, &roots, NOW).unwrap();
    assert_eq!(ring.usable(NOW), Err(KeysUnavailable::NoSet(bus("south"))));
    assert_eq!(ring.expires(), None);
}

#[test]
fn a_key_that_does_not_parse_is_left_out_and_counted() {
    let key = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let good = serde_json::to_value(&key.jwk).unwrap();
    let mut bad = vec![json!({}), json!("a key"), json!({"kid": "only-a-name", "state": "revoked"})];
    for (member, value) in [
        ("kty", json!("PQK")),
        ("pub", json!("AAAA")),
        ("pub", json!(null)),
        ("use", json!("enc")),
        ("exp", json!("soon")),
        ("sources", json!(["qsl."])),
        ("alg", json!("HS256")),
        ("state", json!(1)),
    ] {
        let mut key = good.clone();
        key["kid"] = json!(format!("bad-{}", bad.len()));
        key[member] = value;
        bad.push(key);
    }
    let mut of_tomorrow = good.clone();
    of_tomorrow["kid"] = json!("of-tomorrow");
    of_tomorrow["state"] = json!("resting");
    let left_out = bad.len();
    bad.extend([good, of_tomorrow]);
    let text = serde_json::to_vec(&bad).unwrap();
    let json = crate::json::parse(&text, Limits::BODY).unwrap();
    let term = Term { version: 1, issued: 0, expires: 1 };
    let set = KeySet::from_entries(bus("north"), term, json.as_array().unwrap().iter().map(Entry::read)).unwrap();
    assert_eq!((set.len(), set.left_out(), set.is_empty()), (2, left_out, false));
    assert!(KeySet::new(&document(&bus("north"), 1, &[])).unwrap().is_empty());
    assert!(set.is_revoked(&"only-a-name".parse().unwrap()), "a revocation counts though the key does not parse");
}

#[test]
fn one_kid_twice_refuses_the_whole_set_on_both_sides() {
    let (root, _) = root();
    let key = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let twice = document(&bus("north"), 1, &[&key, &key]);
    assert!(matches!(sign_keyset(&root, &twice, NOW.into()), Err(SignError::Document(_))));
    assert_eq!(KeySet::new(&twice).unwrap_err(), KeySetError::DuplicateKid);
}

#[test]
fn both_forms_of_a_key_are_written_as_the_plan_and_the_rfc_say() {
    for (algorithm, kty, member) in [(Algorithm::Dilithium2, "PQK", "x"), (Algorithm::MlDsa44, "AKP", "pub")] {
        let jwk = TestKey::new(algorithm, KeyUse::Grant).jwk;
        let written = serde_json::to_value(&jwk).unwrap();
        assert_eq!((&written["kty"], &written["alg"]), (&json!(kty), &json!(algorithm.as_str())));
        assert_eq!((&written["use"], &written["state"]), (&json!("grant"), &json!("active")));
        assert_eq!(written[member].as_str().map(str::len), Some(1750));
        assert_eq!(serde_json::from_value::<Jwk>(written).unwrap(), jwk);
    }
}

#[test]
fn two_roots_are_known_while_one_gives_way_to_the_other() {
    let (old, _) = root();
    let (new, _) = root();
    let roots = RootHashes::new([&old, &new].map(|root| crate::root::root_hash(&root.public_key())));
    let text = roots.to_string();
    assert_eq!(text.replace(',', "\n").parse::<RootHashes>().unwrap(), roots);
    for root in [old, new] {
        let jws = sign_keyset(&root, &document(&bus("north"), 1, &[]), NOW.into()).unwrap();
        assert!(open_keyset(&jws, &roots, &bus("north"), NOW, None).is_ok());
    }
    assert!("".parse::<RootHashes>().is_err() && "ab".parse::<RootHashes>().is_err());
}

#[test]
fn a_plain_set_is_read_key_by_key() {
    let keys = [Algorithm::Dilithium2, Algorithm::MlDsa44].map(|algorithm| TestKey::new(algorithm, KeyUse::Sig));
    let mut written = json!({"keys": keys.each_ref().map(|key| serde_json::to_value(&key.jwk).unwrap())});
    written["keys"][1]["state"] = json!("revoked");
    let read = |written: &serde_json::Value| KeySet::from_plain(bus("north"), written.to_string().as_bytes());
    let set = read(&written).unwrap();
    assert_eq!((set.len(), set.left_out()), (2, 0));
    assert!(!set.is_revoked(keys[0].kid()) && set.is_revoked(keys[1].kid()));
    written["keys"].as_array_mut().unwrap().push(json!({"kid": "odd"}));
    assert_eq!(read(&written).unwrap().left_out(), 1);
    written["keys"][2] = written["keys"][0].clone();
    assert_eq!(read(&written).unwrap_err(), KeySetError::DuplicateKid);
    for text in ["", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}"] {
        let refused = KeySet::from_plain(bus("north"), text.as_bytes()).unwrap_err();
        assert_eq!(refused.as_str(), "MALFORMED", "{text}");
    }
}
