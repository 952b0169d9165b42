//! What the operator asks of AWS, in its own words. One adapter and one fake stand behind each port.
//!
//! Every method fails with an [`AwsError`]; a thing that is not there is `None` where it is asked for, is no
//! error where it is deleted, and is [`crate::error::ErrorClass::Missing`] where it is changed.

mod buses;
mod keys;
mod monitoring;
mod queues;
mod roles;

pub use buses::{
    ArchiveFacts, BusFacts, BusSettings, Buses, NewArchive, NewBus, NewRule, RuleFacts, RuleState, Target,
};
pub use keys::{KeyFacts, KmsKeys};
pub use monitoring::{Alarm, AlarmFacts, Comparison, Metric, MetricQuery, MissingData, Monitoring, Statistic, Window};
pub use queues::{Counts, Encryption, NewQueue, QueueAttributes, QueueChange, QueueFacts, QueueUrl, Queues, Redrive};
pub use roles::{ListedRole, NewRole, RoleFacts, Roles};

use crate::error::AwsError;
use std::fmt;
use std::sync::Arc;

/// The services together.
#[derive(Clone)]
pub struct Aws {
    /// EventBridge.
    pub buses: Arc<dyn Buses>,
    /// SQS.
    pub queues: Arc<dyn Queues>,
    /// IAM.
    pub roles: Arc<dyn Roles>,
    /// CloudWatch.
    pub monitoring: Arc<dyn Monitoring>,
    /// KMS.
    pub keys: Arc<dyn KmsKeys>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aws")
    }
}

/// The answer of a call.
pub type Answer<T> = Result<T, AwsError>;
