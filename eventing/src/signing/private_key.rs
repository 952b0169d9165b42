//! Private keys, and the names of their public halves.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::SignError;
use crate::algorithm::{Algorithm, KeyRefused, SIGNATURE_BYTES, Signer};
use crate::compact::b64url;
use crate::types::{Kid, ParseError};

/// A private key, with its public half. It never shows itself, and its memory is wiped.
#[derive(Clone)]
pub struct PrivateKey {
    algorithm: Algorithm,
    signer: Arc<dyn Signer>,
}

impl PrivateKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the library has no randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyRefused> {
        Ok(Self { algorithm, signer: Arc::from(algorithm.scheme().generate()?) })
    }

    /// Reads what [`Self::secret_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are no key of the algorithm.
    pub fn from_secret_bytes(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyRefused> {
        Ok(Self { algorithm, signer: Arc::from(algorithm.scheme().private_key(secret)?) })
    }

    /// The secret, to be kept: for ML-DSA-44 the seed of 32 bytes, for Dilithium2 the public key followed by the secret.
    pub fn secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.signer.secret_bytes()
    }

    /// The raw public key.
    pub fn public_key(&self) -> Vec<u8> {
        self.signer.public_key().to_vec()
    }

    /// The algorithm the key is of.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`SignError::Library`]
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.signer.sign(message).ok_or(SignError::Library)?;
        if signature.len() == SIGNATURE_BYTES { Ok(signature) } else { Err(SignError::Library) }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The kid of a key: the name of its SigningKey and 16 characters of its public key's hash, so that nobody can claim
/// another's.
///
/// # Errors
/// When the name does not fit into a kid.
pub fn kid_for(name: &str, public_key: &[u8]) -> Result<Kid, ParseError> {
    let hash = b64url(&Sha256::digest(public_key));
    Kid::parse(&format!("{name}-{}", hash.get(..16).unwrap_or_default()))
}
