//! What the installation's root key signs: key sets and configuration. Whoever can write ConfigMaps can withhold them,
//! never make them.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::algorithm::{Algorithm, PublicKey};
use crate::compact::{Compact, Typ};
use crate::json::{self, Json, Limits, Object};
use crate::time::Millis;
use crate::types::ParseError;

/// `issued` may lie so far ahead of our clock.
const ISSUED_AHEAD_MILLIS: i64 = 15 * 60 * 1_000;

/// The SHA-256 of the root's public key; two while the root rotates.
#[derive(Clone, PartialEq, Eq)]
pub struct RootHashes(Vec<[u8; 32]>);

impl RootHashes {
    /// The hashes given.
    pub fn new(hashes: impl IntoIterator<Item = [u8; 32]>) -> Self {
        Self(hashes.into_iter().collect())
    }

    /// The hash of one public key, alone.
    pub fn of(public_key: &[u8]) -> Self {
        Self(vec![root_hash(public_key)])
    }

    /// Whether the public key is a root's.
    pub fn know(&self, public_key: &[u8]) -> bool {
        self.0.contains(&root_hash(public_key))
    }
}

/// The hash by which pods know a root.
pub fn root_hash(public_key: &[u8]) -> [u8; 32] {
    Sha256::digest(public_key).into()
}

impl FromStr for RootHashes {
    type Err = ParseError;

    /// Reads lower-case hex, one hash or several with commas or white space between.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let hashes = text
            .split(|c: char| c == ',' || c.is_ascii_whitespace())
            .filter(|part| !part.is_empty())
            .map(|part| {
                let mut hash = [0; 32];
                let decoded = hex::decode_to_slice(part, &mut hash);
                decoded.map(|()| hash).map_err(|_| ParseError::new("root", "must be SHA-256 in hex"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if hashes.is_empty() { Err(ParseError::new("root", "must be there")) } else { Ok(Self(hashes)) }
    }
}

impl fmt::Display for RootHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hashes: Vec<String> = self.0.iter().map(hex::encode).collect();
        f.write_str(&hashes.join(","))
    }
}

impl fmt::Debug for RootHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not something that a root of ours signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RootFault {
    Malformed(String),
    RootUnknown,
    SignatureInvalid,
}

/// Opens a text signed by a root; the payload has passed the strict pass.
pub(crate) fn open(text: &str, typ: Typ, roots: &RootHashes) -> Result<Object<'static>, RootFault> {
    let malformed = |why: &dyn fmt::Display| RootFault::Malformed(why.to_string());
    let compact = Compact::split(text).map_err(|fault| malformed(&fault))?;
    let header = compact.header(typ).map_err(|fault| malformed(&fault))?;
    if header.alg != Algorithm::MlDsa44.as_str() {
        return Err(malformed(&"the signature is not of ML-DSA-44"));
    }
    let public = header.public_key.ok_or_else(|| malformed(&"the header carries no public key"))?;
    let key = PublicKey::from_bytes(Algorithm::MlDsa44, &public).map_err(|fault| malformed(&fault))?;
    if !roots.know(&public) {
        return Err(RootFault::RootUnknown);
    }
    if !key.verify(compact.signed(), compact.signature()) {
        return Err(RootFault::SignatureInvalid);
    }
    match json::parse(compact.payload(), Limits::BODY) {
        Ok(Json::Object(payload)) => Ok(payload.into_owned()),
        Ok(_) => Err(malformed(&"the payload is not an object")),
        Err(fault) => Err(RootFault::Malformed(format!("the payload {fault}"))),
    }
}

/// From when to when something signed by the root holds, and its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) version: u64,
    pub(crate) issued: i64,
    pub(crate) expires: i64,
}

impl Term {
    pub(crate) fn read(payload: &Object) -> Option<Self> {
        let integer = |name: &str| payload.get(name).and_then(Json::as_integer);
        Some(Self {
            version: u64::try_from(integer("version")?).ok()?,
            issued: integer("issued")?,
            expires: integer("expires")?,
        })
    }

    pub(crate) fn holds(&self, now: Millis) -> bool {
        now < Millis::from_seconds(self.expires)
            && Millis::from_seconds(self.issued) <= now.plus_millis(ISSUED_AHEAD_MILLIS)
    }

    pub(crate) fn is_rolled_back(&self, last_version: Option<u64>) -> bool {
        last_version.is_some_and(|last| self.version < last)
    }
}
