//! What wakes a bus: itself; its rules, while it is being deleted or has alarms on them; and other buses, while it has
//! alarms, since they share one.

use crds::EventBus;
use futures::{Stream, StreamExt, stream};
use kube::runtime::reflector::ObjectRef;

use super::dereference::is_on;
use crate::{controllers::world::own_facts, runner::Hub};

pub(super) fn triggers(hub: &Hub) -> impl Stream<Item = ObjectRef<EventBus>> + Send + use<> {
    let buses = hub.buses.clone();
    let own = hub.buses.changes_of(own_facts).flat_map(move |change| {
        let changed = change.object();
        let own = ObjectRef::from_obj(changed.as_ref());
        let others = buses.store().state_filter(|bus| bus.spec.alarms.enabled);
        let others = others.iter().map(|bus| ObjectRef::from_obj(bus.as_ref())).filter(|bus| *bus != own);
        let woken: Vec<_> = others.chain([own.clone()]).collect();
        stream::iter(woken)
    });
    let buses = hub.buses.clone();
    let rules = hub.rules.changes_of(own_facts).flat_map(move |change| {
        let rule = change.object();
        let concerned =
            |bus: &EventBus| is_on(rule, bus) && (bus.metadata.deletion_timestamp.is_some() || bus.spec.alarms.enabled);
        let woken: Vec<_> =
            buses.store().state_filter(concerned).iter().map(|bus| ObjectRef::from_obj(bus.as_ref())).collect();
        stream::iter(woken)
    });
    stream::select(own, rules)
}
