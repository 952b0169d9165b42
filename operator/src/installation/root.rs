//! Secret and ConfigMap `qsl-root`: the key that signs key sets and configuration, and its hash for those who verify.
//!
//! The root rotates when the Secret is annotated `eventing.qsl.dev/rotate-requested-at`: [`plan`] says how, [`secret`]
//! keeps how far it has come, [`pods`] finds who does not know the new root yet, [`documents`] what the old one signed.

pub mod documents;
pub mod plan;
pub mod pods;
pub mod secret;

use std::collections::BTreeMap;

use eventing::{algorithm::Algorithm, signing::PrivateKey};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams},
};
use sha2::{Digest as _, Sha256};

use super::{
    InstallError,
    authority::{is_conflict, labels},
};
use crate::{
    pods::Told,
    runner::{FIELD_MANAGER, record::Events},
    secrets::{Secrets, Wiped},
};
use plan::{Phase, Step};
use secret::Roots;

/// The name of both objects.
pub const NAME: &str = "qsl-root";

/// The ConfigMap's key: the hash in lower-case hex; during a rotation two, one a line.
pub const HASH: &str = "root.sha256";

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
        let sha256 = hash(&public);
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

/// The hash of a root's public part, in lower-case hex.
pub fn hash(public: &[u8]) -> String {
    hex::encode(Sha256::digest(public))
}

/// Where the roots are kept, and who is asked before one goes.
pub struct Keeper<'a> {
    /// The API server.
    pub client: &'a Client,
    /// The release's namespace.
    pub namespace: &'a str,
    /// The namespace of the key sets.
    pub key_namespace: &'a str,
    /// For what a person should know.
    pub events: &'a Events,
    /// The pods that were told.
    pub told: &'a Told,
}

impl Keeper<'_> {
    /// Makes the root key where there is none, takes the next step of a rotation where that is due, and brings the
    /// ConfigMap with the hashes up to date.
    ///
    /// A Secret that is there and cannot be read is an error, never replaced: whatever it signed would be void.
    pub async fn ensure(&self, now: Timestamp) -> Result<Roots, InstallError> {
        let secrets = Secrets::new(self.client.clone(), self.namespace);
        let found = match secrets.get_opt(NAME).await? {
            Some(found) => found,
            None => make(&secrets).await?,
        };
        let mut roots = secret::read(&found, now)?;
        if let Some(changed) = self.step(&found, &roots, now).await? {
            roots = match secrets.replace(NAME, &changed).await {
                Ok(written) => secret::read(&written, now)?,
                // Another replica took a step; the next round goes on from there.
                Err(error) if is_conflict(&error) => secret::read(&secrets.get(NAME).await?, now)?,
                Err(error) => return Err(error.into()),
            };
            tracing::info!(roots = ?roots.hashes(), phase = ?roots.phase, "the root rotates");
        }
        self.publish(&roots).await?;
        Ok(roots)
    }

    /// The Secret after the next step, if one is due.
    async fn step(&self, found: &Wiped, roots: &Roots, now: Timestamp) -> Result<Option<Wiped>, InstallError> {
        let in_the_way = match (&roots.phase, &roots.other) {
            (Phase::Alone, _) | (_, None) => 0,
            (Phase::Announced { .. }, Some(next)) => {
                let lacking = pods::lacking(self.client, &hash(next)).await?;
                pods::tell(self.told, self.events, &hash(next), &lacking).await;
                lacking.len()
            }
            (Phase::Signing { .. }, Some(previous)) => {
                documents::signed_by(self.client, self.key_namespace, previous).await?
            }
        };
        let facts = plan::Facts { phase: &roots.phase, is_requested: roots.is_requested(), in_the_way };
        match plan::step(&facts, now) {
            Step::Stay => Ok(None),
            Step::Announce => Ok(Some(secret::announce(found, &new_root()?, now))),
            Step::Switch => secret::switch(found, now).map(Some),
            Step::Drop => Ok(Some(secret::drop_previous(found))),
        }
    }

    async fn publish(&self, roots: &Roots) -> Result<(), InstallError> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), self.namespace);
        let wanted: String = roots.hashes().into_iter().map(|hash| hash + "\n").collect();
        let present = maps.get_opt(NAME).await?.and_then(|map| map.data?.remove(HASH));
        if present.as_deref() != Some(wanted.as_str()) {
            let map = ConfigMap {
                metadata: ObjectMeta { name: Some(NAME.to_owned()), labels: Some(labels()), ..ObjectMeta::default() },
                data: Some(BTreeMap::from([(HASH.to_owned(), wanted)])),
                ..ConfigMap::default()
            };
            maps.patch(NAME, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&map)).await?;
        }
        Ok(())
    }
}

async fn make(secrets: &Secrets) -> Result<Wiped, InstallError> {
    match secrets.create(&secret::first(&new_root()?)).await {
        Ok(made) => Ok(made),
        Err(error) if is_conflict(&error) => Ok(secrets.get(NAME).await?),
        Err(error) => Err(error.into()),
    }
}

fn new_root() -> Result<Root, InstallError> {
    let key = PrivateKey::generate(Algorithm::MlDsa44).map_err(|error| InstallError::Key(error.to_string()))?;
    Ok(Root::new(key))
}
