//! Doing it, and what stands after.

use super::{Action, Desired};
use crate::arn::{BusArn, RoleArn};
use crate::error::AwsError;
use crate::owner::ServiceAccount;
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
}

/// Does the actions in order, up to the first that fails.
pub async fn apply(aws: &Aws, desired: &Desired, actions: &[Action]) -> Result<Applied, AwsError> {
    for action in actions {
        act(aws, action).await?;
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
        }
    }
}

pub(super) async fn act(aws: &Aws, action: &Action) -> Result<(), AwsError> {
    let buses = &aws.buses;
    match action {
        Action::CreateBus(bus) => buses.create_bus(bus).await.map(drop),
        Action::Change(name, settings) => buses.change_bus(name, settings).await,
        Action::SetPolicy(name, policy) => buses.set_bus_policy(name, policy.as_ref()).await,
        Action::Tag(arn, tags) => buses.tag_bus(arn, tags).await,
        Action::Untag(arn, keys) => buses.untag_bus(arn, keys).await,
        Action::Role(action) => role::apply(aws, action).await,
        Action::DeleteRule(bus, rule, targets) => {
            if !targets.is_empty() {
                buses.remove_targets(bus, rule, targets).await?;
            }
            buses.delete_rule(bus, rule).await
        }
        Action::DeleteBus(name) => buses.delete_bus(name).await,
    }
}
