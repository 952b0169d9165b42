//! One pass of the publisher: keys first, then key sets, then what namespaces get.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crds::{EventBus, EventRule, InboxQueue, SigningKey};
use eventing::{config::ServicesConfig, time::Millis, types::BusId};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};

use super::{PublishError, Publisher};
use crate::{
    controllers::consent::permits,
    installation::{Installed, Root},
    keys::{KeyRecord, Line, UnixSeconds, grant, maintain, material, secret::BUS, store},
    publication::{
        desired::{self, Sources},
        documents::{Content, refresh},
        feeding,
        key_sets::key_sets,
        keys::{self, Owners},
        maps::{self, CONFIG_MAP, KEY_SET, Wanted},
        wake::Stores,
    },
};

impl Publisher {
    /// Reads what is seen and writes what differs.
    pub(super) async fn pass(&self, stores: &Stores, installed: &Installed, now: Millis) -> Result<(), PublishError> {
        let records: Vec<KeyRecord> = stores.keys.state().iter().filter_map(|secret| store::read(secret)).collect();
        let signing_keys = self.hub.signing_keys.store().state();
        let revoked = grant::revoked_by_bus(signing_keys.iter().map(AsRef::as_ref));
        self.keep_keys(&records, &signing_keys, &revoked).await?;

        let sets = key_sets(&records, &revoked);
        let mut written: BTreeMap<BusId, (Content, String)> = BTreeMap::new();
        for (bus, content) in sets {
            let text = self.publish_set(stores, &installed.root, &bus, &content, now).await?;
            written.insert(bus, (content, text));
        }
        self.remove_sets(stores, &written).await?;
        self.publish_entries(stores, installed, &written, now).await
    }

    /// Grant keys, and keys whose SigningKey is gone. What is made here is seen in the next pass.
    async fn keep_keys(
        &self,
        records: &[KeyRecord],
        signing_keys: &[Arc<SigningKey>],
        revoked: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<(), PublishError> {
        let buses = self.hub.buses.store().state();
        let staying = buses.iter().filter(|bus| bus.metadata.deletion_timestamp.is_none());
        let owners = Owners {
            buses: staying.filter_map(|bus| BusId::new(&bus.namespace()?, &bus.name_any()).ok()).collect(),
            signing_keys: signing_keys.iter().filter_map(|key| line(key)).collect(),
            revoked: revoked.clone(),
        };
        for plan in keys::plan(&owners, records, self.settings.keep, UnixSeconds::now())? {
            for change in maintain::apply(&self.store, &plan.line, &plan.keys, &plan.actions).await? {
                tracing::info!(bus = %plan.line.bus(), change, "keys");
            }
        }
        Ok(())
    }

    async fn publish_set(
        &self,
        stores: &Stores,
        root: &Root,
        bus: &BusId,
        content: &Content,
        now: Millis,
    ) -> Result<String, PublishError> {
        let (namespace, name) = (self.settings.key_namespace.clone(), set_name(bus));
        let present = stores.sets.get(&ObjectRef::new(&name).within(&namespace));
        let text = self.refreshed(content, present.as_deref(), KEY_SET, &namespace, root, now)?;
        let annotations = BTreeMap::from([(BUS.to_owned(), bus.to_string())]);
        let data = BTreeMap::from([(KEY_SET.to_owned(), text.clone())]);
        self.write(&Wanted { namespace, name, annotations, data }, present.as_deref()).await?;
        Ok(text)
    }

    async fn remove_sets(
        &self,
        stores: &Stores,
        written: &BTreeMap<BusId, (Content, String)>,
    ) -> Result<(), PublishError> {
        let wanted: BTreeSet<String> = written.keys().map(set_name).collect();
        for map in stores.sets.state() {
            let name = map.name_any();
            if name.starts_with("keyset-") && !wanted.contains(&name) {
                self.remove(&map).await?;
            }
        }
        Ok(())
    }

    async fn publish_entries(
        &self,
        stores: &Stores,
        installed: &Installed,
        written: &BTreeMap<BusId, (Content, String)>,
        now: Millis,
    ) -> Result<(), PublishError> {
        let services = ServicesConfig {
            signature_service: self.settings.signature_service.clone(),
            journal: self.settings.journal.clone(),
            ca: installed.authorities.clone(),
        };
        let (buses, inboxes, rules) =
            (self.hub.buses.store().state(), self.hub.inboxes.store().state(), self.hub.rules.store().state());
        let sets = written.iter().map(|(bus, (content, _))| (bus.clone(), content.clone())).collect();
        let fed: Vec<_> = inboxes.iter().map(|inbox| (inbox.as_ref(), self.feeding(inbox, &rules))).collect();
        let all: Vec<&EventBus> = buses.iter().map(AsRef::as_ref).collect();
        let from = Sources {
            installation: &self.installation,
            services: &services,
            buses: &all,
            inboxes: &fed,
            key_sets: &sets,
        };
        let mut desired = desired::entries(&from);
        desired.retain(|namespace, _| !self.is_away(namespace));
        for (namespace, entries) in &desired {
            let present = stores.maps.get(&ObjectRef::new(CONFIG_MAP).within(namespace));
            let mut data = BTreeMap::new();
            for (key, content) in entries {
                // A set has the same bytes wherever it stands.
                let text = match content {
                    Content::KeySet { bus, .. } => written.get(bus).map(|(_, text)| text.clone()).unwrap_or_default(),
                    _ => self.refreshed(content, present.as_deref(), key, namespace, &installed.root, now)?,
                };
                data.insert(key.clone(), text);
            }
            let (namespace, name) = (namespace.clone(), CONFIG_MAP.to_owned());
            self.write(&Wanted { namespace, name, annotations: BTreeMap::new(), data }, present.as_deref()).await?;
        }
        for map in stores.maps.state() {
            let namespace = map.namespace().unwrap_or_default();
            if maps::is_ours(&map) && !desired.contains_key(&namespace) && !self.is_away(&namespace) {
                self.remove(&map).await?;
            }
        }
        Ok(())
    }

    /// The text that should stand: what does, or the content signed anew.
    fn refreshed(
        &self,
        content: &Content,
        present: Option<&ConfigMap>,
        key: &str,
        namespace: &str,
        root: &Root,
        now: Millis,
    ) -> Result<String, PublishError> {
        let text = present.and_then(|map| map.data.as_ref()).and_then(|data| data.get(key)).map(String::as_str);
        let signed = refresh(content, text, root, self.settings.lifetime, now).map_err(|source| {
            let (namespace, key) = (namespace.to_owned(), key.to_owned());
            PublishError::Sign { namespace, key, source }
        })?;
        Ok(signed.or_else(|| text.map(str::to_owned)).unwrap_or_default())
    }

    async fn write(&self, wanted: &Wanted, present: Option<&ConfigMap>) -> Result<(), PublishError> {
        if wanted.stands(present) {
            return Ok(());
        }
        let (namespace, name) = (wanted.namespace.clone(), wanted.name.clone());
        match wanted.write(&self.client).await {
            Ok(true) => tracing::info!(namespace, name, entries = wanted.data.len(), "signed documents written"),
            Ok(false) => tracing::debug!(namespace, name, "its namespace is not there"),
            Err(source) => return Err(PublishError::Map { namespace, name, source }),
        }
        Ok(())
    }

    async fn remove(&self, map: &ConfigMap) -> Result<(), PublishError> {
        let (namespace, name) = (map.namespace().unwrap_or_default(), map.name_any());
        maps::remove(&self.client, map).await.map_err(|source| PublishError::Map {
            namespace: namespace.clone(),
            name: name.clone(),
            source,
        })?;
        tracing::info!(namespace, name, "signed documents removed: nothing needs them");
        Ok(())
    }

    fn feeding(&self, inbox: &InboxQueue, rules: &[Arc<EventRule>]) -> BTreeSet<BusId> {
        let namespace = inbox.namespace().unwrap_or_default();
        let may_attach = |bus: &BusId, from: &str| {
            let found = self.hub.buses.get(bus.namespace(), bus.name());
            found.is_some_and(|found| permits(&self.hub, &found.spec.allowed_namespaces, bus.namespace(), from))
        };
        let may_target = |from: &str| permits(&self.hub, &inbox.spec.allowed_namespaces, &namespace, from);
        feeding::buses(inbox, rules.iter().map(AsRef::as_ref), may_attach, may_target)
    }

    /// Whether the namespace does not exist or is going away: nothing is made there.
    fn is_away(&self, namespace: &str) -> bool {
        let exists = self.hub.namespaces.store().get(&ObjectRef::new(namespace)).is_some();
        !exists || self.hub.is_terminating(namespace)
    }
}

/// The name of a bus's key set in the key namespace.
pub fn set_name(bus: &BusId) -> String {
    format!("keyset-{}", material::hash16(&bus.to_string()))
}

fn line(key: &SigningKey) -> Option<Line> {
    let bus = BusId::new(&key.namespace()?, &key.spec.bus_ref.name).ok()?;
    Some(Line::Signing { bus, name: key.name_any() })
}
