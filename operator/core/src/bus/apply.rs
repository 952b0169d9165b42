//! Doing it, and what stands after.

use super::{Action, Desired, alarms, archives, dashboard};
use crate::alarm;
use crate::arn::{ArchiveArn, BusArn, RoleArn};
use crate::error::AwsError;
use crate::installation::Installation;
use crate::names::{AlarmName, DashboardName, dashboard_name};
use crate::owner::{Owner, ServiceAccount};
use crate::ports::Aws;
use crate::role;

/// The role of a publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherRole {
    /// Whose it is.
    pub account: ServiceAccount,
    /// The role.
    pub arn: RoleArn,
}

/// What stands after all actions were done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The bus.
    pub bus_arn: BusArn,
    /// Its publishers' roles.
    pub publisher_roles: Vec<PublisherRole>,
    /// Its archives.
    pub archives: Vec<ArchiveArn>,
    /// Its alarms, and last the one that all buses share, where this bus has alarms.
    pub alarms: Vec<AlarmName>,
    /// Its dashboard.
    pub dashboard: Option<DashboardName>,
}

/// Does the actions in order, up to the first that fails.
pub async fn apply(aws: &Aws, desired: &Desired, actions: &[Action]) -> Result<Applied, AwsError> {
    for action in actions {
        act(aws, &desired.installation, &desired.owner, action).await?;
    }
    Ok(Applied::expected(desired))
}

impl Applied {
    /// What will stand, since names are deterministic: nothing is read.
    pub fn expected(desired: &Desired) -> Self {
        let Desired { installation, owner, .. } = desired;
        let publishers = desired.publishers.iter().filter(|(_, sources)| !sources.is_empty());
        Self {
            bus_arn: installation.bus_arn(&desired.bus_name),
            publisher_roles: publishers
                .map(|(account, _)| PublisherRole {
                    account: account.clone(),
                    arn: installation.role_arn(owner, &desired.role_name(account)),
                })
                .collect(),
            archives: desired.archives.keys().map(|name| installation.archive_arn(name)).collect(),
            alarms: desired
                .own_alarms()
                .0
                .into_iter()
                .chain(desired.shared_alarms().0)
                .map(|alarm| alarm.name)
                .collect(),
            dashboard: desired.dashboard.then(|| dashboard_name(installation, owner)),
        }
    }
}

pub(super) async fn act(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    action: &Action,
) -> Result<(), AwsError> {
    let buses = &aws.buses;
    match action {
        Action::CreateBus(bus) => buses.create_bus(bus).await.map(drop),
        Action::Change(name, settings) => buses.change_bus(name, settings).await,
        Action::SetPolicy(name, policy) => buses.set_bus_policy(name, policy.as_ref()).await,
        Action::Tag(arn, tags) => buses.tag_bus(arn, tags).await,
        Action::Untag(arn, keys) => buses.untag_bus(arn, keys).await,
        Action::Role(action) => role::apply(aws, action).await,
        Action::Archive(action) => archives::apply(aws, action).await,
        Action::Alarm(action) => alarm::apply(aws, installation, owner, action).await,
        Action::SharedAlarm(action) => {
            alarm::apply(aws, installation, &alarms::shared_owner(installation), action).await
        }
        Action::Dashboard(action) => dashboard::apply(aws, action).await,
        Action::DeleteRule(bus, rule, targets) => {
            if !targets.is_empty() {
                buses.remove_targets(bus, rule, targets).await?;
            }
            buses.delete_rule(bus, rule).await
        }
        Action::DeleteBus(name) => buses.delete_bus(name).await,
    }
}
