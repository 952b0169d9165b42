//! Two more implementations in Rust, by other people, over random messages and keys: `fips204` for ML-DSA-44 and
//! `pqc_dilithium` for round 3. Each verifies what we sign, and we what each signs.

use eventing::algorithm::{Algorithm, PublicKey};
use eventing::signing::PrivateKey;
use fips204::ml_dsa_44;
use fips204::traits::{KeyGen as _, SerDes as _, Signer as _, Verifier as _};
use proptest::prelude::*;

fn their_verdict(algorithm: Algorithm, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (public_key, signature) = (public_key.try_into().unwrap(), signature.try_into().unwrap());
    match algorithm {
        Algorithm::MlDsa44 => {
            ml_dsa_44::PublicKey::try_from_bytes(public_key).unwrap().verify(message, &signature, &[])
        }
        Algorithm::Dilithium2 => pqc_dilithium::verify(&signature, message, &public_key).is_ok(),
    }
}

fn our_verdict(algorithm: Algorithm, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::from_bytes(algorithm, public_key).unwrap().verify(message, signature)
}

/// Their public key and their signature.
fn signed_by_them(algorithm: Algorithm, seed: &[u8; 32], message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match algorithm {
        Algorithm::MlDsa44 => {
            let (public, secret) = ml_dsa_44::KG::keygen_from_seed(seed);
            (public.into_bytes().to_vec(), secret.try_sign(message, &[]).unwrap().to_vec())
        }
        Algorithm::Dilithium2 => {
            // It takes no seed, and its signing is as deterministic as round 3's.
            let pair = pqc_dilithium::Keypair::generate();
            (pair.public.to_vec(), pair.sign(message).to_vec())
        }
    }
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(Algorithm::ALL.to_vec())
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..64), prop::collection::vec(any::<u8>(), 0..8192)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn they_verify_what_we_sign_and_nothing_that_differs_in_a_bit(
        algorithm in algorithm(),
        message in message(),
        at in any::<prop::sample::Index>(),
        flip in 0..8u8,
    ) {
        let key = PrivateKey::generate(algorithm).unwrap();
        let mut signature = key.sign(&message).unwrap();
        prop_assert!(their_verdict(algorithm, &key.public_key(), &message, &signature));
        prop_assert!(our_verdict(algorithm, &key.public_key(), &message, &signature));
        let at = at.index(signature.len());
        signature[at] ^= 1 << flip;
        prop_assert!(!their_verdict(algorithm, &key.public_key(), &message, &signature));
        prop_assert!(!our_verdict(algorithm, &key.public_key(), &message, &signature));
    }

    #[test]
    fn we_verify_what_they_sign_and_nothing_that_differs_in_a_bit(
        algorithm in algorithm(),
        seed in any::<[u8; 32]>(),
        mut message in message(),
        at in any::<prop::sample::Index>(),
        flip in 0..8u8,
    ) {
        let (public, signature) = signed_by_them(algorithm, &seed, &message);
        prop_assert!(our_verdict(algorithm, &public, &message, &signature));
        if !message.is_empty() {
            let at = at.index(message.len());
            message[at] ^= 1 << flip;
            prop_assert!(!our_verdict(algorithm, &public, &message, &signature));
        }
    }

    #[test]
    fn on_whatever_looks_like_a_signature_we_agree(
        algorithm in algorithm(),
        seed in any::<[u8; 32]>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        // The last bytes are the hints, whose encoding has rules of its own: they get half of the changes.
        let (public, mut signature) = signed_by_them(algorithm, &seed, b"a message");
        for (nth, (at, byte)) in changes.into_iter().enumerate() {
            let from = if nth % 2 == 0 { 0 } else { signature.len() - 84 };
            let at = from + at.index(signature.len() - from);
            signature[at] = byte;
        }
        let ours = our_verdict(algorithm, &public, b"a message", &signature);
        prop_assert_eq!(ours, their_verdict(algorithm, &public, b"a message", &signature));
    }

    #[test]
    fn a_seed_makes_the_key_that_fips204_makes_of_it(seed in any::<[u8; 32]>()) {
        let ours = PrivateKey::from_secret_bytes(Algorithm::MlDsa44, &seed).unwrap();
        let (theirs, _) = ml_dsa_44::KG::keygen_from_seed(&seed);
        prop_assert_eq!(ours.public_key(), theirs.into_bytes());
    }
}

#[test]
fn what_was_signed_in_a_context_is_refused() {
    let (public, secret) = ml_dsa_44::KG::try_keygen().unwrap();
    let signature = secret.try_sign(b"a message", b"context").unwrap();
    assert!(!our_verdict(Algorithm::MlDsa44, &public.into_bytes(), b"a message", &signature));
}

#[test]
fn neither_algorithm_verifies_the_other() {
    for (signing, verifying) in
        [(Algorithm::Dilithium2, Algorithm::MlDsa44), (Algorithm::MlDsa44, Algorithm::Dilithium2)]
    {
        let key = PrivateKey::generate(signing).unwrap();
        let signature = key.sign(b"a message").unwrap();
        assert!(our_verdict(signing, &key.public_key(), b"a message", &signature));
        assert!(!our_verdict(verifying, &key.public_key(), b"a message", &signature));
        assert!(!their_verdict(verifying, &key.public_key(), b"a message", &signature));
    }
}
