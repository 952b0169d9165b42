//! What should stand where, from all objects together: pure.

use std::collections::{BTreeMap, BTreeSet};

use crds::{EventBus, InboxQueue};
use eventing::{config::ServicesConfig, types::BusId};
use kube::ResourceExt as _;
use operator_core::Installation;

use super::{documents::Content, entries};

/// The entries of one ConfigMap, by their keys.
pub type Entries = BTreeMap<String, Content>;

/// What there is to publish.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The installation, for names and ARNs.
    pub installation: &'a Installation,
    /// Our services, as pods reach them.
    pub services: &'a ServicesConfig,
    /// The buses that have their names.
    pub buses: &'a [&'a EventBus],
    /// The inboxes that have their queues, each with the buses that feed it.
    pub inboxes: &'a [(&'a InboxQueue, BTreeSet<BusId>)],
    /// The key sets, by bus.
    pub key_sets: &'a BTreeMap<BusId, Content>,
}

/// The entries of ConfigMap `qsl-eventing` in each namespace that has some. An object whose spec has no configuration
/// is left out; its controller says why.
pub fn entries(from: &Sources<'_>) -> BTreeMap<String, Entries> {
    let Sources { installation, services, buses, inboxes, key_sets } = from;
    let mut namespaces: BTreeMap<String, Entries> = BTreeMap::new();
    for (inbox, feeding) in *inboxes {
        let (namespace, name) = (inbox.namespace().unwrap_or_default(), inbox.name_any());
        let Ok(config) = entries::inbox(installation, services, inbox, feeding.clone()) else { continue };
        let there = namespaces.entry(namespace.clone()).or_default();
        there.insert(inbox_key(&name), Content::Inbox { namespace, name, config: Box::new(config) });
        for bus in feeding {
            there.extend(key_sets.get(bus).map(|set| (bus_key("keyset", bus), set.clone())));
        }
    }
    for bus in *buses {
        let Ok(id) = BusId::new(&bus.namespace().unwrap_or_default(), &bus.name_any()) else { continue };
        for namespace in entries::publishing_namespaces(bus) {
            let Ok(config) = entries::bus(installation, services, bus, &namespace) else { continue };
            let there = namespaces.entry(namespace.clone()).or_default();
            there.insert(bus_key("bus", &id), Content::Bus { namespace, bus: id.clone(), config: Box::new(config) });
        }
    }
    namespaces
}

/// The key of an inbox's entry.
pub fn inbox_key(name: &str) -> String {
    format!("inbox_{name}")
}

/// The key of a bus's entry (`bus`) or key set (`keyset`).
pub fn bus_key(what: &str, bus: &BusId) -> String {
    format!("{what}_{}_{}", bus.namespace(), bus.name())
}

#[cfg(test)]
mod tests;
