//! What tests of this crate build upon: a key, its set, an event signed with it. Everything passes the real constructors.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde::Serialize;
use serde_json::{Value, json};

use crate::algorithm::Algorithm;
use crate::config::VerificationConfig;
use crate::envelope::Trace;
use crate::keyset::{Jwk, KeyRing, KeySet, KeySetDocument, KeyState, KeyUse};
use crate::signing::{EventFacts, PrivateKey, SignedEvent, kid_for, sign_event};
use crate::time::{Micros, Millis};
use crate::types::{BusId, DetailType, Jti, Kid, QueueArn, Resource, Source};
use crate::verify::Policy;

/// The time at which the fixtures happen.
pub(crate) const NOW: Millis = Millis(1_800_000_000_000);

pub(crate) const SOURCE: &str = "qsl.lighthouse";
pub(crate) const DETAIL_TYPE: &str = "Lamp.Lit.v2";
pub(crate) const RESOURCE: &str = "urn:qsl:lighthouse:lamp:l-9";

/// A key of a bus, with the hour before and after [`NOW`] to sign in.
pub(crate) struct TestKey {
    pub(crate) private: PrivateKey,
    pub(crate) jwk: Jwk,
}

impl TestKey {
    pub(crate) fn new(algorithm: Algorithm, key_use: KeyUse) -> Self {
        let private = PrivateKey::generate(algorithm).unwrap();
        let public_key = private.public_key();
        let jwk = Jwk {
            kid: kid_for("lamp", &public_key).unwrap(),
            algorithm,
            public_key,
            key_use,
            sources: vec![Source::parse(SOURCE).unwrap().into()],
            nbf: NOW.seconds() - 3_600,
            exp: NOW.seconds() + 3_600,
            state: KeyState::Active,
        };
        Self { private, jwk }
    }

    pub(crate) fn kid(&self) -> &Kid {
        &self.jwk.kid
    }

    /// An event signed at `ts`.
    pub(crate) fn event(&self, ts: Micros, core: &Value) -> SignedEvent {
        let facts = EventFacts {
            source: &Source::parse(SOURCE).unwrap(),
            detail_type: &DetailType::parse(DETAIL_TYPE).unwrap(),
            resource: &Resource::parse(RESOURCE).unwrap(),
            trace: &Trace::new("story-17".parse().unwrap()).with("userId", "u-5").unwrap(),
            detail_core: &core.to_string(),
        };
        sign_event(&self.private, self.kid(), facts, jti(), ts).unwrap()
    }

    /// The body of an event signed at [`NOW`].
    pub(crate) fn body(&self) -> Vec<u8> {
        body(&self.event(NOW.into(), &json!({"lumen": 900, "note": "a \"word\", €"})).detail)
    }
}

pub(crate) fn jti() -> Jti {
    Jti::parse("0d9c39a8-5b3e-4d0a-9c33-0d4b6a1f7e52").unwrap()
}

/// What EventBridge would deliver.
pub(crate) fn body(detail: &impl Serialize) -> Vec<u8> {
    let body = json!({
        "id": "delivery-1", "detail-type": DETAIL_TYPE, "source": SOURCE, "resources": [RESOURCE], "detail": detail,
    });
    serde_json::to_vec(&body).unwrap()
}

pub(crate) fn bus(name: &str) -> BusId {
    BusId::new("harbour", name).unwrap()
}

pub(crate) fn document(bus: &BusId, version: u64, keys: &[&TestKey]) -> KeySetDocument {
    KeySetDocument {
        bus: bus.clone(),
        version,
        issued: NOW.seconds(),
        expires: NOW.seconds() + 86_400,
        keys: keys.iter().map(|key| key.jwk.clone()).collect(),
    }
}

/// A ring of buses with these keys.
pub(crate) fn ring(buses: &[(&BusId, &[&TestKey])]) -> KeyRing {
    let mut ring = KeyRing::new(buses.iter().map(|(bus, _)| (*bus).clone()));
    for (bus, keys) in buses {
        ring.take(KeySet::new(&document(bus, 1, keys)).unwrap()).unwrap();
    }
    ring
}

pub(crate) fn queue() -> QueueArn {
    QueueArn::parse("arn:aws:sqs:eu-west-1:111122223333:lamp-inbox").unwrap()
}

pub(crate) fn policy() -> Policy {
    Policy::new(&VerificationConfig::default(), queue())
}
