//! What there is of a bus.

use super::Desired;
use crate::arn::BusArn;
use crate::error::AwsError;
use crate::names::{RoleName, role_path};
use crate::policy::PolicyDocument;
use crate::ports::{Aws, BusFacts, BusSettings};
use crate::role::{self, SeenRole};
use crate::tags::Tags;
use std::collections::BTreeMap;

/// A bus of ours that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenBus {
    /// Its ARN.
    pub arn: BusArn,
    /// What can be set of it.
    pub settings: BusSettings,
    /// Its resource policy.
    pub policy: Option<PolicyDocument>,
    /// Its tags.
    pub tags: Tags,
}

/// What there is. All of it carries the owner's mark: what does not was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// The bus.
    pub bus: Option<SeenBus>,
    /// The roles of its publishers, present and former.
    pub roles: BTreeMap<RoleName, SeenRole>,
}

/// Reads what there is. A bus or role of the wanted name that is somebody else's is refused.
pub async fn observe(aws: &Aws, desired: &Desired) -> Result<Observed, AwsError> {
    let Desired { installation, owner, claim, bus_name, .. } = desired;
    let bus = match aws.buses.bus(bus_name).await? {
        None => None,
        Some(BusFacts { arn, settings, policy }) => {
            let tags = aws.buses.bus_tags(&arn).await?;
            claim.check(installation, owner, &tags, "EventBridge", &format!("bus {bus_name}"))?;
            Some(SeenBus { arn, settings, policy, tags })
        }
    };
    let mut roles = BTreeMap::new();
    let wanted = desired.roles();
    for name in wanted.keys() {
        if let Some(seen) = role::observe(aws, installation, owner, *claim, name).await? {
            roles.insert(name.clone(), seen);
        }
    }
    for name in aws.roles.under(&role_path(installation, owner)).await? {
        if !wanted.contains_key(&name)
            && let Some(seen) = role::observe_own(aws, installation, owner, &name).await?
        {
            roles.insert(name, seen);
        }
    }
    Ok(Observed { bus, roles })
}
