//! The keys of an installation.

use eventing::algorithm::Algorithm;
use eventing::keyset::{Jwk, KeySetDocument, KeyState, KeyUse};
use eventing::signing::{PrivateKey, kid_for};
use eventing::time::Millis;
use eventing::types::{BusId, Source};

/// What an installation signs with.
pub(crate) struct Keys {
    pub(crate) root: PrivateKey,
    /// Of events, the first of the set.
    pub(crate) signing: PrivateKey,
    /// Of grants, the second.
    pub(crate) granting: PrivateKey,
    /// One that was stolen, and so revoked: the third.
    pub(crate) stolen: PrivateKey,
    pub(crate) set: KeySetDocument,
}

impl Keys {
    /// Keys that sign in the hour before `now` and after it.
    pub(crate) fn new(now: Millis) -> Self {
        let [(signing, sig), (granting, grant), (stolen, mut revoked)] =
            [(KeyUse::Sig, "trams"), (KeyUse::Grant, "grant"), (KeyUse::Sig, "stolen")]
                .map(|(key_use, name)| jwk(key_use, name, now));
        revoked.state = KeyState::Revoked;
        let (bus, issued, keys) = (BusId::new("city", "trams").unwrap(), now.seconds(), vec![sig, grant, revoked]);
        let set = KeySetDocument { bus, version: 1, issued, expires: issued + 86_400, keys };
        Self { root: PrivateKey::generate(Algorithm::MlDsa44).unwrap(), signing, granting, stolen, set }
    }
}

fn jwk(key_use: KeyUse, name: &str, now: Millis) -> (PrivateKey, Jwk) {
    let key = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    let sources = if key_use == KeyUse::Sig { vec![Source::parse("qsl.tram").unwrap().into()] } else { vec![] };
    let jwk = Jwk {
        kid: kid_for(name, &key.public_key()).unwrap(),
        algorithm: Algorithm::MlDsa44,
        public_key: key.public_key(),
        key_use,
        sources,
        nbf: now.seconds() - 3_600,
        exp: now.seconds() + 3_600,
        state: KeyState::Active,
    };
    (key, jwk)
}
