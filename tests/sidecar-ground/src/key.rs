//! A key of a bus, and the events it signs.

use anyhow::Result;
use eventing::algorithm::Algorithm;
use eventing::keyset::{Jwk, KeySetDocument, KeyState, KeyUse, SourcePattern};
use eventing::signing::{EventFacts, PrivateKey, SignedEvent, kid_for, sign_event};
use eventing::time::{Micros, Millis};
use eventing::types::{BusId, Jti, Kid};
use serde_json::json;

/// A key that may sign any source.
#[derive(Debug)]
pub struct Key {
    private: PrivateKey,
    kid: Kid,
    /// What it signs with.
    pub algorithm: Algorithm,
}

impl Key {
    /// A new one, of the SigningKey of this name.
    ///
    /// # Errors
    /// The library fails, or the name is none.
    pub fn generate(name: &str, algorithm: Algorithm) -> Result<Self> {
        let private = PrivateKey::generate(algorithm)?;
        let kid = kid_for(name, &private.public_key())?;
        Ok(Self { private, kid, algorithm })
    }

    /// The set of a bus, with this key alone.
    pub fn set(&self, bus: BusId) -> KeySetDocument {
        let (issued, expires) = validity();
        let key = Jwk {
            kid: self.kid.clone(),
            algorithm: self.algorithm,
            public_key: self.private.public_key(),
            key_use: KeyUse::Sig,
            sources: vec![SourcePattern::Any],
            nbf: issued,
            exp: expires,
            state: KeyState::Active,
        };
        KeySetDocument { bus, version: 1, issued, expires, keys: vec![key] }
    }

    /// Signs an event, now.
    ///
    /// # Errors
    /// A verifier would refuse it.
    pub fn sign(&self, facts: EventFacts<'_>, jti: Jti) -> Result<SignedEvent> {
        Ok(sign_event(&self.private, &self.kid, facts, jti, Micros::now())?)
    }

    /// Signs an event, and gives the body of the message that EventBridge makes of it.
    ///
    /// # Errors
    /// A verifier would refuse it.
    pub fn deliver(&self, facts: EventFacts<'_>, jti: Jti) -> Result<String> {
        let id = jti.to_string();
        let detail = self.sign(facts, jti)?.detail;
        let body = json!({
            "version": "0", "id": id, "detail-type": facts.detail_type, "source": facts.source,
            "account": "111122223333", "time": "2027-01-15T08:00:00Z", "region": "eu-west-1",
            "resources": [facts.resource], "detail": detail,
        });
        Ok(body.to_string())
    }
}

/// From a minute ago, for an hour.
pub(crate) fn validity() -> (i64, i64) {
    let now = Millis::now().seconds();
    (now - 60, now + 3_600)
}
