//! The hundred known answers that CRYSTALS-Dilithium handed in to round 3 (`PQCsignKAT_Dilithium2.rsp`).

use eventing::algorithm::{Algorithm, PublicKey};
use eventing::signing::PrivateKey;
use serde::Deserialize;

use crate::vectors::{Bytes, cases};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    count: u32,
    message: Bytes,
    public_key: Bytes,
    secret_key: Bytes,
    signature: Bytes,
}

#[test]
fn we_sign_what_the_submission_signs_and_verify_it() {
    let cases: Vec<Case> = cases("dilithium2-round3.json");
    assert_eq!(cases.len(), 100, "a case was lost");
    for Case { count, message, public_key, secret_key, signature } in cases {
        let secret = [&public_key.0[..], &secret_key.0].concat();
        let private = PrivateKey::from_secret_bytes(Algorithm::Dilithium2, &secret).unwrap();
        // Signing is deterministic in round 3, so the answer is one.
        assert_eq!(private.sign(&message.0).unwrap(), signature.0, "case {count}");

        let public = PublicKey::from_bytes(Algorithm::Dilithium2, &public_key.0).unwrap();
        assert!(public.verify(&message.0, &signature.0), "case {count}");
        let mut changed = message.0.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(!public.verify(&changed, &signature.0), "case {count}, another message");
        // The other scheme has keys and signatures of the same lengths.
        let other = PublicKey::from_bytes(Algorithm::MlDsa44, &public_key.0).unwrap();
        assert!(!other.verify(&message.0, &signature.0), "case {count}, the other scheme");
    }
}
