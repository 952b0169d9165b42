//! The ConfigMaps that publication writes: watched, and written by server-side apply.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, Preconditions},
};

use crate::runner::FIELD_MANAGER;

/// The ConfigMap of a namespace.
pub const CONFIG_MAP: &str = "qsl-eventing";
/// The key of a key set in its ConfigMap.
pub const KEY_SET: &str = "keyset";

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const OURS: &str = "qsl-eventing";

/// The selector of our ConfigMaps.
pub fn selector() -> String {
    format!("{MANAGED_BY}={OURS}")
}

/// What a ConfigMap is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its data.
    pub data: BTreeMap<String, String>,
}

impl Wanted {
    /// Whether it stands so already.
    pub fn stands(&self, present: Option<&ConfigMap>) -> bool {
        let Some(present) = present else { return false };
        let notes = present.metadata.annotations.as_ref();
        let noted = self.annotations.iter().all(|(key, value)| notes.and_then(|notes| notes.get(key)) == Some(value));
        noted && is_ours(present) && present.data.as_ref().is_some_and(|data| *data == self.data)
    }

    /// Writes it. `false`: its namespace is gone or going, and nothing is made there.
    pub async fn write(&self, client: &Client) -> Result<bool, kube::Error> {
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                annotations: (!self.annotations.is_empty()).then(|| self.annotations.clone()),
                labels: Some(BTreeMap::from([(MANAGED_BY.to_owned(), OURS.to_owned())])),
                ..ObjectMeta::default()
            },
            data: Some(self.data.clone()),
            ..ConfigMap::default()
        };
        let api: Api<ConfigMap> = Api::namespaced(client.clone(), &self.namespace);
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        match api.patch(&self.name, &parameters, &Patch::Apply(&map)).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            Err(kube::Error::Api(status)) if status.code == 403 && status.message.contains("being terminated") => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Which entries stand in the namespaces' ConfigMaps.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Published(HashMap<String, BTreeSet<String>>);

impl Published {
    /// Those of these ConfigMaps.
    pub fn of(maps: &[Arc<ConfigMap>]) -> Self {
        let ours = maps.iter().filter(|map| is_ours(map));
        let keys = |map: &ConfigMap| map.data.iter().flatten().map(|(key, _)| key.clone()).collect();
        Self(ours.map(|map| (map.metadata.namespace.clone().unwrap_or_default(), keys(map))).collect())
    }

    /// Whether an entry of that key stands in the namespace.
    pub fn has(&self, namespace: &str, key: &str) -> bool {
        self.0.get(namespace).is_some_and(|keys| keys.contains(key))
    }
}

/// Whether the ConfigMap carries our mark. One that does not is not deleted.
pub fn is_ours(map: &ConfigMap) -> bool {
    map.metadata.labels.as_ref().and_then(|labels| labels.get(MANAGED_BY)).is_some_and(|value| value == OURS)
}

/// Removes a ConfigMap of ours that nothing wants any more.
pub async fn remove(client: &Client, map: &ConfigMap) -> Result<(), kube::Error> {
    let (Some(namespace), Some(name)) = (&map.metadata.namespace, &map.metadata.name) else { return Ok(()) };
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let same = Preconditions { uid: map.metadata.uid.clone(), resource_version: None };
    match api.delete(name, &DeleteParams { preconditions: Some(same), ..DeleteParams::default() }).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        Err(error) => Err(error),
    }
}
