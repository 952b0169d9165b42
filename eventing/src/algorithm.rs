//! The two algorithms behind one table: an [`Algorithm`] names a scheme, a scheme makes keys ready for use.
//!
//! Both have public keys of 1312 and signatures of 2420 bytes and do not verify each other, so length proves nothing:
//! the algorithm comes from the key.

mod dilithium2;
mod ml_dsa_44;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::types::ParseError;

/// Bytes of a public key, of either algorithm.
pub const PUBLIC_KEY_BYTES: usize = 1312;
/// Bytes of a signature, of either algorithm.
pub const SIGNATURE_BYTES: usize = 2420;

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// CRYSTALS-Dilithium round 3, level 2.
    Dilithium2,
    /// FIPS 204, pure, with empty context.
    #[serde(rename = "ML-DSA-44")]
    MlDsa44,
}

impl Algorithm {
    /// Every algorithm there is.
    pub const ALL: [Self; 2] = [Self::Dilithium2, Self::MlDsa44];

    /// The name in a header's `alg` and in a key set.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dilithium2 => "Dilithium2",
            Self::MlDsa44 => "ML-DSA-44",
        }
    }

    pub(crate) fn scheme(self) -> &'static dyn Scheme {
        match self {
            Self::Dilithium2 => &dilithium2::Dilithium2,
            Self::MlDsa44 => &ml_dsa_44::MlDsa44,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(ParseError::new("algorithm", "must be Dilithium2 or ML-DSA-44"))
    }
}

/// A key that the scheme does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key of {0}")]
pub struct KeyRefused(pub Algorithm);

/// One algorithm: makes, reads and prepares keys.
pub(crate) trait Scheme: Sync {
    fn generate(&self) -> Result<Box<dyn Signer>, KeyRefused>;
    fn private_key(&self, secret: &[u8]) -> Result<Box<dyn Signer>, KeyRefused>;
    fn public_key(&self, bytes: &[u8]) -> Result<Arc<dyn Verifier>, KeyRefused>;
}

/// A private key, ready to sign.
pub(crate) trait Signer: Send + Sync {
    fn public_key(&self) -> &[u8];
    fn secret_bytes(&self) -> Zeroizing<Vec<u8>>;
    /// The signature, or nothing where the library fails.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>>;
}

/// A public key, parsed once, ready to verify.
pub(crate) trait Verifier: Send + Sync {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// A public key of either algorithm, parsed once and kept ready.
#[derive(Clone)]
pub struct PublicKey {
    algorithm: Algorithm,
    verifier: Arc<dyn Verifier>,
}

impl PublicKey {
    /// Parses the raw bytes of a public key.
    ///
    /// # Errors
    /// When they are not 1312 bytes that the algorithm takes.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyRefused> {
        if bytes.len() != PUBLIC_KEY_BYTES {
            return Err(KeyRefused(algorithm));
        }
        Ok(Self { algorithm, verifier: algorithm.scheme().public_key(bytes)? })
    }

    /// The algorithm the key is of.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this key made the signature over the message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == SIGNATURE_BYTES && self.verifier.verify(message, signature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
