//! An event's key: the same for every copy of an event, whatever id EventBridge gave it.

use sha2::{Digest as _, Sha256};

use crate::types::{EventKey, Jti, Source};

/// Of an event whose header has both `jti` and `env`: the signer says which event it is.
pub fn of_jti(source: &Source, jti: &Jti) -> EventKey {
    digest(&[b"jti", source.as_str().as_bytes(), jti.as_str().as_bytes()])
}

/// Of any other event: the signature and the envelope's canonical form it came with.
pub fn of_signature(sig_compact: &str, envelope: &[u8]) -> EventKey {
    digest(&[b"sig", sig_compact.as_bytes(), envelope])
}

fn digest(parts: &[&[u8]; 3]) -> EventKey {
    let mut hash = Sha256::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update([0]);
        }
        hash.update(part);
    }
    EventKey(hash.finalize().into())
}
