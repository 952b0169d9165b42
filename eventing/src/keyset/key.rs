//! One key of a set, ready for use.

use super::{Jwk, KeyState, KeyUse, SourcePattern};
use crate::algorithm::{Algorithm, PublicKey};
use crate::time::Millis;
use crate::types::Source;

/// One key, parsed and ready.
#[derive(Debug, Clone)]
pub struct Key {
    public: PublicKey,
    serves: KeyUse,
    sources: Vec<SourcePattern>,
    nbf: i64,
    exp: i64,
    state: KeyState,
}

impl Key {
    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The algorithm of the key, which a header must equal.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// What the key is for.
    pub fn key_use(&self) -> KeyUse {
        self.serves
    }

    /// What people are told of it.
    pub fn state(&self) -> KeyState {
        self.state
    }

    /// Whether the key may sign events of this source.
    pub fn covers(&self, source: &Source) -> bool {
        self.sources.iter().any(|pattern| pattern.covers(source))
    }

    /// Whether signing was over at `ts`.
    pub fn is_expired(&self, ts: Millis) -> bool {
        ts >= Millis::from_seconds(self.exp)
    }

    /// Whether signing had not begun at `ts`.
    pub fn is_pending(&self, ts: Millis) -> bool {
        ts < Millis::from_seconds(self.nbf)
    }
}

impl TryFrom<&Jwk> for Key {
    type Error = crate::algorithm::KeyRefused;
    fn try_from(jwk: &Jwk) -> Result<Self, Self::Error> {
        Ok(Self {
            public: PublicKey::from_bytes(jwk.algorithm, &jwk.public_key)?,
            serves: jwk.key_use,
            sources: jwk.sources.clone(),
            nbf: jwk.nbf,
            exp: jwk.exp,
            state: jwk.state,
        })
    }
}
