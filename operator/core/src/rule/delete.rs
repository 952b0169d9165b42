//! Deleting a rule: its targets go, then it.

use super::Action;
use super::apply::act;
use crate::deletion::DeletionStep;
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{BusName, RuleName, RulePartName};
use crate::owner::Owner;
use crate::ports::Aws;
use crate::tags;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A rule that should go.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// The installation.
    pub installation: Arc<Installation>,
    /// Whose it is.
    pub owner: Owner,
    /// Its bus.
    pub bus_name: BusName,
    /// Its name.
    pub rule_name: RuleName,
}

/// What there is yet: parts of ours and the ids of their targets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedDeletion {
    /// The parts.
    pub parts: BTreeMap<RulePartName, BTreeSet<String>>,
}

/// Reads what there is yet; what is somebody else's is as if it were not there, and so is a bus that is gone.
pub async fn observe_deletion(aws: &Aws, deletion: &Deletion) -> Result<ObservedDeletion, AwsError> {
    let Deletion { installation, owner, bus_name, rule_name } = deletion;
    let rules = match aws.buses.rules(bus_name, rule_name.as_str()).await {
        Err(error) if error.class == ErrorClass::Missing => Vec::new(),
        other => other?,
    };
    let mut parts = BTreeMap::new();
    for facts in rules {
        if rule_name.part_number(facts.name.as_str()).is_none() {
            continue;
        }
        let found = aws.buses.rule_tags(&facts.arn).await?;
        if tags::check_owner(installation, owner, &found, "EventBridge", "rule").is_ok() {
            let targets = aws.buses.targets(bus_name, &facts.name).await?;
            parts.insert(facts.name, targets.into_iter().map(|target| target.id).collect());
        }
    }
    Ok(ObservedDeletion { parts })
}

/// The next step.
pub fn plan_deletion(deletion: &Deletion, seen: &ObservedDeletion) -> DeletionStep<Action> {
    if seen.parts.is_empty() {
        return DeletionStep::Gone;
    }
    let bus = || deletion.bus_name.clone();
    let mut actions = Vec::new();
    for (name, targets) in &seen.parts {
        if !targets.is_empty() {
            actions.push(Action::RemoveTargets(bus(), name.clone(), targets.clone()));
        }
        actions.push(Action::DeleteRule(bus(), name.clone()));
    }
    DeletionStep::Act(actions)
}

/// The next step of giving up a rule that stays in AWS (`deletionPolicy: Retain`): what is ours becomes nobody's.
pub fn plan_release(deletion: &Deletion, seen: &ObservedDeletion) -> DeletionStep<Action> {
    let Deletion { installation, owner, bus_name, rule_name: _ } = deletion;
    let release = |name| {
        let arn = installation.rule_arn(bus_name, name);
        tags::release(owner).map(|change| Action::of_tags(&arn, change))
    };
    let actions: Vec<Action> = seen.parts.keys().flat_map(release).collect();
    if actions.is_empty() { DeletionStep::Gone } else { DeletionStep::Act(actions) }
}

/// Does a step's actions.
pub async fn apply_deletion(aws: &Aws, actions: &[Action]) -> Result<(), AwsError> {
    for action in actions {
        act(aws, action).await?;
    }
    Ok(())
}
