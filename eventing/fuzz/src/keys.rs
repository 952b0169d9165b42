//! Keys of the checks: always the same, so that a find stays one.

use std::sync::LazyLock;

use eventing::algorithm::Algorithm;
use eventing::compact::b64url;
use eventing::keyset::{Jwk, KeyRing, KeySet, KeySetDocument, KeyState, KeyUse, SourcePattern};
use eventing::signing::{PrivateKey, kid_for};
use eventing::types::BusId;

/// A key made of a seed.
pub(crate) fn private(seed: u8) -> PrivateKey {
    PrivateKey::from_secret_bytes(Algorithm::MlDsa44, &[seed; 32]).expect("a seed is a key")
}

pub(crate) fn bus() -> BusId {
    "harbour/north".parse().expect("a name of a bus")
}

/// The public half of a key, as a set has it.
pub(crate) fn jwk(key: &PrivateKey, key_use: KeyUse) -> Jwk {
    Jwk {
        kid: kid_for("lamp", &key.public_key()).expect("a name of a key"),
        algorithm: Algorithm::MlDsa44,
        public_key: key.public_key(),
        key_use,
        sources: vec![SourcePattern::Any],
        nbf: 0,
        exp: i64::MAX,
        state: KeyState::Active,
    }
}

/// A ring of one bus with an event key (seed 1) and a grant key (seed 2).
pub(crate) static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let keys = vec![jwk(&private(1), KeyUse::Sig), jwk(&private(2), KeyUse::Grant)];
    let document = KeySetDocument { bus: bus(), version: 1, issued: 0, expires: i64::MAX, keys };
    let mut ring = KeyRing::new([bus()]);
    ring.take(KeySet::new(&document).expect("two kids")).expect("the first set");
    ring
});

/// A compact signature over a payload of the caller's choosing, which no signer of ours makes.
pub(crate) fn signed(key: &PrivateKey, header: &serde_json::Value, payload: &[u8]) -> String {
    let signed = format!("{}.{}", b64url(header.to_string().as_bytes()), b64url(payload));
    let signature = key.sign(signed.as_bytes()).expect("the library signs");
    format!("{signed}.{}", b64url(&signature))
}
