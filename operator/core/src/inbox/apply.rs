//! Doing it, and what stands after.

use super::desired::{Desired, Part, queue_names};
use super::observed::rules_in_policy;
use super::plan::admitted;
use super::{Action, Observed};
use crate::alarm;
use crate::arn::{QueueArn, RoleArn, RuleArn};
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::owner::Owner;
use crate::ports::{Aws, QueueUrl};
use crate::{role, tags};
use std::collections::{BTreeMap, BTreeSet};

/// One queue that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedQueue {
    /// Its address.
    pub url: QueueUrl,
    /// Its ARN.
    pub arn: QueueArn,
}

/// What stands after all actions were done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The inbox.
    pub inbox: AppliedQueue,
    /// Its dead-letter queue.
    pub dead_letter: AppliedQueue,
    /// Where EventBridge puts what it cannot deliver: a FIFO inbox's own queue, else the dead-letter queue.
    pub undelivered: AppliedQueue,
    /// The consumers' role, where there are consumers.
    pub role_arn: Option<RoleArn>,
    /// The role of those who bring dead letters back.
    pub redrive_role_arn: RoleArn,
    /// The rules that the policies let send.
    pub allowed_rule_arns: BTreeSet<RuleArn>,
    /// Rules that should no longer send and still do: the policies keep them until their targets are gone, so
    /// look again soon.
    pub lingering: BTreeSet<RuleArn>,
    /// Whether who may send was changed just now, so that the settle time begins anew.
    pub senders_changed: bool,
}

/// Does the actions in order, up to the first that fails.
pub async fn apply(aws: &Aws, desired: &Desired, observed: &Observed, actions: &[Action]) -> Result<Applied, AwsError> {
    let mut urls: BTreeMap<Part, QueueUrl> =
        observed.queues.iter().map(|(part, seen)| (*part, seen.url.clone())).collect();
    for action in actions {
        let Desired { installation, owner, .. } = desired;
        let Some((part, url)) = act(aws, installation, owner, action).await? else {
            continue;
        };
        // CreateQueue returns an existing queue: whoever made one of this name meanwhile keeps it.
        let found = aws.queues.tags(&url).await?;
        tags::check_owner(installation, owner, &found, "SQS", &format!("queue {url}"))?;
        urls.insert(part, url);
    }
    let names = queue_names(&desired.queue_name);
    let queue = |part: Part| match (urls.get(&part), names.get(&part)) {
        (Some(url), Some(name)) => Ok(AppliedQueue { url: url.clone(), arn: desired.installation.queue_arn(name) }),
        _ => Err(AwsError::new(
            ErrorClass::Conflict,
            "SQS",
            "GetQueueUrl",
            format!("a queue of {} is not there yet", desired.queue_name),
        )),
    };
    let dead_letter = queue(Part::DeadLetter)?;
    Ok(Applied {
        inbox: queue(Part::Inbox)?,
        undelivered: queue(Part::Undelivered).unwrap_or_else(|_| dead_letter.clone()),
        dead_letter,
        role_arn: desired.role_arn(),
        redrive_role_arn: desired.redrive_role_arn(),
        allowed_rule_arns: let_in(desired, observed),
        lingering: observed.lingering.clone(),
        senders_changed: actions.iter().any(Action::changes_senders),
    })
}

/// The rules that may send now.
fn let_in(desired: &Desired, observed: &Observed) -> BTreeSet<RuleArn> {
    admitted(desired, observed).unwrap_or_else(|| {
        let standing = observed.queues.get(&Part::Inbox).map(rules_in_policy).unwrap_or_default();
        desired.allowed_rule_arns.intersection(&standing).cloned().collect()
    })
}

/// Does one action for `owner`; a queue that was made is returned.
pub(super) async fn act(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    action: &Action,
) -> Result<Option<(Part, QueueUrl)>, AwsError> {
    let queues = &aws.queues;
    match action {
        Action::CreateQueue(part, queue) => return Ok(Some((*part, queues.create(queue).await?))),
        Action::Change(_, url, change) => queues.change(url, change).await?,
        Action::Tag(_, url, tags) => queues.tag(url, tags).await?,
        Action::Untag(_, url, keys) => queues.untag(url, keys).await?,
        Action::DeleteQueue(_, url) => queues.delete(url).await?,
        Action::Role(action) => role::apply(aws, action).await?,
        Action::Alarm(action) => alarm::apply(aws, installation, owner, action).await?,
    }
    Ok(None)
}
