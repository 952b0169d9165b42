//! One key as a set writes it: the plan's `PQK` form for Dilithium2, RFC 9964's `AKP` form for ML-DSA-44.

use serde::{Deserialize, Serialize};

use crate::algorithm::{Algorithm, PUBLIC_KEY_BYTES};
use crate::compact::{b64url, b64url_decode};
use crate::types::{Kid, ParseError, Source};

/// What a key is for; neither serves as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Events.
    Sig,
    /// Grants.
    Grant,
}

/// Where a key stands in its life; for people, but for `revoked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, not signing yet.
    Pending,
    /// Signs.
    Active,
    /// Signs no more; its signatures are still on their way.
    Accepted,
    /// Kept for what is read late.
    Retired,
    /// Verifies nothing, whatever `ts` says.
    Revoked,
    /// A word of a later version.
    #[serde(other)]
    Unknown,
}

/// Which events a key may sign: those of one source, or of every source of its bus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SourcePattern {
    /// `*`
    Any,
    /// One source, compared whole.
    Exact(Source),
}

impl SourcePattern {
    /// Whether the pattern covers the source.
    pub fn covers(&self, source: &Source) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == source,
        }
    }
}

impl TryFrom<String> for SourcePattern {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        if text == "*" { Ok(Self::Any) } else { Source::parse(&text).map(Self::Exact) }
    }
}

impl From<SourcePattern> for String {
    fn from(pattern: SourcePattern) -> Self {
        match pattern {
            SourcePattern::Any => "*".to_owned(),
            SourcePattern::Exact(source) => source.into(),
        }
    }
}

impl From<Source> for SourcePattern {
    fn from(source: Source) -> Self {
        Self::Exact(source)
    }
}

/// One public key of a bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Jwk {
    /// The key's name.
    pub kid: Kid,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The raw public key.
    pub public_key: Vec<u8>,
    /// What it is for.
    pub key_use: KeyUse,
    /// Which sources it may sign.
    pub sources: Vec<SourcePattern>,
    /// From when it may have signed, in seconds since 1970.
    pub nbf: i64,
    /// From when on it may not have signed, in seconds since 1970.
    pub exp: i64,
    /// Where it stands in its life.
    pub state: KeyState,
}

#[derive(Clone, Serialize, Deserialize)]
struct Written {
    kty: String,
    alg: Algorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    kid: Kid,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(rename = "pub", skip_serializing_if = "Option::is_none")]
    public: Option<String>,
    #[serde(rename = "use")]
    key_use: KeyUse,
    sources: Vec<SourcePattern>,
    nbf: i64,
    exp: i64,
    state: KeyState,
}

impl TryFrom<Written> for Jwk {
    type Error = ParseError;
    fn try_from(written: Written) -> Result<Self, ParseError> {
        let Written { kty, alg, crv, kid, x, public, key_use, sources, nbf, exp, state } = written;
        let text = match (alg, kty.as_str(), crv.as_deref()) {
            (Algorithm::Dilithium2, "PQK", Some("Dilithium2")) => x,
            (Algorithm::MlDsa44, "AKP", _) => public,
            _ => return Err(ParseError::new("key", "has a kty that is not its alg's")),
        };
        let public_key = text
            .and_then(|text| b64url_decode(&text))
            .filter(|bytes| bytes.len() == PUBLIC_KEY_BYTES)
            .ok_or(ParseError::new("key", "has no public key of 1312 bytes in base64url"))?;
        Ok(Self { kid, algorithm: alg, public_key, key_use, sources, nbf, exp, state })
    }
}

impl From<Jwk> for Written {
    fn from(jwk: Jwk) -> Self {
        let Jwk { kid, algorithm, public_key, key_use, sources, nbf, exp, state } = jwk;
        let text = Some(b64url(&public_key));
        let (kty, crv, x, public) = match algorithm {
            Algorithm::Dilithium2 => ("PQK", Some("Dilithium2".to_owned()), text, None),
            Algorithm::MlDsa44 => ("AKP", None, None, text),
        };
        Self { kty: kty.to_owned(), alg: algorithm, crv, kid, x, public, key_use, sources, nbf, exp, state }
    }
}
