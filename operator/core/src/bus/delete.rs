//! Deleting a bus: not while it has rules, whosoever they are.

use super::Action;
use super::apply::act;
use crate::deletion::{DeletionBlocked, DeletionStep};
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{BusName, RoleName, RulePartName, role_path};
use crate::owner::Owner;
use crate::ports::Aws;
use crate::role::{self, RoleAction};
use crate::tags;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A bus that should go. It names only what is needed to find it, so a bad spec never blocks a deletion.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// The installation.
    pub installation: Arc<Installation>,
    /// Whose it is.
    pub owner: Owner,
    /// Its name.
    pub bus_name: BusName,
    /// Whether rules of this cluster go with it.
    pub force: bool,
}

/// A rule that is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRule {
    /// Its name.
    pub name: RulePartName,
    /// Whose it is, in a reader's words.
    pub owner: String,
    /// Whether it carries this cluster's mark.
    pub ours: bool,
    /// The ids of its targets; read where it is ours and would be deleted.
    pub targets: BTreeSet<String>,
}

/// What there is yet. What is somebody else's is as if it were not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedDeletion {
    /// Whether the bus is there and the owner's.
    pub bus: bool,
    /// Its rules.
    pub rules: Vec<SeenRule>,
    /// Its publishers' roles.
    pub roles: BTreeSet<RoleName>,
}

/// Reads what there is yet.
pub async fn observe_deletion(aws: &Aws, deletion: &Deletion) -> Result<ObservedDeletion, AwsError> {
    let Deletion { installation, owner, bus_name, force } = deletion;
    let mut seen = ObservedDeletion::default();
    if let Some(facts) = aws.buses.bus(bus_name).await? {
        let found = aws.buses.bus_tags(&facts.arn).await?;
        seen.bus = tags::check_owner(installation, owner, &found, "EventBridge", "bus").is_ok();
    }
    if seen.bus {
        let rules = match aws.buses.rules(bus_name, "").await {
            Err(error) if error.class == ErrorClass::Missing => Vec::new(),
            other => other?,
        };
        for rule in rules {
            let found = aws.buses.rule_tags(&rule.arn).await?;
            let ours = tags::of_this_cluster(installation, &found);
            let targets = if ours && *force { aws.buses.targets(bus_name, &rule.name).await? } else { Vec::new() };
            seen.rules.push(SeenRule {
                name: rule.name,
                owner: tags::describe_owner(&found),
                ours,
                targets: targets.into_iter().map(|target| target.id).collect(),
            });
        }
    }
    for name in aws.roles.under(&role_path(installation, owner)).await? {
        if role::observe_own(aws, installation, owner, &name).await?.is_some() {
            seen.roles.insert(name);
        }
    }
    Ok(seen)
}

/// The next step: blocked by rules; else the publishers' roles go, then the bus.
pub fn plan_deletion(deletion: &Deletion, seen: &ObservedDeletion) -> DeletionStep<Action> {
    let bus = || deletion.bus_name.clone();
    let ObservedDeletion { bus: exists, rules, roles } = seen;
    let in_the_way: Vec<_> = rules
        .iter()
        .filter(|rule| !(deletion.force && rule.ours))
        .map(|rule| (rule.name.clone(), rule.owner.clone()))
        .collect();
    if !in_the_way.is_empty() {
        return DeletionStep::Blocked(DeletionBlocked::Rules { bus: bus(), rules: in_the_way });
    }
    let mut actions: Vec<Action> = roles.iter().map(|name| Action::Role(RoleAction::Delete(name.clone()))).collect();
    actions.extend(rules.iter().map(|rule| Action::DeleteRule(bus(), rule.name.clone(), rule.targets.clone())));
    if *exists {
        actions.push(Action::DeleteBus(bus()));
    }
    if actions.is_empty() { DeletionStep::Gone } else { DeletionStep::Act(actions) }
}

/// The next step of giving up a bus that stays in AWS (`deletionPolicy: Retain`): what is ours becomes nobody's.
pub fn plan_release(deletion: &Deletion, seen: &ObservedDeletion) -> DeletionStep<Action> {
    let ObservedDeletion { bus, rules: _, roles } = seen;
    let mut actions: Vec<Action> =
        roles.iter().flat_map(|name| role::release(name, &deletion.owner)).map(Action::Role).collect();
    if *bus {
        let arn = deletion.installation.bus_arn(&deletion.bus_name);
        actions.extend(tags::release(&deletion.owner).map(|change| Action::of_tags(&arn, change)));
    }
    if actions.is_empty() { DeletionStep::Gone } else { DeletionStep::Act(actions) }
}

/// Does a step's actions.
pub async fn apply_deletion(aws: &Aws, actions: &[Action]) -> Result<(), AwsError> {
    for action in actions {
        act(aws, action).await?;
    }
    Ok(())
}
