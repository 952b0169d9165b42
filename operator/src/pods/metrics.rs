//! What the last round found, as it stood then.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Registry,
};

use super::waits::Reason;

/// How many pods want something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Annotated, and without a sidecar.
    pub missed: i64,
    /// Whose sidecars wait, by what for.
    pub waiting: BTreeMap<Reason, i64>,
}

/// Metrics of pods. A replica that goes no rounds shows none.
#[derive(Clone, Debug, Default)]
pub struct PodMetrics(Arc<Mutex<Option<Counts>>>);

impl PodMetrics {
    /// Metrics, shown in `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// What a round found; nothing when there are no rounds any more.
    pub fn set(&self, counts: Option<Counts>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

impl Collector for PodMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(Counts { missed, waiting }) = found else { return Ok(()) };
        let help = "Pods whose annotation asks for a sidecar and that have none";
        let missed_pods = encoder.encode_descriptor("missed_pods", help, None, MetricType::Gauge)?;
        ConstGauge::new(missed).encode(missed_pods)?;
        let help = "Pods whose sidecar waits, by what it waits for";
        let mut waiting_pods = encoder.encode_descriptor("waiting_pods", help, None, MetricType::Gauge)?;
        for reason in Reason::ALL {
            let count = waiting.get(&reason).copied().unwrap_or(0);
            ConstGauge::new(count).encode(waiting_pods.encode_family(&[("reason", reason.as_str())])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_round_shows_what_it_found_and_who_goes_none_shows_nothing() {
        let mut registry = Registry::with_prefix("qsl_operator");
        let metrics = PodMetrics::new(&mut registry);
        let shown = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(shown(), [""; 0]);
        metrics.set(Some(Counts { missed: 2, waiting: BTreeMap::from([(Reason::NotGranted, 3)]) }));
        let expected = [
            "qsl_operator_missed_pods 2",
            r#"qsl_operator_waiting_pods{reason="InboxNotFound"} 0"#,
            r#"qsl_operator_waiting_pods{reason="BusNotFound"} 0"#,
            r#"qsl_operator_waiting_pods{reason="NotGranted"} 3"#,
            r#"qsl_operator_waiting_pods{reason="RoleNotReady"} 0"#,
            r#"qsl_operator_waiting_pods{reason="NotPublished"} 0"#,
        ];
        assert_eq!(shown(), expected);
        metrics.set(None);
        assert_eq!(shown(), [""; 0]);
    }
}
