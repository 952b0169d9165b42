//! A small city of buses and keys, for tests.
#![allow(clippy::unwrap_used)]

use eventing::algorithm::Algorithm;
use eventing::config::{ConfigDocument, INBOX_QUEUE, VerificationConfig};
use eventing::envelope::Trace;
use eventing::keyset::{Jwk, KeySetDocument, KeyState};
use eventing::root::RootHashes;
use eventing::signing::{EventFacts, sign_config, sign_event};
use eventing::signing::{PrivateKey, kid_for, sign_keyset};
use eventing::time::Micros;
use eventing::types::{InboxId, Jti};
use serde_json::json;

use super::*;
use crate::trust::Trusted;

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
    key_of(Algorithm::MlDsa44, signing_key, sources, nbf, exp)
}

/// A grant key.
pub(crate) fn grant_key(nbf: i64, exp: i64) -> SampleKey {
    let mut key = key("grant", &[], nbf, exp);
    key.held.serves = Serves::Grant;
    key.jwk.key_use = KeyUse::Grant;
    key
}

pub(crate) fn key_of(algorithm: Algorithm, signing_key: &str, sources: &[&str], nbf: i64, exp: i64) -> SampleKey {
    let private = PrivateKey::generate(algorithm).unwrap();
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
    let serves = Serves::Sig { signing_key: signing_key.to_owned() };
    SampleKey { held: HeldKey { bus: trams(), serves, kid, private }, jwk }
}

/// A directory in which `depot/driver` may publish `qsl.tram` and `qsl.bell` on `city/trams`, with these keys.
pub(crate) fn directory(keys: Vec<SampleKey>) -> Directory {
    let mut directory = Directory::default();
    let granted = [source("qsl.tram"), source("qsl.bell")].into_iter().collect();
    let facts = BusFacts { publishing: true, publishers: [(driver(), granted)].into() };
    directory.buses.insert(trams(), facts);
    for SampleKey { held, jwk } in &keys {
        let Serves::Sig { signing_key } = &held.serves else { continue };
        let entry = directory.signing_keys.entry(("city".to_owned(), signing_key.clone()));
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
    Root::new().set(version, keys)
}

/// The inbox `depot/arrivals`.
pub(crate) fn depot_inbox() -> InboxId {
    InboxId::new("depot", "arrivals").unwrap()
}

/// An installation's root, that signs for the hour from `at` on.
pub(crate) struct Root {
    pub(crate) key: PrivateKey,
    pub(crate) at: i64,
}

impl Root {
    pub(crate) fn new() -> Self {
        Self::at(NOON)
    }

    pub(crate) fn at(at: i64) -> Self {
        Self { key: PrivateKey::generate(Algorithm::MlDsa44).unwrap(), at }
    }

    pub(crate) fn hashes(&self) -> RootHashes {
        RootHashes::of(&self.key.public_key())
    }

    /// A set of `city/trams`.
    pub(crate) fn set(&self, version: u64, keys: Vec<Jwk>) -> String {
        self.set_of(trams(), version, keys)
    }

    pub(crate) fn set_of(&self, bus: BusId, version: u64, keys: Vec<Jwk>) -> String {
        let document = KeySetDocument { bus, version, issued: self.at, expires: self.at + 3_600, keys };
        sign_keyset(&self.key, &document, Micros(self.at * 1_000_000)).unwrap()
    }

    /// The entry of `depot/arrivals`, with a queue of that name.
    pub(crate) fn inbox(&self, version: u64, queue: &str, buses: &[&str]) -> String {
        self.judging_inbox(version, queue, buses, &VerificationConfig::default())
    }

    pub(crate) fn judging_inbox(&self, version: u64, queue: &str, buses: &[&str], by: &VerificationConfig) -> String {
        let config = json!({"queueArn": format!("arn:aws:sqs:eu-west-1:111122223333:{queue}"), "buses": buses,
                            "verification": by, "queueUrl": "https://sqs.example/1/arrivals", "maxAttempts": 5});
        let (namespace, kind, name) = ("depot".to_owned(), INBOX_QUEUE.to_owned(), "arrivals".to_owned());
        let (issued, expires) = (self.at, self.at + 3_600);
        let document = ConfigDocument { namespace, kind, name, version, issued, expires, config };
        sign_config(&self.key, &document, Micros(self.at * 1_000_000)).unwrap()
    }
}

/// As [`directory`], and `depot/arrivals` is fed by `city/trams`: all of it signed by the root.
pub(crate) fn trusted(root: &Root, keys: Vec<SampleKey>, entry: &str) -> Directory {
    let set = root.set(1, keys.iter().map(|key| key.jwk.clone()).collect());
    let mut directory = directory(keys);
    directory.key_sets.insert(trams(), Arc::new(PublishedSet::read(&trams(), &set).unwrap()));
    let (mut trusted, inbox, entry) = (Trusted::default(), depot_inbox(), Arc::from(entry));
    let sets = directory.key_sets.iter().map(|(bus, set)| (bus, &**set));
    let at = Millis::from_seconds(root.at);
    trusted.follow(sets, [(&inbox, &entry)].into_iter(), &root.hashes(), at, false);
    directory.trust = trusted.now();
    directory
}

/// What EventBridge would deliver of an event of `qsl.tram` that the key signed then.
pub(crate) fn event_body(key: &SampleKey, ts: Micros) -> String {
    let facts = EventFacts {
        source: &source("qsl.tram"),
        detail_type: &"Tram.Departed.v1".parse().unwrap(),
        resource: &"urn:qsl:depot:tram:7".parse().unwrap(),
        trace: &Trace::new("line-7".parse().unwrap()),
        detail_core: &json!({"stop": "harbour"}).to_string(),
    };
    let jti = Jti::parse("0f8fad5b-d9cb-469f-a165-70867728950e").unwrap();
    let signed = sign_event(&key.held.private, &key.held.kid, facts, jti, ts).unwrap();
    json!({"id": "delivery-1", "source": "qsl.tram", "detail-type": "Tram.Departed.v1",
           "resources": ["urn:qsl:depot:tram:7"], "detail": signed.detail})
    .to_string()
}
