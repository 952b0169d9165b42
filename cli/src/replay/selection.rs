//! Which events are meant, and where they go: what a replay was told, kept for whoever resumes it.

use std::collections::BTreeSet;

use eventing::time::Millis;
use eventing::types::{BusId, DetailType, Source};
use eventing_http::EventFilter;
use serde::{Deserialize, Serialize};

use super::ports::Record;

/// What a replay was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Selection {
    /// The bus whose events are meant.
    pub bus: BusId,
    /// Signed then or later,
    pub from: Millis,
    /// and before then.
    pub to: Millis,
    /// Of these detail-types; of any where there are none.
    pub detail_types: BTreeSet<DetailType>,
    /// Of these sources; of any where there are none.
    pub sources: BTreeSet<Source>,
    /// To these inboxes (`NAMESPACE/NAME`); where there are none, to those whose rules match.
    pub to_inboxes: BTreeSet<String>,
    /// The message group of what no rule gives one.
    pub group: Option<String>,
}

impl Selection {
    /// What the journal is asked for. It takes one source and one detail-type: several are sorted out here.
    pub fn filter(&self) -> EventFilter {
        EventFilter {
            bus: Some(self.bus.clone()),
            from: Some(self.from.into()),
            to: Some(self.to.into()),
            source: only(&self.sources),
            detail_type: only(&self.detail_types),
            ..EventFilter::default()
        }
    }

    /// Whether an event of the journal's answer is meant.
    pub fn takes(&self, record: &Record) -> bool {
        let Record { source, detail_type, .. } = record;
        (self.sources.is_empty() || self.sources.iter().any(|one| one.as_str() == source))
            && (self.detail_types.is_empty() || self.detail_types.iter().any(|one| one.as_str() == detail_type))
    }
}

/// The one there is.
fn only<T: Clone + Ord>(set: &BTreeSet<T>) -> Option<T> {
    set.first().filter(|_| set.len() == 1).cloned()
}
