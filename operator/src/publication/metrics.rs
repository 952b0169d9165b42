//! Metrics of keys and signed documents. What they say moves with the clock alone, so it is computed when asked for.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use crate::keys::UnixSeconds;

/// A line of keys as it stood at the last pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySample {
    /// The bus, `NAMESPACE/NAME`.
    pub bus: String,
    /// The SigningKey's name, or `grant`.
    pub key: String,
    /// From when the key that signs does so.
    pub since: UnixSeconds,
    /// When the next one takes over.
    pub next: Option<UnixSeconds>,
}

/// What the last pass saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When the first of all signed documents runs out, in seconds since 1970.
    pub earliest_expiry: Option<i64>,
    /// Each line of keys that signs.
    pub keys: Vec<KeySample>,
}

/// Metrics of keys and signed documents: seconds to the earliest expiry, and for each line of keys the age of the key
/// that signs and the seconds to the next rotation (negative when that is late).
#[derive(Clone, Debug, Default)]
pub struct SigningMetrics(Arc<Mutex<Snapshot>>);

impl SigningMetrics {
    /// Metrics, shown in `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// What a pass saw. A replica that does not publish sets nothing, and shows nothing.
    pub fn set(&self, snapshot: Snapshot) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    fn at(&self, mut encoder: DescriptorEncoder<'_>, now: UnixSeconds) -> fmt::Result {
        let Snapshot { earliest_expiry, keys } = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(expiry) = earliest_expiry {
            let help = "Time until the first signed key set or configuration runs out; consumers then stop receiving";
            let encoder =
                encoder.encode_descriptor("document_expiry", help, Some(&Unit::Seconds), MetricType::Gauge)?;
            ConstGauge::new(expiry.saturating_sub(now.0)).encode(encoder)?;
        }
        let ages = keys.iter().map(|sample| (sample, now.0.saturating_sub(sample.since.0)));
        let help = "How long the key that signs has done so";
        encode(&mut encoder, "key_age", help, ages)?;
        let next = keys.iter().filter_map(|sample| Some((sample, sample.next?.0.saturating_sub(now.0))));
        encode(&mut encoder, "key_rotation", "Time until the next key takes over; negative when it is late", next)
    }
}

fn encode<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    samples: impl Iterator<Item = (&'a KeySample, i64)>,
) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
    for (KeySample { bus, key, .. }, seconds) in samples {
        let labels = [("bus", bus.as_str()), ("key", key.as_str())];
        ConstGauge::new(seconds).encode(encoder.encode_family(&labels)?)?;
    }
    Ok(())
}

impl Collector for SigningMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.at(encoder, UnixSeconds::now())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shown(snapshot: Snapshot) -> String {
        let mut registry = Registry::with_prefix("qsl_operator");
        SigningMetrics::new(&mut registry).set(snapshot);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn ages_and_times_are_those_of_the_moment_they_are_asked_for() {
        let now = UnixSeconds::now();
        let key = KeySample {
            bus: "platform/stock".to_owned(),
            key: "stock".to_owned(),
            since: UnixSeconds(now.0 - 1_000),
            next: Some(UnixSeconds(now.0 - 5_000)),
        };
        let text = shown(Snapshot { earliest_expiry: Some(now.0 + 100_000), keys: vec![key] });
        let value = |line: &str| -> i64 {
            let found = text.lines().find(|found| found.starts_with(line)).ok_or(&text).unwrap();
            found.rsplit(' ').next().unwrap().parse().unwrap()
        };
        // A second or two may pass meanwhile.
        let near = |value: i64, wanted: i64| assert!((value - wanted).abs() <= 30, "{value}, not {wanted}");
        near(value("qsl_operator_document_expiry_seconds "), 100_000);
        near(value(r#"qsl_operator_key_age_seconds{bus="platform/stock",key="stock"}"#), 1_000);
        near(value(r#"qsl_operator_key_rotation_seconds{bus="platform/stock",key="stock"}"#), -5_000);
    }

    #[test]
    fn a_replica_that_publishes_nothing_says_nothing_of_expiry() {
        assert!(!shown(Snapshot::default()).contains("document_expiry"));
    }
}
