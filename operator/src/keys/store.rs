//! The Secrets of keys: read by bus, made by *create*, changed with the version they were read at.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams, Preconditions},
};

use super::{
    KeyRecord, Line,
    material::{NewMaterial, NotMade, hash16},
    plan::{KeyUpdate, NewKey},
    secret::{self, BUS_HASH},
};

/// The key namespace could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The API server refused or was away.
    #[error("the key namespace: {0}")]
    Kubernetes(#[from] kube::Error),
    /// No key could be made.
    #[error(transparent)]
    Material(#[from] NotMade),
}

/// The key namespace.
#[derive(Clone)]
pub struct KeyStore {
    secrets: Api<Secret>,
    namespace: String,
}

impl KeyStore {
    /// The Secrets of `namespace`.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self { secrets: Api::namespaced(client, namespace), namespace: namespace.to_owned() }
    }

    /// The keys of one line. A Secret that is none is left out, and said.
    pub async fn list(&self, line: &Line) -> Result<Vec<KeyRecord>, StoreError> {
        let selector = ListParams::default().labels(&format!("{BUS_HASH}={}", hash16(&line.bus().to_string())));
        let found = self.secrets.list(&selector).await?;
        Ok(found.items.iter().filter_map(read).filter(|record| record.line == *line).collect())
    }

    /// Makes a key. `false`: another one has its name, made by somebody who was faster.
    pub async fn create(&self, line: &Line, new: &NewKey, material: &NewMaterial) -> Result<bool, StoreError> {
        let secret = secret::new_secret(&self.namespace, line, new, material);
        match self.secrets.create(&PostParams::default(), &secret).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a key. Nothing where it is gone; a change in between is an error, and tried again.
    pub async fn update(&self, line: &Line, update: &KeyUpdate) -> Result<(), StoreError> {
        let name = line.secret_name(update.number);
        let Some(mut secret) = self.secrets.get_opt(&name).await? else { return Ok(()) };
        let Some(record) = read(&secret) else { return Ok(()) };
        secret::update_secret(&mut secret, &record, update);
        self.secrets.replace(&name, &PostParams::default(), &secret).await?;
        Ok(())
    }

    /// Removes a key.
    pub async fn forget(&self, line: &Line, number: u32) -> Result<(), StoreError> {
        let name = line.secret_name(number);
        let Some(found) = self.secrets.get_opt(&name).await? else { return Ok(()) };
        let same = Preconditions { uid: found.metadata.uid, resource_version: found.metadata.resource_version };
        let parameters = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
        match self.secrets.delete(&name, &parameters).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads a Secret; one that is no key is said once a pass, by its name alone.
pub fn read(secret: &Secret) -> Option<KeyRecord> {
    secret::read_secret(secret)
        .inspect_err(|error| tracing::warn!(%error, "a Secret of the key namespace is left out"))
        .ok()
}

/// The lines that records are of.
pub fn lines<'a>(records: impl IntoIterator<Item = &'a KeyRecord>) -> BTreeSet<Line> {
    records.into_iter().map(|record| record.line.clone()).collect()
}
