//! Wycheproof's cases for ML-DSA-44: hints out of order, norms just out of bounds, keys of zeros, signatures that took
//! many rounds. Our context is always empty, so whatever was signed in another is refused.

use eventing::algorithm::{Algorithm, PublicKey};
use eventing::signing::PrivateKey;
use wycheproof::TestResult;
use wycheproof::{mldsa_sign, mldsa_verify};

fn is_empty(context: Option<&wycheproof::ByteString>) -> bool {
    context.is_none_or(wycheproof::ByteString::is_empty)
}

#[test]
fn every_signature_gets_its_verdict() {
    let set = mldsa_verify::TestSet::load(mldsa_verify::TestName::MlDsa44Verify).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in set.test_groups {
        let key = PublicKey::from_bytes(Algorithm::MlDsa44, &group.pubkey);
        for test in group.tests {
            let holds = key.as_ref().is_ok_and(|key| key.verify(&test.msg, &test.sig));
            let expected = test.result == TestResult::Valid && is_empty(test.ctx.as_ref());
            assert_eq!(holds, expected, "case {}: {}", test.tc_id, test.comment);
            *(if holds { &mut accepted } else { &mut refused }) += 1;
        }
    }
    assert_eq!((accepted, refused), (75, 105), "a case was lost");
}

#[test]
fn every_seed_makes_its_key_and_what_others_signed_with_it_verifies() {
    let set = mldsa_sign::TestSet::load(mldsa_sign::TestName::MlDsa44SignSeed).unwrap();
    let (mut verified, mut in_a_context, mut no_keys) = (0, 0, 0);
    for group in set.test_groups {
        let seed = group.privseed.unwrap();
        let Ok(key) = PrivateKey::from_secret_bytes(Algorithm::MlDsa44, &seed) else {
            assert!(group.tests.iter().all(|test| test.result == TestResult::Invalid), "{} bytes", seed.len());
            no_keys += group.tests.len();
            continue;
        };
        assert_eq!(key.public_key(), group.pubkey.unwrap().to_vec());
        let public = PublicKey::from_bytes(Algorithm::MlDsa44, &key.public_key()).unwrap();
        for test in group.tests {
            // Some are of the internal function, told by a hash of the message only.
            let Some(message) = test.msg else { continue };
            let holds = public.verify(&message, &test.sig);
            if is_empty(test.ctx.as_ref()) {
                assert!(holds, "case {}: {}", test.tc_id, test.comment);
                verified += 1;
            } else {
                assert!(!holds, "case {}: {}", test.tc_id, test.comment);
                in_a_context += 1;
            }
        }
    }
    assert_eq!((verified, in_a_context, no_keys), (71, 4, 3), "a case was lost");
}
