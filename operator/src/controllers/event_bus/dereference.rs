//! What a bus's alarms follow from beside its own spec: the rules on it, and the other buses with alarms.

use std::{collections::BTreeSet, sync::Arc};

use crds::{EventBus, EventRule, ManagementPolicy};
use kube::ResourceExt;
use operator_core::{Tenancy, arn::ActionArn, bus::SharedAlarm, names::RulePartName};

use crate::{
    controllers::{consent::permits, event_rule::names::parts},
    runner::Hub,
};

/// What was found.
#[derive(Clone, Debug, Default)]
pub(in crate::controllers) struct Referenced {
    /// The rules on the bus, all parts of them.
    pub rules: BTreeSet<RulePartName>,
    /// What becomes of the alarm that all buses share.
    pub shared_alarm: SharedAlarm,
}

/// Looks at the objects there are.
pub(super) fn dereference(hub: &Hub, tenancy: &Tenancy, object: &EventBus) -> Referenced {
    let rules = hub.rules.store().state_filter(|rule| is_on(rule, object));
    let own = object.namespace().unwrap_or_default();
    let permitted = rules.iter().filter(|rule| {
        let from = rule.namespace().unwrap_or_default();
        permits(hub, &object.spec.allowed_namespaces, &own, &from)
    });
    Referenced {
        rules: permitted.flat_map(|rule| parts(rule)).collect(),
        shared_alarm: shared_alarm(&hub.buses.store().state(), tenancy, object),
    }
}

/// Whether the rule names this bus.
pub(super) fn is_on(rule: &EventRule, bus: &EventBus) -> bool {
    let own = rule.namespace().unwrap_or_default();
    let bus_ref = &rule.spec.bus_ref;
    bus_ref.name == bus.name_any() && Some(bus_ref.namespace_or(&own)) == bus.metadata.namespace.as_deref()
}

/// What becomes of the shared alarm. Every bus with alarms keeps it, and all in the same way: with the actions of the
/// oldest of them. A bus that goes has none.
pub(super) fn shared_alarm(buses: &[Arc<EventBus>], tenancy: &Tenancy, object: &EventBus) -> SharedAlarm {
    let has_alarms = |bus: &EventBus| {
        let managed = bus.spec.management_policy == ManagementPolicy::Manage;
        managed && bus.spec.alarms.enabled && bus.metadata.deletion_timestamp.is_none()
    };
    let age = |bus: &EventBus| {
        let created = bus.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (created, bus.namespace(), bus.name_any())
    };
    let watching = buses.iter().filter(|bus| has_alarms(bus));
    let Some(oldest) = watching.min_by_key(|bus| age(bus)) else { return SharedAlarm::Unwanted };
    if !has_alarms(object) {
        return SharedAlarm::OfOthers;
    }
    let namespace = oldest.namespace().unwrap_or_default();
    // What cannot be called, or is not granted, is that bus's own to say.
    let actions = oldest.spec.alarms.actions.iter().filter(|arn| tenancy.arn(&namespace, arn).is_ok());
    SharedAlarm::Kept(actions.filter_map(|arn| ActionArn::parse(arn).ok()).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::tests::{at, object};

    fn bus(name: &str, created: i64, alarms: &Value) -> Arc<EventBus> {
        let mut bus: EventBus = object("EventBus", "desk", name, &json!({"busName": name, "alarms": alarms}));
        bus.metadata.creation_timestamp = Some(at(created));
        Arc::new(bus)
    }

    /// Every topic but `secret` may be named.
    fn granted() -> Tenancy {
        let arns = [topic("a"), topic("b")];
        Tenancy::parse(&json!([{"namespaces": ["desk"], "arns": arns}]).to_string()).unwrap()
    }

    fn topic(name: &str) -> String {
        format!("arn:aws:sns:eu-central-1:000000000000:{name}")
    }

    fn alarms(name: &str) -> Value {
        json!({"enabled": true, "actions": [topic(name)]})
    }

    #[test]
    fn every_bus_with_alarms_keeps_the_shared_one_with_the_actions_of_the_oldest() {
        let buses = [bus("young", 20, &alarms("b")), bus("old", 10, &alarms("a")), bus("silent", 1, &json!({}))];
        let [young, old, silent] = &buses;
        let expected = SharedAlarm::Kept(BTreeSet::from([topic("a").parse().unwrap()]));
        assert_eq!(shared_alarm(&buses, &granted(), young), expected);
        assert_eq!(shared_alarm(&buses, &granted(), old), expected);
        assert_eq!(shared_alarm(&buses, &granted(), silent), SharedAlarm::OfOthers);
    }

    #[test]
    fn an_action_that_the_oldest_is_not_granted_is_nobody_s() {
        let buses = [bus("young", 20, &alarms("b")), bus("old", 10, &alarms("secret"))];
        let [young, _] = &buses;
        assert_eq!(shared_alarm(&buses, &granted(), young), SharedAlarm::Kept(BTreeSet::new()));
    }

    #[test]
    fn the_last_bus_with_alarms_takes_the_shared_one_with_it() {
        let mut leaving = bus("old", 10, &alarms("a")).as_ref().clone();
        leaving.metadata.deletion_timestamp = Some(at(30));
        let leaving = Arc::new(leaving);
        let silent = bus("silent", 1, &json!({}));
        assert_eq!(shared_alarm(&[leaving.clone(), silent.clone()], &granted(), &leaving), SharedAlarm::Unwanted);
        assert_eq!(shared_alarm(std::slice::from_ref(&silent), &granted(), &silent), SharedAlarm::Unwanted);
        let young = bus("young", 20, &alarms("b"));
        assert_eq!(shared_alarm(&[leaving.clone(), young], &granted(), &leaving), SharedAlarm::OfOthers);
    }

    #[test]
    fn a_rule_is_on_the_bus_that_it_names() {
        let spec = json!({"busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.coin"]}});
        let rule: EventRule = object("EventRule", "desk", "coins", &spec);
        assert!(is_on(&rule, &bus("core", 1, &json!({}))));
        assert!(!is_on(&rule, &bus("cord", 1, &json!({}))));
    }
}
