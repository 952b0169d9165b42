//! Objects by kind and condition, counted from the stores when the metrics are asked for.

use std::collections::BTreeMap;

use crds::{Eventing, object::CommonStatus};
use kube::runtime::reflector::Store;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Registry,
};

use crate::runner::Hub;

/// The conditions that are counted: the ones that all kinds share. Others could be many.
const CONDITIONS: [&str; 5] = ["Ready", "Synced", "ReferencesResolved", "Terminal", "DeletionBlocked"];

/// Counts the objects in the stores. Every replica shows the same.
#[derive(Clone)]
pub struct Objects(Hub);

impl Objects {
    /// Shows the objects of `hub` in `registry`.
    pub fn register(hub: Hub, registry: &mut Registry) {
        registry.register_collector(Box::new(Self(hub)));
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Objects")
    }
}

/// kind, condition, its status → how many.
type Counts = BTreeMap<(&'static str, &'static str, &'static str), i64>;

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (mut conditions, mut all) = (Counts::new(), BTreeMap::new());
        count(self.0.buses.store(), &mut conditions, &mut all);
        count(self.0.rules.store(), &mut conditions, &mut all);
        count(self.0.inboxes.store(), &mut conditions, &mut all);
        count(self.0.signing_keys.store(), &mut conditions, &mut all);
        let mut family = encoder.encode_descriptor("objects", "Objects, by kind", None, MetricType::Gauge)?;
        for (kind, number) in all {
            gauge(family.encode_family(&[("kind", kind)])?, number)?;
        }
        let help = "Objects, by kind, condition and its status";
        let mut family = encoder.encode_descriptor("object_conditions", help, None, MetricType::Gauge)?;
        for ((kind, condition, status), number) in conditions {
            let labels = [("kind", kind), ("condition", condition), ("status", status)];
            gauge(family.encode_family(&labels)?, number)?;
        }
        Ok(())
    }
}

fn gauge(encoder: MetricEncoder<'_>, number: i64) -> Result<(), std::fmt::Error> {
    ConstGauge::new(number).encode(encoder)
}

fn count<K: Eventing>(store: &Store<K>, conditions: &mut Counts, all: &mut BTreeMap<&'static str, i64>) {
    all.insert(K::KIND, 0);
    for object in store.state() {
        *all.entry(K::KIND).or_default() += 1;
        for condition in object.status().map(CommonStatus::conditions).unwrap_or_default() {
            let Some(known) = CONDITIONS.into_iter().find(|known| *known == condition.type_) else { continue };
            let status = match condition.status.as_str() {
                "True" => "True",
                "False" => "False",
                _ => "Unknown",
            };
            *conditions.entry((K::KIND, known, status)).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crds::EventRule;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::controllers::tests::object;

    fn rule(name: &str, conditions: &[(&str, &str)]) -> EventRule {
        let spec = json!({"busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.coin"]}});
        let mut rule: EventRule = object("EventRule", "desk", name, &spec);
        let conditions = conditions.iter().map(|(type_, status)| {
            json!({"type": type_, "status": status, "reason": "Some", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"})
        });
        let status = json!({"conditions": conditions.collect::<Vec<_>>()});
        rule.status = Some(serde_json::from_value(status).unwrap());
        rule
    }

    #[test]
    fn objects_are_counted_by_kind_and_by_the_conditions_that_all_kinds_share() {
        let (hub, mut watches) = Hub::new();
        for rule in [
            rule("one", &[("Ready", "True"), ("Synced", "True")]),
            rule("two", &[("Ready", "False"), ("Terminal", "True"), ("WithinSkew", "False")]),
            rule("three", &[("Ready", "False"), ("Synced", "Perhaps")]),
        ] {
            watches.rules.apply_watcher_event(&Event::Apply(rule));
        }
        let mut registry = Registry::with_prefix("qsl_operator");
        Objects::register(hub, &mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            r#"qsl_operator_objects{kind="EventBus"} 0"#,
            r#"qsl_operator_objects{kind="EventRule"} 3"#,
            r#"qsl_operator_objects{kind="InboxQueue"} 0"#,
            r#"qsl_operator_objects{kind="SigningKey"} 0"#,
            r#"qsl_operator_object_conditions{kind="EventRule",condition="Ready",status="False"} 2"#,
            r#"qsl_operator_object_conditions{kind="EventRule",condition="Ready",status="True"} 1"#,
            r#"qsl_operator_object_conditions{kind="EventRule",condition="Synced",status="True"} 1"#,
            r#"qsl_operator_object_conditions{kind="EventRule",condition="Synced",status="Unknown"} 1"#,
            r#"qsl_operator_object_conditions{kind="EventRule",condition="Terminal",status="True"} 1"#,
        ];
        assert_eq!(lines, expected);
    }
}
