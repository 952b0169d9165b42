//! What an inbox is to whoever grants: its queue, its buses, how it judges.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use eventing::config::VerificationConfig;
use eventing::time::Millis;
use eventing::types::{BusId, ParseError, QueueArn};
use eventing::verify::Policy;
use serde::Deserialize;

/// An inbox, `NAMESPACE/NAME` of the InboxQueue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxId {
    namespace: Arc<str>,
    name: Arc<str>,
}

impl InboxId {
    /// The inbox `name` of `namespace`.
    ///
    /// # Errors
    /// When one of them is no Kubernetes name.
    pub fn new(namespace: &str, name: &str) -> Result<Self, ParseError> {
        // The two have the form of a bus's.
        BusId::new(namespace, name)?;
        Ok(Self { namespace: Arc::from(namespace), name: Arc::from(name) })
    }

    /// The namespace of the InboxQueue.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the InboxQueue.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for InboxId {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let of_a_bus: BusId = text.parse()?;
        Self::new(of_a_bus.namespace(), of_a_bus.name())
    }
}

impl fmt::Display for InboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

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
