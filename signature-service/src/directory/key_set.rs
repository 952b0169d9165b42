//! A bus's published set: the bytes that verifiers take, and what stands in them.

use std::collections::HashMap;
use std::sync::Arc;

use eventing::compact::b64url_decode;
use eventing::keyset::{Jwk, KeyState, KeyUse};
use eventing::time::Millis;
use eventing::types::{BusId, Kid};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Why a ConfigMap's set is not served.
#[derive(Debug, thiserror::Error)]
pub enum KeySetFault {
    /// It is no compact signature over a set.
    #[error("the key set cannot be read: {0}")]
    Unreadable(&'static str),
    /// It is another bus's.
    #[error("the key set is of bus {0}")]
    OtherBus(BusId),
}

/// The set as the operator signed it. What is served is not judged here: verifiers do that, by the root.
#[derive(Debug, Clone)]
pub struct PublishedSet {
    /// The compact signature, served as it is.
    pub signed: Arc<str>,
    /// The keys as they stand in it, for people.
    pub keys: Vec<Value>,
    /// When verifiers stop taking it, in seconds since 1970.
    pub expires: i64,
    /// Entity tag of the signed form, without quotes.
    pub tag: Arc<str>,
    /// Entity tag of the plain form, which its keys alone decide.
    pub plain_tag: Arc<str>,
    parsed: HashMap<Kid, Jwk>,
}

/// The same bytes say the same.
impl PartialEq for PublishedSet {
    fn eq(&self, other: &Self) -> bool {
        self.signed == other.signed
    }
}

#[derive(Deserialize)]
struct Payload {
    bus: BusId,
    expires: i64,
    keys: Vec<Value>,
}

impl PublishedSet {
    /// Reads the set of `bus`. A key in it that does not parse is served and not signed with.
    ///
    /// # Errors
    /// When it is no set, or another bus's.
    pub fn read(bus: &BusId, signed: &str) -> Result<Self, KeySetFault> {
        let unreadable = KeySetFault::Unreadable;
        let signed = signed.trim();
        let mut parts = signed.split('.');
        let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(unreadable("it has not three parts"));
        };
        let json = b64url_decode(payload).ok_or(unreadable("its payload is not base64url"))?;
        let payload: Payload = serde_json::from_slice(&json).map_err(|_| unreadable("its payload is not a set"))?;
        if payload.bus != *bus {
            return Err(KeySetFault::OtherBus(payload.bus));
        }
        let parsed = payload
            .keys
            .iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok())
            .map(|key| (key.kid.clone(), key))
            .collect();
        let keys = serde_json::to_vec(&payload.keys).map_err(|_| unreadable("its keys cannot be written"))?;
        Ok(Self {
            signed: Arc::from(signed),
            keys: payload.keys,
            expires: payload.expires,
            tag: tag_of(signed.as_bytes()),
            plain_tag: tag_of(&keys),
            parsed,
        })
    }

    /// The key of this name, if it may sign `key_use` now: in its time and not revoked.
    pub fn signs(&self, kid: &Kid, key_use: KeyUse, now: Millis) -> Option<&Jwk> {
        self.parsed.get(kid).filter(|key| {
            key.key_use == key_use
                && key.state != KeyState::Revoked
                && Millis::from_seconds(key.nbf) <= now
                && now < Millis::from_seconds(key.exp)
        })
    }
}

fn tag_of(bytes: &[u8]) -> Arc<str> {
    Arc::from(hex::encode(Sha256::digest(bytes)))
}
