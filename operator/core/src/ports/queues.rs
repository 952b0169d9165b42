//! The port to SQS.

use super::Answer;
use crate::arn::QueueArn;
use crate::difference::Difference;
use crate::names::QueueName;
use crate::policy::PolicyDocument;
use crate::tags::Tags;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// A queue's address, as SQS gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueueUrl(pub String);

impl fmt::Display for QueueUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where SQS moves a message, and after how many receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue.
    pub dead_letter: QueueArn,
    /// Receives before the move, at most 1,000.
    pub max_receive_count: u32,
}

/// How SQS encrypts what a queue holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// It does not.
    None,
    /// With keys that SQS manages.
    SqsManaged,
    /// With a key of KMS.
    Kms {
        /// The key, in the words it was given in: an id, an ARN or an alias. Found ones are not judged.
        key: String,
        /// How long SQS uses a data key before it asks KMS for another, in seconds, 60 to 86,400.
        data_key_reuse_seconds: u32,
    },
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("off"),
            Self::SqsManaged => f.write_str("SQS-managed"),
            Self::Kms { key, data_key_reuse_seconds } => write!(f, "KMS key {key}, for {data_key_reuse_seconds} s"),
        }
    }
}

/// The attributes of a queue that the operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueAttributes {
    /// How long a received message stays hidden, in seconds.
    pub visibility_timeout_seconds: u32,
    /// How long a message is kept, in seconds.
    pub retention_seconds: u32,
    /// The largest message, in bytes.
    pub max_message_bytes: u32,
    /// How long a new message is kept back, in seconds.
    pub delay_seconds: u32,
    /// Whether SQS tells copies by a hash of their content; EventBridge's targets need that of a FIFO queue, and a
    /// standard queue has none.
    pub content_based_deduplication: bool,
    /// How what it holds is encrypted.
    pub encryption: Encryption,
    /// Who may send.
    pub policy: Option<PolicyDocument>,
    /// The dead-letter queue.
    pub redrive: Option<Redrive>,
}

/// How many messages a queue holds, by SQS's approximate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// To be received.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Not yet to be received.
    pub delayed: u64,
}

impl Counts {
    /// All together.
    pub fn total(self) -> u64 {
        let Self { visible, in_flight, delayed } = self;
        visible + in_flight + delayed
    }
}

/// A queue as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueFacts {
    /// Its ARN.
    pub arn: QueueArn,
    /// Its attributes.
    pub attributes: QueueAttributes,
    /// What it holds.
    pub counts: Counts,
    /// When it was made, in whole seconds: another time is another queue of the same name.
    pub created_at: Timestamp,
}

/// A queue to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQueue {
    /// Its name; one that ends in `.fifo` makes a FIFO queue with content-based deduplication.
    pub name: QueueName,
    /// Its attributes.
    pub attributes: QueueAttributes,
    /// Its tags.
    pub tags: Tags,
}

/// What to change of a queue's attributes; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueChange {
    /// How long a received message stays hidden, in seconds.
    pub visibility_timeout_seconds: Option<u32>,
    /// How long a message is kept, in seconds.
    pub retention_seconds: Option<u32>,
    /// The largest message, in bytes.
    pub max_message_bytes: Option<u32>,
    /// How long a new message is kept back, in seconds.
    pub delay_seconds: Option<u32>,
    /// Whether SQS tells copies by a hash of their content.
    pub content_based_deduplication: Option<bool>,
    /// How what it holds is encrypted.
    pub encryption: Option<Encryption>,
    /// Who may send; `Some(None)` takes the policy away.
    pub policy: Option<Option<PolicyDocument>>,
    /// The dead-letter queue; `Some(None)` takes it away.
    pub redrive: Option<Option<Redrive>>,
}

impl QueueChange {
    /// What turns `found` into `wanted`, if anything.
    pub fn between(wanted: &QueueAttributes, found: &QueueAttributes) -> Option<Self> {
        fn changed<T: PartialEq + Clone>(wanted: &T, found: &T) -> Option<T> {
            (wanted != found).then(|| wanted.clone())
        }
        let change = Self {
            visibility_timeout_seconds: changed(&wanted.visibility_timeout_seconds, &found.visibility_timeout_seconds),
            retention_seconds: changed(&wanted.retention_seconds, &found.retention_seconds),
            max_message_bytes: changed(&wanted.max_message_bytes, &found.max_message_bytes),
            delay_seconds: changed(&wanted.delay_seconds, &found.delay_seconds),
            content_based_deduplication: changed(
                &wanted.content_based_deduplication,
                &found.content_based_deduplication,
            ),
            encryption: changed(&wanted.encryption, &found.encryption),
            policy: changed(&wanted.policy, &found.policy),
            redrive: changed(&wanted.redrive, &found.redrive),
        };
        (change != Self::default()).then_some(change)
    }

    /// What it changes of `found`, as users know it.
    pub fn differences(&self, thing: &str, found: &QueueAttributes) -> Vec<Difference> {
        let Self {
            visibility_timeout_seconds,
            retention_seconds,
            max_message_bytes,
            delay_seconds,
            content_based_deduplication,
            encryption,
            policy,
            redrive,
        } = self;
        let numbers = [
            ("visibility timeout", visibility_timeout_seconds, found.visibility_timeout_seconds),
            ("retention", retention_seconds, found.retention_seconds),
            ("maximum message size", max_message_bytes, found.max_message_bytes),
            ("delay", delay_seconds, found.delay_seconds),
        ];
        let mut differences: Vec<Difference> = numbers
            .into_iter()
            .filter_map(|(field, wanted, found)| Some(Difference::field(thing, field, found, (*wanted)?)))
            .collect();
        if let Some(wanted) = content_based_deduplication {
            let found = found.content_based_deduplication;
            differences.push(Difference::field(thing, "content-based deduplication", found, wanted));
        }
        if let Some(wanted) = encryption {
            differences.push(Difference::field(thing, "encryption", &found.encryption, wanted));
        }
        if policy.is_some() {
            differences.push(Difference::document(thing, "policy"));
        }
        if let Some(wanted) = redrive {
            let text = |redrive: &Redrive| format!("{} after {}", redrive.dead_letter, redrive.max_receive_count);
            let (found, wanted) = (found.redrive.as_ref().map(text), wanted.as_ref().map(text));
            differences.push(Difference::optional(thing, "redrive policy", found, wanted));
        }
        differences
    }

    /// The names of what changes, as users know them.
    pub fn fields(&self) -> Vec<&'static str> {
        let Self {
            visibility_timeout_seconds,
            retention_seconds,
            max_message_bytes,
            delay_seconds,
            content_based_deduplication,
            encryption,
            policy,
            redrive,
        } = self;
        [
            (visibility_timeout_seconds.is_some(), "visibility timeout"),
            (retention_seconds.is_some(), "retention"),
            (max_message_bytes.is_some(), "maximum message size"),
            (delay_seconds.is_some(), "delay"),
            (content_based_deduplication.is_some(), "content-based deduplication"),
            (encryption.is_some(), "encryption"),
            (policy.is_some(), "policy"),
            (redrive.is_some(), "redrive policy"),
        ]
        .into_iter()
        .filter_map(|(changed, name)| changed.then_some(name))
        .collect()
    }
}

/// SQS's queues.
#[async_trait]
pub trait Queues: Send + Sync {
    /// The address of a queue, if there is one.
    async fn url(&self, name: &QueueName) -> Answer<Option<QueueUrl>>;
    /// The queue at an address, if there is one.
    async fn queue(&self, url: &QueueUrl) -> Answer<Option<QueueFacts>>;
    /// Tags of a queue.
    async fn tags(&self, url: &QueueUrl) -> Answer<Tags>;
    /// Makes a queue, or returns the one of its name, whosoever it is, where its attributes are the same.
    async fn create(&self, queue: &NewQueue) -> Answer<QueueUrl>;
    /// Changes a queue's attributes.
    async fn change(&self, url: &QueueUrl, change: &QueueChange) -> Answer<()>;
    /// Adds tags to a queue.
    async fn tag(&self, url: &QueueUrl, tags: &Tags) -> Answer<()>;
    /// Takes tags away from a queue.
    async fn untag(&self, url: &QueueUrl, keys: &BTreeSet<String>) -> Answer<()>;
    /// Deletes a queue and what it holds.
    async fn delete(&self, url: &QueueUrl) -> Answer<()>;
}
