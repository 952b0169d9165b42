#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use sha2::{Digest as _, Sha256};

use super::*;
use crate::compact::b64url;
use crate::fixture::{NOW, TestKey};
use crate::keyset::KeyUse;

#[test]
fn a_key_is_kept_and_read_back_and_never_shown() {
    for algorithm in Algorithm::ALL {
        let key = PrivateKey::generate(algorithm).unwrap();
        let secret = key.secret_bytes();
        let again = PrivateKey::from_secret_bytes(algorithm, &secret).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        assert_eq!(format!("{key:?}"), format!("PrivateKey {{ algorithm: {algorithm:?}, .. }}"));
        assert!(PrivateKey::from_secret_bytes(algorithm, &secret[1..]).is_err());
        assert!(PrivateKey::from_secret_bytes(algorithm, &[]).is_err());
    }
}

/// FIPS 204's default: what is signed is mixed with fresh randomness, so that neither a fault of the machine nor its
/// power tells the key by comparing two runs. Round 3, in `pqcrypto-dilithium`, has the same signature each time.
#[test]
fn ml_dsa_44_is_hedged_and_dilithium2_is_not() {
    for (algorithm, different) in [(Algorithm::MlDsa44, 16), (Algorithm::Dilithium2, 1)] {
        let key = PrivateKey::generate(algorithm).unwrap();
        let again = PrivateKey::from_secret_bytes(algorithm, &key.secret_bytes()).unwrap();
        let public = crate::algorithm::PublicKey::from_bytes(algorithm, &key.public_key()).unwrap();
        let signatures: Vec<_> = (0..16).map(|n| [&key, &again][n % 2].sign(b"the same bytes").unwrap()).collect();
        assert!(signatures.iter().all(|signature| public.verify(b"the same bytes", signature)), "{algorithm}");
        let distinct: std::collections::BTreeSet<_> = signatures.iter().collect();
        assert_eq!(distinct.len(), different, "{algorithm}");
        // The challenge, which stands first, is another each time: not only the tail is.
        let challenges: std::collections::BTreeSet<_> = signatures.iter().map(|signature| &signature[..32]).collect();
        assert_eq!(challenges.len(), different, "{algorithm}");
    }
}

#[test]
fn halves_of_two_keys_are_no_key() {
    let halves = [(); 2].map(|()| PrivateKey::generate(Algorithm::Dilithium2).unwrap().secret_bytes());
    let [one, other] = &halves;
    let mixed = [&one[..1312], &other[1312..]].concat();
    assert!(PrivateKey::from_secret_bytes(Algorithm::Dilithium2, &mixed).is_err());
}

#[test]
fn nothing_is_signed_that_would_be_refused() {
    let key = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let source = Source::parse("qsl.lighthouse").unwrap();
    let refused = |core: &str| {
        let facts = EventFacts {
            source: &source,
            detail_type: &DetailType::parse("Lamp.Lit.v2").unwrap(),
            resource: &Resource::parse("urn:qsl:lighthouse:lamp:l-9").unwrap(),
            trace: &Trace::new("c".parse().unwrap()),
            detail_core: core,
        };
        sign_event(&key.private, key.kid(), facts, crate::fixture::jti(), NOW.into()).unwrap_err()
    };
    assert_eq!(refused("[]"), SignError::NotAnObject);
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    for (core, fault) in [
        ("{\"n\":9007199254740992}", Fault::NumberNotExact),
        ("{\"n\":1e20}", Fault::NumberNotExact),
        ("{\"n\":1,\"n\":1}", Fault::DuplicateMember),
        ("{\"n\":1}}", Fault::Malformed),
        (&format!("{{\"n\":\"{}\"}}", "a".repeat(1_048_576)), Fault::TooLarge),
        (&nested(62), Fault::TooDeep),
    ] {
        assert_eq!(refused(core), SignError::DetailCore(fault));
    }
    key.event(NOW.into(), &serde_json::from_str(&nested(61)).unwrap());
}

#[test]
fn what_is_put_on_the_bus_is_in_its_canonical_form() {
    let key = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let trace =
        r#"{"zone": "a \"b\"\u0001\u00e9", "correlationId": "c", "userId": null, "\ud83d\ude00": "", "\ue000": "x"}"#;
    let facts = EventFacts {
        source: &Source::parse("qsl.lighthouse").unwrap(),
        detail_type: &DetailType::parse("Lamp.Lit.v2").unwrap(),
        resource: &Resource::parse("urn:qsl:lighthouse:lamp:l-9").unwrap(),
        trace: &serde_json::from_str(trace).unwrap(),
        detail_core: r#" { "b" : 1.50, "a" : "\u0041" } "#,
    };
    let signed = sign_event(&key.private, key.kid(), facts, crate::fixture::jti(), NOW.into()).unwrap();
    let text = signed.detail.get();
    let read = crate::json::parse(text.as_bytes(), Limits::BODY).unwrap();
    assert_eq!(String::from_utf8(read.clone().into_owned().canonical()).unwrap(), text);
    let members: Vec<&str> = read.as_object().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(members, ["detailCore", "resource", "sig_compact", "trace", "version"]);
    assert!(text.starts_with(r#"{"detailCore":{"a":"A","b":1.5},"resource""#), "{text}");
}

#[test]
fn a_kid_is_made_of_the_name_and_the_key() {
    let kid = kid_for("payment", &[0; 1312]).unwrap();
    let hash = b64url(&Sha256::digest([0; 1312]));
    assert_eq!(kid.as_str(), format!("payment-{}", &hash[..16]));
    assert!(kid_for("a name", &[]).is_err());
}
