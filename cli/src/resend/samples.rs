//! What the tests of sending again build upon: a bus with its keys, and events of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use eventing::algorithm::Algorithm;
use eventing::config::VerificationConfig;
use eventing::envelope::Trace;
use eventing::grant::{GrantFacts, Purpose};
use eventing::keyset::{Jwk, KeyRing, KeySet, KeySetDocument, KeyState, KeyUse};
use eventing::signing::{EventFacts, PrivateKey, kid_for, sign_event, sign_grant};
use eventing::time::Millis;
use eventing::types::{BusId, DetailType, Jti, QueueArn, Resource, Source};
use eventing::verify::{Policy, RawMessage, Rejection, Verified, verify};
use serde_json::json;

use super::message::Outgoing;

/// When the events of the samples are signed.
pub(crate) const NOW: Millis = Millis(1_800_000_000_000);
pub(crate) const HOUR: i64 = 3_600_000;

/// A bus, its keys, and the inbox that it feeds.
pub(crate) struct Site {
    key: PrivateKey,
    grant: PrivateKey,
    jwks: [Jwk; 2],
    pub(crate) inbox: QueueArn,
    /// An hour after its keys began to sign, and an hour before they end.
    pub(crate) now: Millis,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::at(NOW)
    }

    /// A site whose keys sign now, by the true clock.
    pub(crate) fn now() -> Self {
        Self::at(Millis::now())
    }

    fn at(now: Millis) -> Self {
        let [key, grant] = [(); 2].map(|()| PrivateKey::generate(Algorithm::MlDsa44).unwrap());
        let jwk = |private: &PrivateKey, name, key_use, sources| Jwk {
            kid: kid_for(name, &private.public_key()).unwrap(),
            algorithm: Algorithm::MlDsa44,
            public_key: private.public_key(),
            key_use,
            sources,
            nbf: now.seconds() - 3_600,
            exp: now.seconds() + 3_600,
            state: KeyState::Active,
        };
        let source = vec![Source::parse("qsl.tram").unwrap().into()];
        let jwks = [jwk(&key, "tram", KeyUse::Sig, source), jwk(&grant, "grant", KeyUse::Grant, vec![])];
        let inbox = QueueArn::parse("arn:aws:sqs:eu-west-1:111122223333:arrivals").unwrap();
        Self { key, grant, jwks, inbox, now }
    }

    /// The body of an event signed then.
    pub(crate) fn event(&self, ts: Millis) -> String {
        self.event_at(ts, "harbour")
    }

    /// The same, of a tram that left another stop.
    pub(crate) fn event_at(&self, ts: Millis, stop: &str) -> String {
        let facts = EventFacts {
            source: &Source::parse("qsl.tram").unwrap(),
            detail_type: &DetailType::parse("Tram.Left.v1").unwrap(),
            resource: &Resource::parse("urn:qsl:depot:tram:7").unwrap(),
            trace: &Trace::new("line-7".parse().unwrap()),
            detail_core: &json!({ "stop": stop }).to_string(),
        };
        let jti = Jti::from_uuid(uuid::Uuid::new_v4());
        let signed = sign_event(&self.key, &self.jwks[0].kid, facts, jti, ts.into()).unwrap();
        json!({"id": "d-1", "source": "qsl.tram", "detail-type": "Tram.Left.v1",
               "resources": ["urn:qsl:depot:tram:7"], "detail": signed.detail})
        .to_string()
    }

    /// A grant that was given at `ts` for an event of `sent_at`.
    pub(crate) fn grant(&self, body: &str, sent_at: Millis, ts: Millis, purpose: Purpose) -> String {
        let facts = GrantFacts { body: body.as_bytes(), inbox: &self.inbox, purpose, sent_at };
        let jti = Jti::from_uuid(uuid::Uuid::new_v4());
        sign_grant(&self.grant, &self.jwks[1].kid, facts, &jti, ts.into()).unwrap()
    }

    /// The keys as they are, with the event key revoked where somebody revoked it.
    pub(crate) fn ring_where(&self, is_revoked: bool) -> KeyRing {
        let bus = Self::bus();
        let mut keys = self.jwks.to_vec();
        if is_revoked {
            keys[0].state = KeyState::Revoked;
        }
        let issued = self.now.seconds();
        let document = KeySetDocument { bus: bus.clone(), version: 1, issued, expires: issued + 86_400, keys };
        let mut ring = KeyRing::new([bus]);
        ring.take(KeySet::new(&document).unwrap()).unwrap();
        ring
    }

    /// The keys of the bus.
    pub(crate) fn ring(&self) -> KeyRing {
        self.ring_where(false)
    }

    /// How the inbox judges.
    pub(crate) fn policy(&self) -> Policy {
        Policy::new(&VerificationConfig::default(), self.inbox.clone())
    }

    /// The bus.
    pub(crate) fn bus() -> BusId {
        BusId::new("city", "trams").unwrap()
    }

    /// What a consumer of the inbox makes of a message that enters its queue now.
    pub(crate) fn consumer(&self, message: &Outgoing) -> Result<Verified, Rejection> {
        let attributes = message.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let now = Millis::now();
        let raw = RawMessage { body: message.body.as_bytes(), attributes: &attributes, sent_at: now };
        verify(&raw, &self.ring(), &self.policy(), now)
    }
}
