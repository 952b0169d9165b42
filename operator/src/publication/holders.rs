//! Which of several objects that claim one name in AWS has it: what the root signs of a queue or a bus, it signs for that
//! one alone. A grant goes by an inbox's signed entry, so an entry for another's queue would be a key to it.
//!
//! The webhook lets the second object not be made, and where it was away, AWS's marks let it do nothing. Here neither can
//! be asked, and a status is whoever's may write it. So, as for two keys of one source: the name is the older's, of two
//! of one second the first's by name; and an object that may not have the name (`tenancy`) never has it before one that
//! may. One that is being deleted has its names until it is gone. Pure.

use std::collections::HashMap;

use crds::{EventBus, Eventing, InboxQueue};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use operator_core::{Tenancy, names::QueueName};

use crate::controllers::world::queues;

/// What of two claims comes first, the better one: whether it is not granted, its age, whose it is.
type Rank = (bool, Option<Time>, String, String);

/// Who has the names of buses and queues.
#[derive(Debug)]
pub struct Holders<'a> {
    tenancy: &'a Tenancy,
    buses: HashMap<String, Rank>,
    queues: HashMap<QueueName, Rank>,
}

impl<'a> Holders<'a> {
    /// Among all objects that there are.
    pub fn among<'o>(
        tenancy: &'a Tenancy,
        buses: impl IntoIterator<Item = &'o EventBus>,
        inboxes: impl IntoIterator<Item = &'o InboxQueue>,
    ) -> Self {
        let mut holders = Self { tenancy, buses: HashMap::new(), queues: HashMap::new() };
        for bus in buses {
            let rank = holders.rank(bus, &bus.spec.bus_name);
            claim(&mut holders.buses, bus.spec.bus_name.clone(), rank);
        }
        for inbox in inboxes {
            let rank = holders.rank(inbox, &inbox.spec.queue_name);
            for queue in queues(inbox) {
                claim(&mut holders.queues, queue, rank.clone());
            }
        }
        holders
    }

    /// Whether the bus in AWS that it names is this object's.
    pub fn has_bus(&self, bus: &EventBus) -> bool {
        self.buses.get(&bus.spec.bus_name) == Some(&self.rank(bus, &bus.spec.bus_name))
    }

    /// Whether all queues of the inbox are this object's.
    pub fn has_queues(&self, inbox: &InboxQueue) -> bool {
        let rank = self.rank(inbox, &inbox.spec.queue_name);
        queues(inbox).iter().all(|queue| self.queues.get(queue) == Some(&rank))
    }

    fn rank<K: Eventing>(&self, object: &K, name: &str) -> Rank {
        let namespace = object.namespace().unwrap_or_default();
        let granted = self.tenancy.name(&namespace, name).is_ok();
        (!granted, object.creation_timestamp(), namespace, object.name_any())
    }
}

fn claim<N: std::hash::Hash + Eq>(holders: &mut HashMap<N, Rank>, name: N, rank: Rank) {
    let best = holders.entry(name).or_insert_with(|| rank.clone());
    if rank < *best {
        *best = rank;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::controllers::tests::{at, object};

    fn bus(namespace: &str, name: &str, created: i64) -> EventBus {
        let mut bus: EventBus = object("EventBus", namespace, "core", &json!({"busName": name}));
        bus.metadata.creation_timestamp = Some(at(created));
        bus
    }

    fn inbox(namespace: &str, queue: &str, created: i64) -> InboxQueue {
        let mut inbox: InboxQueue = object("InboxQueue", namespace, "stock", &json!({"queueName": queue}));
        inbox.metadata.creation_timestamp = Some(at(created));
        inbox
    }

    /// The namespaces whose bus has its name.
    fn have(tenancy: &Tenancy, buses: &[EventBus]) -> Vec<String> {
        let holders = Holders::among(tenancy, buses, []);
        buses.iter().filter(|bus| holders.has_bus(bus)).filter_map(ResourceExt::namespace).collect()
    }

    #[test]
    fn the_older_has_the_name_and_of_one_second_the_first() {
        let free = Tenancy::default();
        assert_eq!(have(&free, &[bus("a", "one", 2), bus("b", "one", 1)]), ["b"]);
        assert_eq!(have(&free, &[bus("b", "one", 1), bus("a", "one", 1)]), ["a"]);
        assert_eq!(have(&free, &[bus("a", "one", 2), bus("b", "two", 1)]), ["a", "b"]);
    }

    #[test]
    fn who_may_not_have_the_name_does_not_keep_it_from_who_may() {
        let granted = Tenancy::parse(r#"[{"namespaces": ["b"], "namePrefixes": ["one"]}]"#).unwrap();
        assert_eq!(have(&granted, &[bus("a", "one", 1), bus("b", "one", 2)]), ["b"]);
    }

    #[test]
    fn who_is_being_deleted_has_its_names_until_it_is_gone() {
        let mut going = bus("a", "one", 1);
        going.metadata.deletion_timestamp = Some(at(3));
        assert_eq!(have(&Tenancy::default(), &[going, bus("b", "one", 2)]), ["a"]);
    }

    #[test]
    fn an_inbox_has_all_of_its_queues_or_is_not_told_of() {
        let inboxes = [inbox("a", "stock", 1), inbox("b", "stock-dlq", 2), inbox("c", "goods", 3)];
        let free = Tenancy::default();
        let holders = Holders::among(&free, [], &inboxes);
        assert_eq!(inboxes.each_ref().map(|inbox| holders.has_queues(inbox)), [true, false, true]);
    }
}
