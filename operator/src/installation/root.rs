//! Secret and ConfigMap `qsl-root`: the key that signs key sets and configuration, and its hash for those who verify.

use std::collections::BTreeMap;

use eventing::{algorithm::Algorithm, signing::PrivateKey};
use k8s_openapi::{
    ByteString,
    api::core::v1::{ConfigMap, Secret},
};
use kube::{
    Api,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use sha2::{Digest as _, Sha256};

use super::{
    InstallError,
    authority::{is_conflict, labels},
};
use crate::runner::FIELD_MANAGER;

/// The name of both objects.
pub const NAME: &str = "qsl-root";

/// The ConfigMap's key: the hash in lower-case hex; during a rotation two, one a line.
pub const HASH: &str = "root.sha256";

const PRIVATE: &str = "private";
const PUBLIC: &str = "public";

/// The installation's root key.
pub struct Root {
    key: PrivateKey,
    public: Vec<u8>,
    sha256: String,
}

impl Root {
    /// The root of that private key.
    pub fn new(key: PrivateKey) -> Self {
        let public = key.public_key();
        let sha256 = hex::encode(Sha256::digest(&public));
        Self { key, public, sha256 }
    }

    /// What signs.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The public part, raw.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The hash of the public part, in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

/// Makes the root key where there is none, and brings the ConfigMap with its hash up to date.
///
/// A Secret that is there and cannot be read is an error, never replaced: whatever it signed would be void.
pub async fn ensure(secrets: &Api<Secret>, maps: &Api<ConfigMap>) -> Result<Root, InstallError> {
    let root = match secrets.get_opt(NAME).await? {
        Some(found) => read(&found)?,
        None => make(secrets).await?,
    };
    let wanted = format!("{}\n", root.sha256());
    let present = maps.get_opt(NAME).await?.and_then(|map| map.data?.remove(HASH));
    if present.as_deref() != Some(wanted.as_str()) {
        let map = ConfigMap {
            metadata: ObjectMeta { name: Some(NAME.to_owned()), labels: Some(labels()), ..ObjectMeta::default() },
            data: Some(BTreeMap::from([(HASH.to_owned(), wanted)])),
            ..ConfigMap::default()
        };
        maps.patch(NAME, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&map)).await?;
    }
    Ok(root)
}

async fn make(secrets: &Api<Secret>) -> Result<Root, InstallError> {
    let key = PrivateKey::generate(Algorithm::MlDsa44).map_err(|error| InstallError::Key(error.to_string()))?;
    let root = Root::new(key);
    let secret = Secret {
        metadata: ObjectMeta { name: Some(NAME.to_owned()), labels: Some(labels()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([
            (PRIVATE.to_owned(), ByteString(root.key.secret_bytes().to_vec())),
            (PUBLIC.to_owned(), ByteString(root.public.clone())),
        ])),
        ..Secret::default()
    };
    match secrets.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(root),
        Err(error) if is_conflict(&error) => read(&secrets.get(NAME).await?),
        Err(error) => Err(error.into()),
    }
}

fn read(secret: &Secret) -> Result<Root, InstallError> {
    let part = |key: &'static str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key));
        bytes.map(|bytes| bytes.0.as_slice()).ok_or(InstallError::Damaged { secret: NAME, key })
    };
    let key = PrivateKey::from_secret_bytes(Algorithm::MlDsa44, part(PRIVATE)?)
        .map_err(|_| InstallError::Damaged { secret: NAME, key: PRIVATE })?;
    let root = Root::new(key);
    if root.public == part(PUBLIC)? { Ok(root) } else { Err(InstallError::Damaged { secret: NAME, key: PUBLIC }) }
}
