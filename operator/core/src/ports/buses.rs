//! The port to EventBridge's classic buses.

use super::Answer;
use crate::arn::{ArchiveArn, BusArn, QueueArn, RuleArn};
use crate::names::{ArchiveName, BusName, KmsKeyId, RulePartName};
use crate::policy::PolicyDocument;
use crate::tags::Tags;
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeSet;

/// A bus as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusFacts {
    /// Its ARN.
    pub arn: BusArn,
    /// What can be set of it.
    pub settings: BusSettings,
    /// Its resource policy.
    pub policy: Option<PolicyDocument>,
}

/// What can be set of a bus, all of it at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BusSettings {
    /// Its description, empty where it has none; at most 512 characters.
    pub description: String,
    /// The key that encrypts its events; an AWS-owned one where there is none. AWS tells it as it was given.
    pub kms_key: Option<KmsKeyId>,
    /// The standard queue that takes events which cannot be encrypted or decrypted.
    pub dead_letter: Option<QueueArn>,
}

/// A bus to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBus {
    /// Its name.
    pub name: BusName,
    /// What can be set of it.
    pub settings: BusSettings,
    /// Its tags.
    pub tags: Tags,
}

/// Whether a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleState {
    /// It does.
    Enabled,
    /// It does not.
    Disabled,
}

/// A rule as AWS lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleFacts {
    /// Its name.
    pub name: RulePartName,
    /// Its ARN.
    pub arn: RuleArn,
    /// Its pattern; `Null` where it has none (a schedule).
    pub pattern: Value,
    /// Whether it acts; `None` is a state that the operator never sets.
    pub state: Option<RuleState>,
    /// Its description, empty where it has none.
    pub description: String,
    /// The AWS service that made it and alone may change it, such as for an archive.
    pub managed_by: Option<String>,
}

/// A rule to make, or to put in the place of the one of its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRule {
    /// Its bus.
    pub bus: BusName,
    /// Its name.
    pub name: RulePartName,
    /// Its pattern.
    pub pattern: Value,
    /// Whether it acts.
    pub state: RuleState,
    /// Its description.
    pub description: String,
    /// Its tags; AWS ignores them where the rule exists.
    pub tags: Tags,
}

/// A target of a rule: a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its id, unique in the rule.
    pub id: String,
    /// What it delivers to; text, since a rule somebody edited may deliver to anything.
    pub arn: String,
    /// Where undeliverable events go.
    pub dead_letter: Option<QueueArn>,
    /// How long delivery is tried, in seconds; AWS's default is 86,400.
    pub max_event_age_seconds: Option<u32>,
    /// How often delivery is retried; AWS's default is 185.
    pub max_retries: Option<u32>,
    /// The message group of a FIFO queue.
    pub message_group_id: Option<String>,
    /// Whether it has what a target of ours never has: an input transformer, a role, another service's settings.
    pub foreign_settings: bool,
}

/// An archive as AWS describes it. It has no tags.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchiveFacts {
    /// Its name, unique in the account and Region.
    pub name: ArchiveName,
    /// Its ARN.
    pub arn: ArchiveArn,
    /// The ARN of its bus; text, since it may be one that is never ours.
    pub bus: String,
    /// Its description, empty where it has none.
    pub description: String,
    /// Which events it keeps; `Null` is all.
    pub pattern: Value,
    /// How long it keeps them, in days; 0 is for ever.
    pub retention_days: u32,
    /// The key that encrypts them, as it was given.
    pub kms_key: Option<KmsKeyId>,
    /// Why it does not work, where it does not.
    pub failure: Option<String>,
}

/// An archive to make or to change.
#[derive(Debug, Clone, PartialEq)]
pub struct NewArchive {
    /// Its name.
    pub name: ArchiveName,
    /// Its bus, which cannot be changed.
    pub bus: BusArn,
    /// Its description; at most 512 characters.
    pub description: String,
    /// Which events it keeps.
    pub pattern: Value,
    /// How long it keeps them, in days; 0 is for ever.
    pub retention_days: u32,
    /// The key that encrypts them; an AWS-owned one where there is none.
    pub kms_key: Option<KmsKeyId>,
}

/// EventBridge's classic buses.
#[async_trait]
pub trait Buses: Send + Sync {
    /// The bus, if there is one.
    async fn bus(&self, name: &BusName) -> Answer<Option<BusFacts>>;
    /// Tags of a bus.
    async fn bus_tags(&self, arn: &BusArn) -> Answer<Tags>;
    /// Makes a bus; a bus of the name is a conflict.
    async fn create_bus(&self, bus: &NewBus) -> Answer<BusArn>;
    /// Sets what can be set of a bus, and clears what is absent.
    async fn change_bus(&self, name: &BusName, settings: &BusSettings) -> Answer<()>;
    /// Sets or, with `None`, takes away a bus's resource policy.
    async fn set_bus_policy(&self, name: &BusName, policy: Option<&PolicyDocument>) -> Answer<()>;
    /// Adds tags to a bus.
    async fn tag_bus(&self, arn: &BusArn, tags: &Tags) -> Answer<()>;
    /// Takes tags away from a bus.
    async fn untag_bus(&self, arn: &BusArn, keys: &BTreeSet<String>) -> Answer<()>;
    /// Deletes a bus; one with rules is a conflict.
    async fn delete_bus(&self, name: &BusName) -> Answer<()>;

    /// The rules of a bus whose names begin so; a bus that is not there is `Missing`.
    async fn rules(&self, bus: &BusName, prefix: &str) -> Answer<Vec<RuleFacts>>;
    /// Tags of a rule.
    async fn rule_tags(&self, arn: &RuleArn) -> Answer<Tags>;
    /// Makes a rule, or silently replaces the one of its name, whosoever it is.
    async fn put_rule(&self, rule: &NewRule) -> Answer<RuleArn>;
    /// Adds tags to a rule.
    async fn tag_rule(&self, arn: &RuleArn, tags: &Tags) -> Answer<()>;
    /// Takes tags away from a rule.
    async fn untag_rule(&self, arn: &RuleArn, keys: &BTreeSet<String>) -> Answer<()>;
    /// A rule's targets.
    async fn targets(&self, bus: &BusName, rule: &RulePartName) -> Answer<Vec<Target>>;
    /// Adds targets or replaces those of the same ids; a refused entry is an error that names it.
    async fn put_targets(&self, bus: &BusName, rule: &RulePartName, targets: &[Target]) -> Answer<()>;
    /// Takes targets away; a refused entry is an error that names it.
    async fn remove_targets(&self, bus: &BusName, rule: &RulePartName, ids: &BTreeSet<String>) -> Answer<()>;
    /// Deletes a rule; one with targets is a conflict.
    async fn delete_rule(&self, bus: &BusName, rule: &RulePartName) -> Answer<()>;

    /// The names of a bus's archives.
    async fn archives(&self, bus: &BusArn) -> Answer<BTreeSet<ArchiveName>>;
    /// The archive, if there is one, whatever its bus.
    async fn archive(&self, name: &ArchiveName) -> Answer<Option<ArchiveFacts>>;
    /// Makes an archive, and with it a rule on the bus that AWS manages; an archive of the name is a conflict.
    async fn create_archive(&self, archive: &NewArchive) -> Answer<()>;
    /// Changes an archive; one that is not there is `Missing`.
    async fn change_archive(&self, archive: &NewArchive) -> Answer<()>;
    /// Deletes an archive, what it holds, and its rule.
    async fn delete_archive(&self, name: &ArchiveName) -> Answer<()>;
}
