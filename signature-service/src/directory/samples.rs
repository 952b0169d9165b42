//! A small city of buses and keys, for tests.
#![allow(clippy::unwrap_used)]

use eventing::algorithm::Algorithm;
use eventing::keyset::{Jwk, KeySetDocument};
use eventing::signing::{kid_for, sign_keyset};
use eventing::time::Micros;

use super::*;

/// Seconds since 1970 at which the samples play.
pub(crate) const NOON: i64 = 1_795_000_000;

pub(crate) fn source(text: &str) -> Source {
    Source::parse(text).unwrap()
}

pub(crate) fn trams() -> BusId {
    "city/trams".parse().unwrap()
}

pub(crate) fn driver() -> ServiceAccount {
    ServiceAccount::new("depot", "driver")
}

/// One key of the bus `city/trams`, as the set will list it.
pub(crate) struct SampleKey {
    pub(crate) held: HeldKey,
    pub(crate) jwk: Jwk,
}

pub(crate) fn key(signing_key: &str, sources: &[&str], nbf: i64, exp: i64) -> SampleKey {
    let private = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    let kid = kid_for(signing_key, &private.public_key()).unwrap();
    let jwk = Jwk {
        kid: kid.clone(),
        algorithm: private.algorithm(),
        public_key: private.public_key(),
        key_use: KeyUse::Sig,
        sources: sources.iter().map(|s| SourcePattern::try_from((*s).to_owned()).unwrap()).collect(),
        nbf,
        exp,
        state: KeyState::Active,
    };
    let private = Arc::new(private);
    SampleKey { held: HeldKey { bus: trams(), signing_key: signing_key.to_owned(), kid, private }, jwk }
}

/// A directory in which `depot/driver` may publish `qsl.tram` and `qsl.bell` on `city/trams`, with these keys.
pub(crate) fn directory(keys: Vec<SampleKey>) -> Directory {
    let mut directory = Directory::default();
    let granted = [source("qsl.tram"), source("qsl.bell")].into_iter().collect();
    let facts = BusFacts { publishing: true, publishers: [(driver(), granted)].into() };
    directory.buses.insert(trams(), facts);
    for SampleKey { held, jwk } in &keys {
        let entry = directory.signing_keys.entry(("city".to_owned(), held.signing_key.clone()));
        entry.or_insert_with(|| SigningKeyFacts {
            bus: trams(),
            sources: jwk.sources.clone(),
            revoked: BTreeSet::new(),
        });
    }
    let signed = signed_set(1, keys.iter().map(|key| key.jwk.clone()).collect());
    directory.key_sets.insert(trams(), Arc::new(PublishedSet::read(&trams(), &signed).unwrap()));
    directory.private_keys = keys.into_iter().map(|key| key.held).collect();
    directory
}

/// A set of `city/trams` signed by some root.
pub(crate) fn signed_set(version: u64, keys: Vec<Jwk>) -> String {
    let root = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    let document = KeySetDocument { bus: trams(), version, issued: NOON, expires: NOON + 3_600, keys };
    sign_keyset(&root, &document, Micros(NOON * 1_000_000)).unwrap()
}
