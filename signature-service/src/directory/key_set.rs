//! A bus's published set: the bytes that verifiers take, and what stands in them.

use std::collections::HashMap;

use eventing::compact::b64url_decode;
use eventing::keyset::Jwk;
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

/// The set as the operator signed it. The service does not judge the signature: verifiers do, by the root.
#[derive(Debug, Clone)]
pub struct PublishedSet {
    /// The compact signature, served as it is.
    pub signed: String,
    /// The keys as they stand in it, for people.
    pub keys: Vec<Value>,
    /// When verifiers stop taking it, in seconds since 1970.
    pub expires: i64,
    /// Entity tag of the signed form, without quotes.
    pub tag: String,
    parsed: HashMap<Kid, Jwk>,
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
        let tag = hex::encode(Sha256::digest(signed.as_bytes()));
        Ok(Self { signed: signed.to_owned(), keys: payload.keys, expires: payload.expires, tag, parsed })
    }

    /// The key of this name.
    pub fn key(&self, kid: &Kid) -> Option<&Jwk> {
        self.parsed.get(kid)
    }
}
