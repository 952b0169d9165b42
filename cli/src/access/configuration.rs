//! What the root signed for a namespace: its inboxes, its buses, the key sets. Read as the kubeconfig's user from ConfigMap
//! `qsl-eventing`, opened as a pod opens it, with the hash of ConfigMap `qsl-root`.

use std::collections::BTreeMap;

use eventing::config::{BusConfig, ConfigError, EVENT_BUS, INBOX_QUEUE, InboxConfig, ServicesConfig, open_config};
use eventing::keyset::KeyRing;
use eventing::root::RootHashes;
use eventing::time::Millis;
use eventing::types::BusId;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use serde::de::DeserializeOwned;

use super::Access;
use crate::cluster::failed;
use crate::failure::Failure;

/// The ConfigMap of each namespace.
const CONFIG_MAP: &str = "qsl-eventing";
/// The ConfigMap of the root's hashes, and its key.
const ROOT: (&str, &str) = ("qsl-root", "root.sha256");

/// The signed configuration of one namespace.
#[derive(Debug)]
pub struct Configuration {
    namespace: String,
    entries: BTreeMap<String, String>,
    roots: RootHashes,
    now: Millis,
}

impl Configuration {
    /// Reads what there is for `namespace`.
    pub async fn read(access: &Access, namespace: &str) -> Result<Self, Failure> {
        let (map, key) = ROOT;
        let release = &access.release_namespace;
        let root = get(access, release, map).await?;
        let hashes = root.get(key).and_then(|text| text.parse().ok());
        let roots = hashes.ok_or_else(|| {
            Failure::Usage(format!("ConfigMap {map} of namespace {release} has no root hash under {key}: is that the release's namespace (--release-namespace)?"))
        })?;
        let entries = get(access, namespace, CONFIG_MAP).await?;
        Ok(Self { namespace: namespace.to_owned(), entries, roots, now: Millis::now() })
    }

    /// An inbox, as its consumers know it.
    pub fn inbox(&self, name: &str) -> Result<InboxConfig, Failure> {
        self.open(INBOX_QUEUE, name, &format!("inbox_{name}"))
    }

    /// Where our services are, as any inbox of the namespace knows it.
    pub fn services(&self) -> Result<ServicesConfig, Failure> {
        let inbox = self.entries.keys().find_map(|key| key.strip_prefix("inbox_"));
        let inbox = inbox.ok_or_else(|| {
            Failure::Usage(format!(
                "ConfigMap {CONFIG_MAP} of namespace {} has no inbox, so it does not say where the journal is: the operator \
                 writes it once the journal's InboxQueue is there and Ready",
                self.namespace
            ))
        })?;
        Ok(self.inbox(inbox)?.services)
    }

    /// A bus, as publishers of this namespace know it.
    pub fn bus(&self, bus: &BusId) -> Result<BusConfig, Failure> {
        self.open(EVENT_BUS, &bus.to_string(), &format!("bus_{}_{}", bus.namespace(), bus.name()))
    }

    /// The keys of these buses, all of them usable.
    pub fn keys(&self, buses: &[BusId]) -> Result<KeyRing, Failure> {
        let mut ring = KeyRing::new(buses.iter().cloned());
        for bus in buses {
            let key = format!("keyset_{}_{}", bus.namespace(), bus.name());
            let signed = self.entries.get(&key).ok_or_else(|| self.missing(&key))?;
            ring.offer(bus, signed, &self.roots, self.now).map_err(|error| {
                Failure::Usage(format!(
                    "the keys of EventBus {bus} in ConfigMap {CONFIG_MAP} of namespace {} are not taken: {error}",
                    self.namespace
                ))
            })?;
        }
        ring.usable(self.now).map_err(|why| Failure::Usage(format!("nothing can be verified: {why}")))?;
        Ok(ring)
    }

    fn open<C: DeserializeOwned>(&self, kind: &str, name: &str, key: &str) -> Result<C, Failure> {
        let signed = self.entries.get(key).ok_or_else(|| self.missing(key))?;
        let opened = open_config(signed, &self.roots, &self.namespace, kind, name, self.now, None);
        opened.map(|document| document.config).map_err(|error| {
            let hint = match error {
                ConfigError::Expired => "; the operator renews it: is it running, and is your clock right?",
                ConfigError::RootUnknown => "; it is of another release (--release-namespace)",
                _ => "",
            };
            Failure::Usage(format!(
                "{key} of ConfigMap {CONFIG_MAP} in namespace {} is not taken: {error}{hint}",
                self.namespace
            ))
        })
    }

    fn missing(&self, key: &str) -> Failure {
        Failure::Usage(format!(
            "ConfigMap {CONFIG_MAP} of namespace {} has no {key}: the operator writes it once the object is there and \
             Ready",
            self.namespace
        ))
    }
}

async fn get(access: &Access, namespace: &str, name: &str) -> Result<BTreeMap<String, String>, Failure> {
    let api: Api<ConfigMap> = Api::namespaced(access.cluster.client.clone(), namespace);
    let map = api.get(name).await.map_err(failed(format!("read ConfigMap {name} of namespace {namespace}")))?;
    Ok(map.data.unwrap_or_default())
}
