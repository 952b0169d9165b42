//! Deleting a bus: not while it has rules, whosoever they are.

use super::apply::act;
use super::archives::ArchiveAction;
use super::dashboard::DashboardAction;
use super::{Action, alarms, archives, dashboard};
use crate::alarm::{self, AlarmAction};
use crate::arn::AlarmArn;
use crate::deletion::{DeletionBlocked, DeletionStep};
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{AlarmName, ArchiveName, BusName, RoleName, RulePartName, dashboard_name, role_path};
use crate::owner::Owner;
use crate::ports::Aws;
use crate::role::{self, RoleAction};
use crate::tags;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Whether it is the last bus with alarms: the one that all buses share then goes too.
    pub last_with_alarms: bool,
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
    /// Its archives.
    pub archives: BTreeSet<ArchiveName>,
    /// Its alarms.
    pub alarms: BTreeMap<AlarmName, AlarmArn>,
    /// The alarm that all buses share, where this is the last of them.
    pub shared_alarms: BTreeMap<AlarmName, AlarmArn>,
    /// Whether it has its dashboard.
    pub dashboard: bool,
}

/// Reads what there is yet.
pub async fn observe_deletion(aws: &Aws, deletion: &Deletion) -> Result<ObservedDeletion, AwsError> {
    let Deletion { installation, owner, bus_name, force, last_with_alarms } = deletion;
    let mut seen = ObservedDeletion::default();
    if let Some(facts) = aws.buses.bus(bus_name).await? {
        let found = aws.buses.bus_tags(&facts.arn).await?;
        seen.bus = tags::check_owner(installation, owner, &found, "EventBridge", "bus").is_ok();
    }
    seen.archives = own_archives(aws, deletion).await?;
    if seen.bus {
        let managed: BTreeSet<_> = seen.archives.iter().filter_map(archives::managed_rule).collect();
        let rules = match aws.buses.rules(bus_name, "").await {
            Err(error) if error.class == ErrorClass::Missing => Vec::new(),
            other => other?,
        };
        for rule in rules.into_iter().filter(|rule| !managed.contains(&rule.name)) {
            if let Some(service) = &rule.managed_by {
                let owner = format!("AWS service {service}, which made it for an archive or the like of somebody else");
                seen.rules.push(SeenRule { name: rule.name, owner, ours: false, targets: BTreeSet::new() });
                continue;
            }
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
    seen.alarms = alarm::observe_own(aws, installation, owner).await?;
    if *last_with_alarms {
        seen.shared_alarms = alarm::observe_own(aws, installation, &alarms::shared_owner(installation)).await?;
    }
    seen.dashboard = matches!(dashboard::observe_own(aws, installation, owner).await?, dashboard::Seen::Own(_));
    Ok(seen)
}

/// The archives of the bus that are the owner's.
async fn own_archives(aws: &Aws, deletion: &Deletion) -> Result<BTreeSet<ArchiveName>, AwsError> {
    let Deletion { installation, owner, bus_name, .. } = deletion;
    let names = match aws.buses.archives(&installation.bus_arn(bus_name)).await {
        Err(error) if error.class == ErrorClass::Missing => return Ok(BTreeSet::new()),
        other => other?,
    };
    let seen = archives::observe_own(aws, installation, owner, names).await?;
    Ok(seen.into_iter().filter(|(_, seen)| matches!(seen, archives::Seen::Own(_))).map(|(name, _)| name).collect())
}

/// The next step: blocked by rules; else what watches the bus goes, then its publishers' roles, its archives (whose
/// rules AWS takes away with them), the bus.
pub fn plan_deletion(deletion: &Deletion, seen: &ObservedDeletion) -> DeletionStep<Action> {
    let bus = || deletion.bus_name.clone();
    let ObservedDeletion { bus: exists, rules, roles, archives, alarms, shared_alarms, dashboard } = seen;
    let in_the_way: Vec<_> = rules
        .iter()
        .filter(|rule| !(deletion.force && rule.ours))
        .map(|rule| (rule.name.clone(), rule.owner.clone()))
        .collect();
    if !in_the_way.is_empty() {
        return DeletionStep::Blocked(DeletionBlocked::Rules { bus: bus(), rules: in_the_way });
    }
    let mut actions = Vec::new();
    if !alarms.is_empty() {
        actions.push(Action::Alarm(AlarmAction::Delete(alarms.keys().cloned().collect())));
    }
    if !shared_alarms.is_empty() {
        actions.push(Action::SharedAlarm(AlarmAction::Delete(shared_alarms.keys().cloned().collect())));
    }
    if *dashboard {
        let name = dashboard_name(&deletion.installation, &deletion.owner);
        actions.push(Action::Dashboard(DashboardAction::Delete(name)));
    }
    actions.extend(roles.iter().map(|name| Action::Role(RoleAction::Delete(name.clone()))));
    actions.extend(archives.iter().map(|name| Action::Archive(ArchiveAction::Delete(name.clone()))));
    actions.extend(rules.iter().map(|rule| Action::DeleteRule(bus(), rule.name.clone(), rule.targets.clone())));
    if *exists {
        actions.push(Action::DeleteBus(bus()));
    }
    if actions.is_empty() { DeletionStep::Gone } else { DeletionStep::Act(actions) }
}

/// The next step of giving up a bus that stays in AWS (`deletionPolicy: Retain`): what is ours becomes nobody's.
pub fn plan_release(deletion: &Deletion, seen: &ObservedDeletion) -> DeletionStep<Action> {
    // Archives and dashboards have no tags: their text goes on to say for whom they were made. What all buses share
    // is not this one's to give up.
    let ObservedDeletion { bus, rules: _, roles, archives: _, alarms, shared_alarms: _, dashboard: _ } = seen;
    let mut actions: Vec<Action> =
        roles.iter().flat_map(|name| role::release(name, &deletion.owner)).map(Action::Role).collect();
    actions.extend(alarms.values().flat_map(|arn| alarm::release(arn, &deletion.owner)).map(Action::Alarm));
    if *bus {
        let arn = deletion.installation.bus_arn(&deletion.bus_name);
        actions.extend(tags::release(&deletion.owner).map(|change| Action::of_tags(&arn, change)));
    }
    if actions.is_empty() { DeletionStep::Gone } else { DeletionStep::Act(actions) }
}

/// Does a step's actions.
pub async fn apply_deletion(aws: &Aws, deletion: &Deletion, actions: &[Action]) -> Result<(), AwsError> {
    for action in actions {
        act(aws, &deletion.installation, &deletion.owner, action).await?;
    }
    Ok(())
}
