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
