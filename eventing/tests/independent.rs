//! What we sign, others verify: `dilithium-py` for both algorithms, `fips204` for ML-DSA-44.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use eventing::algorithm::{Algorithm, PublicKey};
use eventing::envelope::Trace;
use eventing::signing::{EventFacts, PrivateKey, SignedEvent, kid_for, sign_event};
use eventing::time::Micros;
use eventing::types::{DetailType, Jti, Resource, Source};
use fips204::ml_dsa_44;
use fips204::traits::{KeyGen as _, SerDes as _, Signer as _, Verifier as _};
use serde_json::{Value, json};

fn signed(key: &PrivateKey) -> SignedEvent {
    let trace = Trace::new("story-17".parse().unwrap()).with("userId", "Zoë").unwrap();
    let facts = EventFacts {
        source: &Source::parse("qsl.lighthouse").unwrap(),
        detail_type: &DetailType::parse("Lamp.Lit.v2").unwrap(),
        resource: &Resource::parse("urn:qsl:lighthouse:lamp:l-9").unwrap(),
        trace: &trace,
        detail_core: &json!({"z": [1, true, null], "a": {"note": "a \"quoted\" line\n, €"}, "lumen": 900}),
    };
    let kid = kid_for("lamp", &key.public_key()).unwrap();
    let jti = Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap();
    sign_event(key, &kid, facts, jti, Micros(1_795_420_800_000_001)).unwrap()
}

fn delivered(detail: &Value) -> Value {
    json!({
        "version": "0", "id": "d-1", "detail-type": "Lamp.Lit.v2", "source": "qsl.lighthouse",
        "resources": ["urn:qsl:lighthouse:lamp:l-9"], "detail": detail,
    })
}

#[test]
fn dilithium_py_verifies_what_we_sign_with_both_algorithms() {
    let python = std::env::var_os("QSL_TEST_PYTHON").expect(
        "QSL_TEST_PYTHON must name a Python that has dilithium-py: run the tests by `cargo xtask test`, which makes it",
    );
    let mut entries = Vec::new();
    let mut expected = Vec::new();
    for algorithm in Algorithm::ALL {
        let key = PrivateKey::generate(algorithm).unwrap();
        let good = delivered(&signed(&key).detail);
        let mut changed_core = good.clone();
        changed_core["detail"]["detailCore"]["lumen"] = json!(901);
        let mut changed_user = good.clone();
        changed_user["detail"]["trace"]["userId"] = json!("Zoe");
        let others = PrivateKey::generate(algorithm).unwrap();
        for (key, event, holds) in
            [(&key, &good, true), (&key, &changed_core, false), (&key, &changed_user, false), (&others, &good, false)]
        {
            let public_key = hex::encode(key.public_key());
            entries.push(json!({"alg": algorithm, "publicKey": public_key, "event": event}));
            expected.push(holds);
        }
    }

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/independent/verify.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter that QSL_TEST_PYTHON names starts");
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(&entries).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "verify.py ended with {}", output.status);
    let verdicts: Vec<bool> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdicts, expected);
}

#[test]
fn fips204_and_we_verify_each_other() {
    let ours = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    let signature = ours.sign(b"a message").unwrap();
    let theirs = ml_dsa_44::PublicKey::try_from_bytes(ours.public_key().try_into().unwrap()).unwrap();
    assert!(theirs.verify(b"a message", &signature.clone().try_into().unwrap(), &[]));
    assert!(!theirs.verify(b"a massage", &signature.try_into().unwrap(), &[]));

    let (public, secret) = ml_dsa_44::KG::try_keygen().unwrap();
    let signature = secret.try_sign(b"a message", &[]).unwrap();
    let public = PublicKey::from_bytes(Algorithm::MlDsa44, &public.into_bytes()).unwrap();
    assert!(public.verify(b"a message", &signature));
    assert!(!public.verify(b"a massage", &signature));
    let in_a_context = secret.try_sign(b"a message", b"context").unwrap();
    assert!(!public.verify(b"a message", &in_a_context), "the context is empty");
}

#[test]
fn a_seed_makes_the_key_that_fips204_makes_of_it() {
    let seed = [7; 32];
    let ours = PrivateKey::from_secret_bytes(Algorithm::MlDsa44, &seed).unwrap();
    let (theirs, _) = ml_dsa_44::KG::keygen_from_seed(&seed);
    assert_eq!(ours.public_key(), theirs.into_bytes());
}

#[test]
fn neither_algorithm_verifies_the_other() {
    for (signing, verifying) in
        [(Algorithm::Dilithium2, Algorithm::MlDsa44), (Algorithm::MlDsa44, Algorithm::Dilithium2)]
    {
        let key = PrivateKey::generate(signing).unwrap();
        let signature = key.sign(b"a message").unwrap();
        let public = key.public_key();
        assert!(PublicKey::from_bytes(signing, &public).unwrap().verify(b"a message", &signature));
        assert!(!PublicKey::from_bytes(verifying, &public).unwrap().verify(b"a message", &signature));
    }
}
