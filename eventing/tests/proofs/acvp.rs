//! NIST's own cases for ML-DSA-44 (ACVP): keys from seeds, and signatures of all of FIPS 204's functions, of which only
//! the pure one with an empty context is ours.

use eventing::algorithm::{Algorithm, PublicKey};
use eventing::signing::PrivateKey;
use serde::Deserialize;

use crate::vectors::{Bytes, cases};

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields, rename_all_fields = "camelCase")]
enum Case {
    FromSeed { id: String, seed: Bytes, public_key: Bytes },
    Signed { id: String, public_key: Bytes, message: Bytes, signature: Bytes, holds: bool },
}

#[test]
fn seeds_make_the_keys_and_signatures_the_verdicts_that_nist_says() {
    let (mut keys, mut accepted, mut refused) = (0, 0, 0);
    for case in cases("ml-dsa-44-acvp.json") {
        match case {
            Case::FromSeed { id, seed, public_key } => {
                let key = PrivateKey::from_secret_bytes(Algorithm::MlDsa44, &seed.0).unwrap();
                assert_eq!(key.public_key(), public_key.0, "{id}");
                keys += 1;
            }
            Case::Signed { id, public_key, message, signature, holds } => {
                let key = PublicKey::from_bytes(Algorithm::MlDsa44, &public_key.0).unwrap();
                assert_eq!(key.verify(&message.0, &signature.0), holds, "{id}");
                *(if holds { &mut accepted } else { &mut refused }) += 1;
            }
        }
    }
    assert_eq!((keys, accepted, refused), (25, 3, 48), "a case was lost");
}
