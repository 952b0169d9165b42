//! ML-DSA-44 (FIPS 204, pure, empty context) by `aws-lc-rs`. A private key is kept as its 32-byte seed.

use std::sync::Arc;

use aws_lc_rs::signature::{KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ParsedPublicKey, PqdsaKeyPair};
use zeroize::Zeroizing;

use super::{Algorithm, KeyRefused, SIGNATURE_BYTES, Scheme, Signer, Verifier};

const SEED_BYTES: usize = 32;
const REFUSED: KeyRefused = KeyRefused(Algorithm::MlDsa44);

pub(super) struct MlDsa44;

impl Scheme for MlDsa44 {
    fn generate(&self) -> Result<Box<dyn Signer>, KeyRefused> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        aws_lc_rs::rand::fill(seed.as_mut_slice()).map_err(|_| REFUSED)?;
        self.private_key(seed.as_slice())
    }

    fn private_key(&self, seed: &[u8]) -> Result<Box<dyn Signer>, KeyRefused> {
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, seed).map_err(|_| REFUSED)?;
        Ok(Box::new(PrivateKey { seed: Zeroizing::new(seed.to_vec()), pair }))
    }

    fn public_key(&self, bytes: &[u8]) -> Result<Arc<dyn Verifier>, KeyRefused> {
        let key = ParsedPublicKey::new(&ML_DSA_44, bytes).map_err(|_| REFUSED)?;
        Ok(Arc::new(PublicKey(key)))
    }
}

struct PublicKey(ParsedPublicKey);

impl Verifier for PublicKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

struct PrivateKey {
    seed: Zeroizing<Vec<u8>>,
    pair: PqdsaKeyPair,
}

impl Signer for PrivateKey {
    fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.seed.clone()
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; SIGNATURE_BYTES];
        self.pair.sign(message, &mut signature).ok()?;
        Some(signature)
    }
}
