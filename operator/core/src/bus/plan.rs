//! What to do about a bus.

use super::archives::{self, ArchiveAction};
use super::dashboard::{self, DashboardAction};
use super::{Desired, Observed, SeenBus};
use crate::alarm::{self, AlarmAction};
use crate::arn::BusArn;
use crate::names::{BusName, RulePartName};
use crate::policy::PolicyDocument;
use crate::ports::{BusSettings, NewBus};
use crate::role::{self, RoleAction};
use crate::tags::{self, TagChange, Tags};
use std::collections::BTreeSet;

/// Something to do about a bus.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make the bus.
    CreateBus(NewBus),
    /// Set what can be set of it.
    Change(BusName, BusSettings),
    /// Set or take away its policy.
    SetPolicy(BusName, Option<PolicyDocument>),
    /// Add tags to it.
    Tag(BusArn, Tags),
    /// Take away tags that were set by us.
    Untag(BusArn, BTreeSet<String>),
    /// Something about a publisher's role.
    Role(RoleAction),
    /// Something about an archive.
    Archive(ArchiveAction),
    /// Something about an alarm.
    Alarm(AlarmAction),
    /// Something about the alarm that all buses share.
    SharedAlarm(AlarmAction),
    /// Something about its dashboard.
    Dashboard(DashboardAction),
    /// Take targets away from a rule of this cluster and delete it (in a forced deletion alone).
    DeleteRule(BusName, RulePartName, BTreeSet<String>),
    /// Delete the bus.
    DeleteBus(BusName),
}

impl Action {
    /// A change of tags.
    pub(super) fn of_tags(arn: &BusArn, change: TagChange) -> Self {
        match change {
            TagChange::Put(tags) => Self::Tag(arn.clone(), tags),
            TagChange::Take(keys) => Self::Untag(arn.clone(), keys),
        }
    }

    /// What it does, in a reader's words.
    pub fn describe(&self) -> String {
        match self {
            Self::CreateBus(bus) => format!("create bus {}", bus.name),
            Self::Change(name, _) => format!("set description, key and dead-letter queue of bus {name}"),
            Self::SetPolicy(name, _) => format!("set the policy of bus {name}"),
            Self::Tag(arn, _) => format!("tag {arn}"),
            Self::Untag(arn, _) => format!("untag {arn}"),
            Self::Role(action) => action.describe(),
            Self::Archive(action) => action.describe(),
            Self::Alarm(action) | Self::SharedAlarm(action) => action.describe(),
            Self::Dashboard(action) => action.describe(),
            Self::DeleteRule(bus, rule, _) => format!("delete rule {rule} of bus {bus}"),
            Self::DeleteBus(name) => format!("delete bus {name}"),
        }
    }
}

/// What to do, in order: the bus, its policy, its roles, its archives, what watches it; last, what is no longer wanted
/// goes.
pub fn plan(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let Observed { bus, roles, key, obstacle, archives: seen_archives, alarms, shared_alarms, dashboard: graphs } =
        observed;
    if bus.is_none() && obstacle.is_some() {
        return Vec::new();
    }
    let name = || desired.bus_name.clone();
    let mut actions = Vec::new();
    let wanted_tags = tags::wanted(&desired.installation, &desired.owner, &desired.tags);
    let found_policy = if let Some(SeenBus { arn, settings, policy, tags }) = bus {
        // Marked first: what is adopted is ours before it is changed.
        actions.extend(tags::changes(&wanted_tags, tags).into_iter().map(|change| Action::of_tags(arn, change)));
        if obstacle.is_none() && *settings != desired.settings(key.as_ref()) {
            actions.push(Action::Change(name(), desired.settings(key.as_ref())));
        }
        policy.as_ref()
    } else {
        let settings = desired.settings(key.as_ref());
        actions.push(Action::CreateBus(NewBus { name: name(), settings, tags: wanted_tags }));
        None
    };
    let policy = desired.policy(found_policy);
    if policy.as_ref() != found_policy {
        actions.push(Action::SetPolicy(name(), policy));
    }
    let wanted = desired.roles();
    for (role_name, role) in &wanted {
        actions.extend(role::plan(role, roles.get(role_name)).into_iter().map(Action::Role));
    }
    if obstacle.is_none() {
        actions.extend(archives::plan(desired, key.as_ref(), seen_archives).into_iter().map(Action::Archive));
    }
    let (wanted_alarms, tags) = desired.own_alarms();
    actions.extend(alarm::plan(&wanted_alarms, &tags, alarms).into_iter().map(Action::Alarm));
    let (wanted_alarms, tags) = desired.shared_alarms();
    actions.extend(alarm::plan(&wanted_alarms, &tags, shared_alarms).into_iter().map(Action::SharedAlarm));
    actions.extend(dashboard::plan(desired, graphs.as_ref()).map(Action::Dashboard));
    for role_name in roles.keys().filter(|name| !wanted.contains_key(*name)) {
        actions.push(Action::Role(RoleAction::Delete(role_name.clone())));
    }
    actions
}
