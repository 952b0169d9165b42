//! New keys: made here, held in memory only until their Secret is written.

use eventing::{
    algorithm::Algorithm,
    signing::{PrivateKey, kid_for},
    types::Kid,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A key that was just made.
pub struct NewMaterial {
    /// Its id: the owner's name and a hash of the public key.
    pub kid: Kid,
    /// The public part, raw.
    pub public: Vec<u8>,
    /// The private part, as [`PrivateKey::secret_bytes`] has it.
    pub private: Zeroizing<Vec<u8>>,
}

/// No key could be made.
#[derive(Debug, thiserror::Error)]
#[error("no key could be made: {0}")]
pub struct NotMade(String);

/// Makes a key for an owner of that name.
pub fn generate(name: &str, algorithm: Algorithm) -> Result<NewMaterial, NotMade> {
    let key = PrivateKey::generate(algorithm).map_err(|error| NotMade(error.to_string()))?;
    let public = key.public_key();
    let kid = kid_for(name, &public).map_err(|error| NotMade(error.to_string()))?;
    Ok(NewMaterial { kid, public, private: key.secret_bytes() })
}

/// The scheme that the API's word names.
pub fn algorithm(word: crds::Algorithm) -> Algorithm {
    match word {
        crds::Algorithm::Dilithium2 => Algorithm::Dilithium2,
        crds::Algorithm::MlDsa44 => Algorithm::MlDsa44,
    }
}

/// The API's word for a scheme.
pub fn word(algorithm: Algorithm) -> crds::Algorithm {
    match algorithm {
        Algorithm::Dilithium2 => crds::Algorithm::Dilithium2,
        Algorithm::MlDsa44 => crds::Algorithm::MlDsa44,
    }
}

/// The first 16 hex digits of the SHA-256: what stands for a name where Kubernetes bounds names.
pub fn hash16(text: &str) -> String {
    let mut digest = hex::encode(Sha256::digest(text.as_bytes()));
    digest.truncate(16);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_hash_is_the_first_half_of_a_quarter() {
        assert_eq!(hash16(""), "e3b0c44298fc1c14");
    }
}
