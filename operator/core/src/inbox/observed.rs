//! What there is of an inbox.

use super::alarms::may_have_alarms;
use super::desired::{Desired, Part, queue_names};
use super::key;
use super::retention::Expiring;
use super::roles::role_names;
use crate::alarm::{self, SeenAlarm};
use crate::arn::{KeyArn, QueueArn, RuleArn};
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::key::SeenKey;
use crate::names::{AlarmName, QueueName, RoleName};
use crate::policy::queue::allowed_rules;
use crate::policy::role::keys_in;
use crate::ports::{Aws, QueueFacts, QueueUrl};
use crate::role::{self, SeenRole};
use crate::tags::{self, Tags};
use std::collections::{BTreeMap, BTreeSet};

/// A queue that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenQueue {
    /// Its address.
    pub url: QueueUrl,
    /// The queue.
    pub facts: QueueFacts,
    /// Its tags.
    pub tags: Tags,
}

/// What there is. All of it carries the owner's mark: what does not was refused.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// The queues.
    pub queues: BTreeMap<Part, SeenQueue>,
    /// The roles.
    pub roles: BTreeMap<RoleName, SeenRole>,
    /// The alarms; not asked for where there should be none and none ever were.
    pub alarms: BTreeMap<AlarmName, SeenAlarm>,
    /// The customer's key that the inbox should have.
    pub key: Option<SeenKey>,
    /// The retentions that have to stay as they are for now ([`super::weigh_expiry`]).
    pub expiring: BTreeMap<Part, Expiring>,
    /// Rules of this cluster that the policy lets send, that should no longer, and that still deliver here: they
    /// stay in the policy until their targets are gone, since EventBridge does not retry what a policy refuses.
    pub lingering: BTreeSet<RuleArn>,
}

impl Observed {
    /// The customer's key that the inbox should have.
    pub(super) fn key_arn(&self) -> Option<KeyArn> {
        self.key.as_ref().map(|key| key.facts.arn.clone())
    }

    /// The keys that the roles may use: that one, and former ones.
    pub(super) fn keys_of_roles(&self) -> BTreeSet<KeyArn> {
        self.roles.values().filter_map(|role| role.policy.as_ref()).flat_map(keys_in).collect()
    }
}

/// Reads what there is. A queue or role of a wanted name that is somebody else's is refused.
pub async fn observe(aws: &Aws, desired: &Desired) -> Result<Observed, AwsError> {
    let Desired { installation, owner, claim, .. } = desired;
    let mut queues = BTreeMap::new();
    for (part, name) in queue_names(&desired.queue_name) {
        if let Some(seen) = read_queue(aws, &name).await? {
            claim.check(installation, owner, &seen.tags, "SQS", &format!("queue {name}"))?;
            queues.insert(part, seen);
        }
    }
    let mut roles = BTreeMap::new();
    for name in role_names(installation, owner) {
        if let Some(seen) = role::observe(aws, installation, owner, *claim, &name).await? {
            roles.insert(name, seen);
        }
    }
    let mut lingering = BTreeSet::new();
    if let Some(inbox) = queues.get(&Part::Inbox) {
        let mut superfluous = rules_in_policy(inbox);
        superfluous.retain(|rule| !desired.allowed_rule_arns.contains(rule));
        lingering = delivering(aws, installation, &inbox.facts.arn, superfluous).await?;
    }
    let key = key::observe(aws, desired).await?;
    let mut observed = Observed { queues, roles, key, lingering, ..Observed::default() };
    if may_have_alarms(desired, &observed) {
        observed.alarms = alarm::observe(aws, installation, owner, *claim).await?;
    }
    Ok(observed)
}

pub(super) async fn read_queue(aws: &Aws, name: &QueueName) -> Result<Option<SeenQueue>, AwsError> {
    let Some(url) = aws.queues.url(name).await? else {
        return Ok(None);
    };
    let Some(facts) = aws.queues.queue(&url).await? else {
        return Ok(None);
    };
    let tags = aws.queues.tags(&url).await?;
    Ok(Some(SeenQueue { url, facts, tags }))
}

pub(super) fn rules_in_policy(queue: &SeenQueue) -> BTreeSet<RuleArn> {
    queue.facts.attributes.policy.as_ref().map(allowed_rules).unwrap_or_default()
}

/// Those of the rules that carry this cluster's mark and have the queue among their targets.
pub(super) async fn delivering(
    aws: &Aws,
    installation: &Installation,
    queue: &QueueArn,
    rules: BTreeSet<RuleArn>,
) -> Result<BTreeSet<RuleArn>, AwsError> {
    let mut found = BTreeSet::new();
    for rule in rules {
        let Some((bus, name)) = rule.names() else {
            continue;
        };
        // Only our own account's rules of our own Region can be read, and only they can be ours.
        if rule != installation.rule_arn(&bus, &name) {
            continue;
        }
        let Some(tags) = unless_missing(aws.buses.rule_tags(&rule).await)? else {
            continue;
        };
        if !tags::of_this_cluster(installation, &tags) {
            continue;
        }
        let targets = unless_missing(aws.buses.targets(&bus, &name).await)?.unwrap_or_default();
        if targets.iter().any(|target| target.arn == queue.to_string()) {
            found.insert(rule);
        }
    }
    Ok(found)
}

fn unless_missing<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == ErrorClass::Missing => Ok(None),
        Err(error) => Err(error),
    }
}
