//! What consumers count, over all their pods.

use std::collections::BTreeMap;

use crate::ground::{Consumer, Ground};

/// Counters by their name with labels, as the metrics page writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers(BTreeMap<String, u64>);

impl Numbers {
    /// The counters of a metrics page: whole numbers, and no histograms' parts.
    pub(super) fn parse(page: &str) -> Self {
        let counters = page.lines().filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let is_counter = name.split('{').next()?.ends_with("_total");
            Some((name.to_owned(), value.parse().ok().filter(|_| is_counter)?))
        });
        Self(counters.collect())
    }

    /// What has been counted since.
    #[must_use]
    pub(super) fn since(&self, before: &Self) -> Self {
        let grown = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), value.saturating_sub(before.0.get(name).copied().unwrap_or_default())));
        Self(grown.collect())
    }

    fn add(&mut self, other: Self) {
        for (name, value) in other.0 {
            *self.0.entry(name).or_default() += value;
        }
    }

    /// Messages with that outcome.
    pub(super) fn settled(&self, outcome: &str) -> u64 {
        self.0.get(&format!("qsl_consumer_messages_settled_total{{outcome=\"{outcome}\"}}")).copied().unwrap_or(0)
    }

    /// Dead letters that were written, by code.
    pub(super) fn dead_letters(&self) -> BTreeMap<String, u64> {
        let prefix = "qsl_consumer_dead_letters_total{code=\"";
        let codes = self.0.iter().filter(|(_, count)| **count > 0);
        let mut letters = BTreeMap::new();
        for (code, count) in
            codes.filter_map(|(name, count)| Some((name.strip_prefix(prefix)?.split_once('"')?.0, count)))
        {
            *letters.entry(code.to_owned()).or_default() += count;
        }
        letters
    }
}

/// What a consumer has counted, all its pods together.
///
/// # Errors
/// When one of them does not answer.
pub(super) async fn of(ground: &Ground, consumer: Consumer) -> anyhow::Result<Numbers> {
    let (namespace, pods, port) = ground.pods(consumer).await?;
    let mut all = Numbers::default();
    for pod in pods {
        all.add(Numbers::parse(&ground.page(&namespace, &format!("pods/{pod}:{port}"), "metrics").await?));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE qsl_consumer_dead_letters counter\n\
        qsl_consumer_dead_letters_total{code=\"KEY_REVOKED\",stage=\"verify\"} 3\n\
        qsl_consumer_messages_settled_total{outcome=\"copy\"} 2\n\
        qsl_consumer_overhead_seconds_count 9\n";

    #[test]
    fn counters_are_read_with_their_labels() {
        let numbers = Numbers::parse(PAGE);
        assert_eq!(numbers.dead_letters(), BTreeMap::from([("KEY_REVOKED".to_owned(), 3)]));
        assert_eq!((numbers.settled("copy"), numbers.settled("acknowledged")), (2, 0));
    }

    #[test]
    fn what_was_counted_before_does_not_count() {
        let numbers = Numbers::parse(PAGE);
        assert_eq!(numbers.since(&numbers).dead_letters(), BTreeMap::new());
        assert_eq!(numbers.since(&Numbers::default()), numbers);
    }
}
