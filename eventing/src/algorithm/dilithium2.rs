//! CRYSTALS-Dilithium round 3, level 2, by `pqcrypto-dilithium` 0.4.6: the one file that knows this crate, which is
//! unmaintained and pinned (0.5.0 is another scheme under the same name).

use std::sync::Arc;

use pqcrypto_dilithium::dilithium2;
use pqcrypto_traits::sign::{DetachedSignature as _, PublicKey as _, SecretKey as _};
use zeroize::Zeroizing;

use super::{Algorithm, KeyRefused, PUBLIC_KEY_BYTES, Scheme, Signer, Verifier};

const SECRET_KEY_BYTES: usize = 2528;
const REFUSED: KeyRefused = KeyRefused(Algorithm::Dilithium2);

pub(super) struct Dilithium2;

impl Scheme for Dilithium2 {
    fn generate(&self) -> Result<Box<dyn Signer>, KeyRefused> {
        let (public, secret) = dilithium2::keypair();
        Ok(Box::new(PrivateKey { public: public.as_bytes().to_vec(), secret: Box::new(Wiped(secret)) }))
    }

    /// The secret form is the public key followed by the secret key, which does not contain all of it.
    fn private_key(&self, bytes: &[u8]) -> Result<Box<dyn Signer>, KeyRefused> {
        let (public, secret) = bytes.split_at_checked(PUBLIC_KEY_BYTES).ok_or(REFUSED)?;
        if secret.len() != SECRET_KEY_BYTES {
            return Err(REFUSED);
        }
        let secret = Wiped(dilithium2::SecretKey::from_bytes(secret).map_err(|_| REFUSED)?);
        let key = PrivateKey { public: public.to_vec(), secret: Box::new(secret) };
        // Two halves that do not belong together would sign what nobody can verify.
        let probe = key.sign(b"probe").ok_or(REFUSED)?;
        if self.public_key(public)?.verify(b"probe", &probe) { Ok(Box::new(key)) } else { Err(REFUSED) }
    }

    fn public_key(&self, bytes: &[u8]) -> Result<Arc<dyn Verifier>, KeyRefused> {
        let key = dilithium2::PublicKey::from_bytes(bytes).map_err(|_| REFUSED)?;
        Ok(Arc::new(PublicKey(key)))
    }
}

struct PublicKey(dilithium2::PublicKey);

impl Verifier for PublicKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        dilithium2::DetachedSignature::from_bytes(signature)
            .is_ok_and(|signature| dilithium2::verify_detached_signature(&signature, message, &self.0).is_ok())
    }
}

/// The crate's secret key does not wipe itself.
struct Wiped(dilithium2::SecretKey);

impl Drop for Wiped {
    fn drop(&mut self) {
        if let Ok(zeros) = dilithium2::SecretKey::from_bytes(&[0; SECRET_KEY_BYTES]) {
            self.0 = zeros;
        }
        // Keeps the writes above: the compiler must assume that somebody reads them.
        std::hint::black_box(self.0.as_bytes());
    }
}

struct PrivateKey {
    public: Vec<u8>,
    secret: Box<Wiped>,
}

impl Signer for PrivateKey {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(PUBLIC_KEY_BYTES + SECRET_KEY_BYTES));
        bytes.extend_from_slice(&self.public);
        bytes.extend_from_slice(self.secret.0.as_bytes());
        bytes
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(dilithium2::detached_sign(message, &self.secret.0).as_bytes().to_vec())
    }
}
