//! Which buses feed an inbox: those of the rules that target it and may. Their keys are the ones the inbox trusts.

use std::{collections::BTreeSet, sync::Arc};

use crds::{EventRule, InboxQueue};
use eventing::types::BusId;
use kube::ResourceExt as _;

use super::memory::Memory;
use crate::{controllers::consent::permits, runner::Hub};

/// The buses that feed `inbox` as the objects in `hub` are.
pub fn now(hub: &Hub, inbox: &InboxQueue, rules: &[Arc<EventRule>]) -> BTreeSet<BusId> {
    let namespace = inbox.namespace().unwrap_or_default();
    let may_attach = |bus: &BusId, from: &str| {
        let found = hub.buses.get(bus.namespace(), bus.name());
        found.is_some_and(|found| permits(hub, &found.spec.allowed_namespaces, bus.namespace(), from))
    };
    let may_target = |from: &str| permits(hub, &inbox.spec.allowed_namespaces, &namespace, from);
    buses(inbox, rules.iter().map(AsRef::as_ref), may_attach, may_target)
}

/// The inboxes that `bus` feeds, or fed while messages of its may yet be there.
pub fn inboxes_of(hub: &Hub, bus: &BusId) -> Vec<Arc<InboxQueue>> {
    let rules = hub.rules.store().state();
    let is_fed = |inbox: &InboxQueue| now(hub, inbox, &rules).contains(bus) || Memory::of(inbox).knows(bus);
    hub.inboxes.store().state().into_iter().filter(|inbox| is_fed(inbox)).collect()
}

/// The buses that feed `inbox`. `may_attach` says whether a rule of that namespace may attach to that bus,
/// `may_target` whether it may target this inbox: a rule without consent brings no keys. A disabled rule counts, since
/// what it let in may still wait.
pub fn buses<'a>(
    inbox: &InboxQueue,
    rules: impl IntoIterator<Item = &'a EventRule>,
    may_attach: impl Fn(&BusId, &str) -> bool,
    may_target: impl Fn(&str) -> bool,
) -> BTreeSet<BusId> {
    let (namespace, name) = (inbox.namespace().unwrap_or_default(), inbox.name_any());
    let mut buses = BTreeSet::new();
    for rule in rules {
        let own = rule.namespace().unwrap_or_default();
        let targets = rule.spec.targets.iter().filter_map(|target| target.inbox_ref.as_ref());
        let feeds = targets.into_iter().any(|inbox| inbox.name == name && inbox.namespace_or(&own) == namespace);
        let Ok(bus) = BusId::new(rule.spec.bus_ref.namespace_or(&own), &rule.spec.bus_ref.name) else { continue };
        if feeds && may_target(&own) && may_attach(&bus, &own) {
            buses.insert(bus);
        }
    }
    buses
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn inbox() -> InboxQueue {
        let object = json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "InboxQueue",
            "metadata": {"name": "stock", "namespace": "warehouse"}, "spec": {"queueName": "stock-inbox"},
        });
        serde_json::from_value(object).unwrap()
    }

    fn rule(namespace: &str, bus: &str, inbox: &str) -> EventRule {
        let object = json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventRule",
            "metadata": {"name": "rule", "namespace": namespace},
            "spec": {
                "busRef": {"name": bus}, "eventPattern": {"source": ["qsl.stock"]}, "state": "Disabled",
                "targets": [{"inboxRef": {"name": inbox, "namespace": "warehouse"}}],
            },
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn rules_that_target_the_inbox_and_may_bring_their_bus() {
        let rules =
            [rule("platform", "one", "stock"), rule("platform", "two", "other"), rule("rogue", "three", "stock")];
        let fed = buses(&inbox(), &rules, |_, _| true, |from| from == "platform");
        assert_eq!(fed, BTreeSet::from(["platform/one".parse().unwrap()]));
        assert!(buses(&inbox(), &rules, |_, _| false, |_| true).is_empty());
    }
}
