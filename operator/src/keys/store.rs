//! The Secrets of keys: read by bus, made by *create*, changed only as long as they are what was read.

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Client,
    api::{DeleteParams, Preconditions},
};

use super::{
    KeyRecord, Line,
    material::{NewMaterial, NotMade, hash16},
    plan::{KeyUpdate, NewKey},
    secret::{self, BUS_HASH},
};
use crate::secrets::{Secrets, Wiped};
use eventing::types::BusId;

/// The key namespace could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The API server refused or was away.
    #[error("the key namespace: {0}")]
    Kubernetes(#[from] kube::Error),
    /// No key could be made.
    #[error(transparent)]
    Material(#[from] NotMade),
    /// Somebody else works on the same keys; what they leave is looked at again.
    #[error("the keys of bus {0} change under our hands (another replica at work?)")]
    Contended(BusId),
}

/// What a change of a key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was made.
    Done,
    /// The key is not what the change was decided by: nothing was changed.
    Stale,
}

/// The keys of all buses, wherever they are kept.
pub trait Keys: Send + Sync {
    /// All keys of a bus, of every line. What is no key is left out.
    fn list(&self, bus: &BusId) -> impl Future<Output = Result<Vec<KeyRecord>, StoreError>> + Send;

    /// Makes a key. `Stale`: another one has its name, made by somebody who was faster.
    fn create(
        &self,
        line: &Line,
        new: &NewKey,
        material: &NewMaterial,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send;

    /// Changes a key that is still what `record` says.
    fn update(
        &self,
        record: &KeyRecord,
        update: &KeyUpdate,
    ) -> impl Future<Output = Result<Written, StoreError>> + Send;

    /// Removes a key that is still what `record` says. `Stale`: it is not, or somebody else removed it.
    fn forget(&self, record: &KeyRecord) -> impl Future<Output = Result<Written, StoreError>> + Send;
}

/// The key namespace.
#[derive(Clone)]
pub struct KeyStore {
    secrets: Secrets,
    namespace: String,
}

impl KeyStore {
    /// The Secrets of `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self { secrets: Secrets::new(client, namespace), namespace: namespace.to_owned() }
    }

    /// The Secret behind a record, as long as it is the one that was read.
    async fn unchanged(&self, record: &KeyRecord) -> Result<Option<Wiped>, StoreError> {
        let found = self.secrets.get_opt(&record.secret_name()).await?;
        Ok(found.filter(|secret| secret.metadata.resource_version.as_ref() == Some(&record.version)))
    }
}

impl Keys for KeyStore {
    async fn list(&self, bus: &BusId) -> Result<Vec<KeyRecord>, StoreError> {
        let found = self.secrets.list(&format!("{BUS_HASH}={}", hash16(&bus.to_string()))).await?;
        Ok(found.iter().filter_map(|secret| read(secret)).filter(|record| record.line.bus() == bus).collect())
    }

    async fn create(&self, line: &Line, new: &NewKey, material: &NewMaterial) -> Result<Written, StoreError> {
        let secret = secret::new_secret(&self.namespace, line, new, material);
        written(self.secrets.create(&secret).await.map(drop))
    }

    async fn update(&self, record: &KeyRecord, update: &KeyUpdate) -> Result<Written, StoreError> {
        let Some(mut secret) = self.unchanged(record).await? else { return Ok(Written::Stale) };
        secret::update_secret(&mut secret, record, update);
        // The version goes with it, so a change in between is a conflict.
        written(self.secrets.replace(&record.secret_name(), &secret).await.map(drop))
    }

    async fn forget(&self, record: &KeyRecord) -> Result<Written, StoreError> {
        let same = Preconditions { uid: None, resource_version: Some(record.version.clone()) };
        let parameters = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
        match self.secrets.delete(&record.secret_name(), &parameters).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Written::Stale),
            other => written(other),
        }
    }
}

fn written(answer: Result<(), kube::Error>) -> Result<Written, StoreError> {
    match answer {
        Ok(()) => Ok(Written::Done),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(Written::Stale),
        Err(error) => Err(error.into()),
    }
}

/// Reads a Secret; one that is no key is said once a pass, by its name alone.
pub fn read(secret: &Secret) -> Option<KeyRecord> {
    secret::read_secret(secret)
        .inspect_err(|error| tracing::warn!(%error, "a Secret of the key namespace is left out"))
        .ok()
}
