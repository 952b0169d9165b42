//! Doing it, and what stands after.

use super::plan::standing;
use super::{Action, Desired, Observed, quota};
use crate::arn::{QueueArn, RuleArn};
use crate::error::AwsError;
use crate::ports::Aws;
use crate::tags;

/// What stands after all actions were done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The rules in EventBridge; more than one where the rule is split.
    pub rule_arns: Vec<RuleArn>,
    /// Queues whose policies do not let the rule send yet: their targets are not put.
    pub waiting_for: Vec<QueueArn>,
}

/// Does the actions in order, up to the first that fails.
pub async fn apply(aws: &Aws, desired: &Desired, observed: &Observed, actions: &[Action]) -> Result<Applied, AwsError> {
    for action in actions {
        if let Err(error) = act(aws, action).await {
            return Err(quota::explain(aws, desired, action, error).await);
        }
        if let Action::PutRule(rule) = action {
            // PutRule replaces silently: whoever made a rule of this name meanwhile keeps it.
            let arn = desired.installation.rule_arn(&rule.bus, &rule.name);
            let found = aws.buses.rule_tags(&arn).await?;
            let thing = format!("rule {} of bus {}", rule.name, rule.bus);
            tags::check_owner(&desired.installation, &desired.owner, &found, "EventBridge", &thing)?;
        }
    }
    Ok(Applied {
        rule_arns: standing(desired, observed)
            .into_iter()
            .map(|number| desired.installation.rule_arn(&desired.bus_name, &desired.rule_name.part(number)))
            .collect(),
        waiting_for: desired.targets.iter().filter(|target| !target.ready).map(|target| target.queue.clone()).collect(),
    })
}

pub(super) async fn act(aws: &Aws, action: &Action) -> Result<(), AwsError> {
    let buses = &aws.buses;
    match action {
        Action::PutRule(rule) => buses.put_rule(rule).await.map(drop),
        Action::Tag(arn, tags) => buses.tag_rule(arn, tags).await,
        Action::Untag(arn, keys) => buses.untag_rule(arn, keys).await,
        Action::PutTargets(bus, rule, targets) => buses.put_targets(bus, rule, targets).await,
        Action::RemoveTargets(bus, rule, ids) => buses.remove_targets(bus, rule, ids).await,
        Action::DeleteRule(bus, rule) => buses.delete_rule(bus, rule).await,
    }
}
