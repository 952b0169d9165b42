//! One pass of the publisher: keys first, then key sets, then what namespaces get.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use crds::{EventBus, EventRule, InboxQueue, SigningKey};
use eventing::{config::ServicesConfig, time::Millis, types::BusId};
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::{Resource as _, ResourceExt as _, runtime::reflector::ObjectRef};

use super::{PublishError, Publisher};
use crate::{
    installation::Installed,
    keys::{
        KeyChange, KeyRecord, Line, UnixSeconds,
        change::What,
        grant, maintain, material,
        secret::BUS,
        store::{self, Keys as _, Written},
        tell::tell,
    },
    publication::{
        desired::{self, Sources},
        documents::{self, Content, Document, refresh},
        feeding,
        holders::Holders,
        key_sets::{key_sets, surplus},
        keys::{self, Owners, samples},
        maps::{self, CONFIG_MAP, KEY_SET, Wanted},
        memory::{self, Memory},
        metrics::Snapshot,
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

        let mut expiries = Vec::new();
        let sets = key_sets(&records, &revoked);
        let mut written: BTreeMap<BusId, (Content, String)> = BTreeMap::new();
        for (bus, content) in sets {
            let document = self.publish_set(stores, installed, &bus, &content, now).await?;
            expiries.push(document.expires);
            written.insert(bus, (content, document.text));
        }
        self.remove_sets(stores, &written).await?;
        expiries.extend(self.publish_entries(stores, installed, &written, now).await?);
        let earliest_expiry = expiries.into_iter().min();
        let keys = samples(&records, &signing_keys, self.settings.keep, UnixSeconds(now.seconds()));
        self.metrics.set(Snapshot { earliest_expiry, keys });
        Ok(())
    }

    /// Grant keys, keys whose SigningKey is gone, and those that a set has no room for. What is made here is seen in
    /// the next pass.
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
            let changes = maintain::apply(&self.store, &plan.line, &plan.records, &plan.actions).await?;
            self.tell(plan.line.bus(), &changes).await;
        }
        for record in surplus(records, revoked) {
            if self.store.forget(record).await? == Written::Done {
                self.tell(record.line.bus(), &[record.changed(What::CrowdedOut)]).await;
            }
        }
        Ok(())
    }

    /// Says on the bus what was done to its keys.
    async fn tell(&self, bus: &BusId, changes: &[KeyChange]) {
        let found = self.hub.buses.get(bus.namespace(), bus.name());
        let gone = || ObjectReference {
            kind: Some("EventBus".to_owned()),
            namespace: Some(bus.namespace().to_owned()),
            name: Some(bus.name().to_owned()),
            ..ObjectReference::default()
        };
        let owner = found.map_or_else(gone, |bus| bus.object_ref(&()));
        tell(&self.events, &owner, &self.settings.key_namespace, changes).await;
    }

    async fn publish_set(
        &self,
        stores: &Stores,
        installed: &Installed,
        bus: &BusId,
        content: &Content,
        now: Millis,
    ) -> Result<Document, PublishError> {
        let (namespace, name) = (self.settings.key_namespace.clone(), set_name(bus));
        let present = stores.sets.get(&ObjectRef::new(&name).within(&namespace));
        // The same text stands in the namespaces of its inboxes: where this one was lost, those are not.
        let key = desired::bus_key("keyset", bus);
        let copies = stores.maps.state();
        let copies = copies.iter().filter_map(|map| text_of(Some(map.as_ref()), &key));
        let out = copies.filter_map(|text| documents::version(text, content, installed.signer())).max();
        let text = text_of(present.as_deref(), KEY_SET);
        let document = self.refreshed(content, text, out, (&namespace, &name), installed, now)?;
        let annotations = BTreeMap::from([(BUS.to_owned(), bus.to_string())]);
        let data = BTreeMap::from([(KEY_SET.to_owned(), document.text.clone())]);
        self.write(&Wanted { namespace, name, annotations, data }, present.as_deref()).await?;
        Ok(document)
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

    /// Writes what namespaces get; says when each document of it runs out.
    async fn publish_entries(
        &self,
        stores: &Stores,
        installed: &Installed,
        written: &BTreeMap<BusId, (Content, String)>,
        now: Millis,
    ) -> Result<Vec<i64>, PublishError> {
        let services = ServicesConfig {
            signature_service: self.settings.signature_service.clone(),
            journal: self.settings.journal.clone(),
            ca: installed.authorities.clone(),
        };
        let (buses, inboxes, rules) =
            (self.hub.buses.store().state(), self.hub.inboxes.store().state(), self.hub.rules.store().state());
        let sets = written.iter().map(|(bus, (content, _))| (bus.clone(), content.clone())).collect();
        let mut failed = Failed::default();
        let (of_buses, of_inboxes) = (buses.iter().map(AsRef::as_ref), inboxes.iter().map(AsRef::as_ref));
        let holders = Holders::among(&self.settings.tenancy, of_buses.clone(), of_inboxes);
        let mut fed = Vec::new();
        for inbox in inboxes.iter().filter(|inbox| holders.has_queues(inbox)) {
            match self.trusted(stores, installed, inbox, &rules, now).await {
                Ok(trusted) => fed.push((inbox.as_ref(), trusted)),
                Err(error) => failed.add(&inbox.namespace().unwrap_or_default(), error),
            }
        }
        let theirs: Vec<&EventBus> = of_buses.filter(|bus| holders.has_bus(bus)).collect();
        let from = Sources {
            installation: &self.installation,
            services: &services,
            buses: &theirs,
            inboxes: &fed,
            key_sets: &sets,
        };
        let mut expiries = Vec::new();
        let mut desired = desired::entries(&from);
        let settled = |namespace: &str| !self.is_away(namespace);
        desired.retain(|namespace, _| settled(namespace) && !failed.is(namespace));
        for (namespace, entries) in &desired {
            match self.publish_namespace(stores, installed, written, (namespace, entries), now).await {
                Ok(of_its_documents) => expiries.extend(of_its_documents),
                Err(error) => failed.add(namespace, error),
            }
        }
        for map in stores.maps.state() {
            let namespace = map.namespace().unwrap_or_default();
            let wanted = desired.contains_key(&namespace) || failed.is(&namespace);
            if maps::is_ours(&map) && !wanted && settled(&namespace) {
                self.remove(&map).await.unwrap_or_else(|error| failed.add(&namespace, error));
            }
        }
        failed.or(expiries)
    }

    /// Writes what one namespace gets; says when each document of it runs out.
    async fn publish_namespace(
        &self,
        stores: &Stores,
        installed: &Installed,
        written: &BTreeMap<BusId, (Content, String)>,
        (namespace, entries): (&str, &BTreeMap<String, Content>),
        now: Millis,
    ) -> Result<Vec<i64>, PublishError> {
        let present = stores.maps.get(&ObjectRef::new(CONFIG_MAP).within(namespace));
        let mut expiries = Vec::new();
        let mut data = BTreeMap::new();
        for (key, content) in entries {
            // A set has the same bytes wherever it stands.
            let text = match content {
                Content::KeySet { bus, .. } => written.get(bus).map(|(_, text)| text.clone()).unwrap_or_default(),
                Content::Inbox { .. } | Content::Bus { .. } => {
                    let text = text_of(present.as_deref(), key);
                    let document = self.refreshed(content, text, None, (namespace, key), installed, now)?;
                    expiries.push(document.expires);
                    document.text
                }
            };
            data.insert(key.clone(), text);
        }
        let (namespace, name) = (namespace.to_owned(), CONFIG_MAP.to_owned());
        self.write(&Wanted { namespace, name, annotations: BTreeMap::new(), data }, present.as_deref()).await?;
        Ok(expiries)
    }

    /// The buses whose keys an inbox trusts: those that feed it, and those that did while messages of theirs may be in
    /// its queues. What is remembered is written down before pods are told.
    async fn trusted(
        &self,
        stores: &Stores,
        installed: &Installed,
        inbox: &InboxQueue,
        rules: &[Arc<EventRule>],
        now: Millis,
    ) -> Result<BTreeSet<BusId>, PublishError> {
        let (namespace, name) = (inbox.namespace().unwrap_or_default(), inbox.name_any());
        let feeding = feeding::now(&self.hub, inbox, rules);
        let map = stores.maps.get(&ObjectRef::new(CONFIG_MAP).within(&namespace));
        let text = text_of(map.as_deref(), &desired::inbox_key(&name));
        let listed = text.map(|text| documents::listed_buses(text, installed.signer())).unwrap_or_default();
        let before = Memory::of(inbox);
        let next = before.next(&listed, &feeding, UnixSeconds(now.seconds()), memory::keep(inbox));
        if next != before && inbox.metadata.deletion_timestamp.is_none() {
            let failed = |source| PublishError::Memory { namespace, name, source };
            next.write(&self.client, inbox).await.map_err(failed)?;
        }
        Ok(next.with(&feeding))
    }

    /// The document that should stand at `place` (namespace and name there): what does, or the content signed anew.
    /// `out` is the highest version of it that is known to be out elsewhere.
    fn refreshed(
        &self,
        content: &Content,
        text: Option<&str>,
        out: Option<u64>,
        place: (&str, &str),
        installed: &Installed,
        now: Millis,
    ) -> Result<Document, PublishError> {
        let (namespace, name) = place;
        let key = format!("{namespace}/{name}");
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let last = given.get(&key).copied().max(out);
        let document =
            refresh(content, text, last, installed.signer(), self.settings.lifetime, now).map_err(|source| {
                let (namespace, key) = (namespace.to_owned(), name.to_owned());
                PublishError::Sign { namespace, key, source }
            })?;
        given.insert(key, document.version);
        Ok(document)
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

    /// Whether the namespace does not exist or is going away: nothing is made there.
    fn is_away(&self, namespace: &str) -> bool {
        let exists = self.hub.namespaces.store().get(&ObjectRef::new(namespace)).is_some();
        !exists || self.hub.is_terminating(namespace)
    }
}

/// Namespaces that could not be served: what they have stays as it is, and the others do not wait for them, so that no
/// tenant's quota or admission keeps keys from another.
#[derive(Default)]
struct Failed {
    namespaces: BTreeSet<String>,
    first: Option<PublishError>,
}

impl Failed {
    fn add(&mut self, namespace: &str, error: PublishError) {
        tracing::warn!(namespace, %error, "a namespace is not served");
        self.namespaces.insert(namespace.to_owned());
        self.first.get_or_insert(error);
    }

    fn is(&self, namespace: &str) -> bool {
        self.namespaces.contains(namespace)
    }

    fn or<T>(self, outcome: T) -> Result<T, PublishError> {
        self.first.map_or(Ok(outcome), Err)
    }
}

/// The name of a bus's key set in the key namespace.
pub fn set_name(bus: &BusId) -> String {
    format!("keyset-{}", material::hash16(&bus.to_string()))
}

/// The text of a ConfigMap under that key.
fn text_of<'a>(map: Option<&'a ConfigMap>, key: &str) -> Option<&'a str> {
    map?.data.as_ref()?.get(key).map(String::as_str)
}

fn line(key: &SigningKey) -> Option<Line> {
    let bus = BusId::new(&key.namespace()?, &key.spec.bus_ref.name).ok()?;
    Some(Line::Signing { bus, name: key.name_any() })
}
