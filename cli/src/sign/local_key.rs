//! A private key in a file of its own: `{"alg", "kid", "secret"}`, readable by its owner alone.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use eventing::algorithm::Algorithm;
use eventing::compact::{b64url, b64url_decode};
use eventing::keyset::{Jwk, KeyState, KeyUse, SourcePattern};
use eventing::signing::{PrivateKey, kid_for};
use eventing::types::{Kid, Source};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A private key and its name.
#[derive(Debug)]
pub struct LocalKey {
    kid: Kid,
    private: PrivateKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    alg: Algorithm,
    kid: Kid,
    secret: Secret,
}

/// Text that is wiped when it is dropped.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Secret(Zeroizing<String>);

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl LocalKey {
    /// Makes a new one.
    pub fn generate(algorithm: Algorithm, name: &str) -> Result<Self, Failure> {
        let private = PrivateKey::generate(algorithm).map_err(|error| Failure::Usage(error.to_string()))?;
        let kid = kid_for(name, &private.public_key()).map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Self { kid, private })
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |why: &dyn std::fmt::Display| Failure::Usage(format!("{}: {why}", path.display()));
        let text = Zeroizing::new(std::fs::read(path).map_err(|error| wrong(&error))?);
        // The error tells where, never what: the text is a secret.
        let Written { alg, kid, secret } = serde_json::from_slice(&text)
            .map_err(|error| wrong(&format!("not a key of `sign --new-key` (line {})", error.line())))?;
        let secret =
            b64url_decode(&secret.0).map(Zeroizing::new).ok_or_else(|| wrong(&"the secret is not base64url"))?;
        let private = PrivateKey::from_secret_bytes(alg, &secret).map_err(|error| wrong(&error))?;
        Ok(Self { kid, private })
    }

    /// Writes it to a file that must not exist yet.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let secret = Secret::from(b64url(&self.private.secret_bytes()));
        let written = Written { alg: self.private.algorithm(), kid: self.kid.clone(), secret };
        let failed = || Failure::of(format!("write {}", path.display()));
        let text = Zeroizing::new(serde_json::to_vec(&written).map_err(|error| failed()(error.into()))?);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| Failure::Usage(format!("cannot make {}: {error}", path.display())))?;
        file.write_all(&text).map_err(failed())
    }

    /// The public half.
    pub fn jwk(&self, sources: &[Source], nbf: i64, exp: i64) -> Jwk {
        let exact = sources.iter().cloned().map(SourcePattern::Exact);
        let sources = if sources.is_empty() { vec![SourcePattern::Any] } else { exact.collect() };
        Jwk {
            kid: self.kid.clone(),
            algorithm: self.private.algorithm(),
            public_key: self.private.public_key(),
            key_use: KeyUse::Sig,
            sources,
            nbf,
            exp,
            state: KeyState::Active,
        }
    }

    /// Its name.
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// What signs.
    pub fn private(&self) -> &PrivateKey {
        &self.private
    }
}
