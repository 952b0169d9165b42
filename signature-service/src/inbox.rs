//! What an inbox is to whoever grants: its queue, its buses, how it judges.

use eventing::config::VerificationConfig;
use eventing::time::Millis;
use eventing::types::{BusId, QueueArn};
use eventing::verify::Policy;
use serde::Deserialize;

/// The members of an inbox's signed configuration that matter here. What its consumers do with its events does not.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InboxEntry {
    queue_arn: QueueArn,
    buses: Vec<BusId>,
    #[serde(default)]
    verification: VerificationConfig,
}

/// An inbox, as the root signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxFacts {
    /// The buses whose keys count.
    pub buses: Vec<BusId>,
    /// How its messages are judged; the queue stands in it.
    pub policy: Policy,
    /// From when on this holds no more.
    pub expires: Millis,
}

impl InboxFacts {
    pub(crate) fn new(entry: InboxEntry, expires: Millis) -> Self {
        let InboxEntry { queue_arn, buses, verification } = entry;
        Self { buses, policy: Policy::new(&verification, queue_arn), expires }
    }

    /// The queue that a grant names.
    pub fn queue(&self) -> &QueueArn {
        &self.policy.queue_arn
    }
}
