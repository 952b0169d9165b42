//! What there is of a bus.

use super::alarms::{self, SharedAlarm};
use super::{Desired, Obstacle, archives, dashboard, encryption};
use crate::alarm::{self, SeenAlarm};
use crate::arn::BusArn;
use crate::error::AwsError;
use crate::installation::Installation;
use crate::names::{AlarmName, ArchiveName, BusName, KmsKeyId, RoleName, role_path};
use crate::owner::Owner;
use crate::policy::PolicyDocument;
use crate::ports::{ArchiveFacts, Aws, BusFacts, BusSettings};
use crate::role::{self, SeenRole};
use crate::tags::{self, Tags};
use serde_json::Value;
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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// The bus.
    pub bus: Option<SeenBus>,
    /// The roles of its publishers, present and former.
    pub roles: BTreeMap<RoleName, SeenRole>,
    /// The key that the bus should have, by its ARN. EventBridge was found to be able to use it.
    pub key: Option<KmsKeyId>,
    /// What keeps EventBridge from using the key or the dead-letter queue. Until it is gone the bus is not made, and
    /// neither it nor its archives are changed; its policy, its roles and what watches it are.
    pub obstacle: Option<Obstacle>,
    /// Its archives, present and former.
    pub archives: BTreeMap<ArchiveName, ArchiveFacts>,
    /// Its alarms, present and former.
    pub alarms: BTreeMap<AlarmName, SeenAlarm>,
    /// The alarm that all buses share; not looked for where it is others' to keep.
    pub shared_alarms: BTreeMap<AlarmName, SeenAlarm>,
    /// The body of its dashboard.
    pub dashboard: Option<Value>,
}

/// Refuses a bus that does not carry the mark of `owner`; one that is not there is `Missing`. What is put on a bus is
/// put on its owner's.
pub async fn check_owner(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    name: &BusName,
) -> Result<(), AwsError> {
    let found = aws.buses.bus_tags(&installation.bus_arn(name)).await?;
    tags::check_owner(installation, owner, &found, "EventBridge", &format!("bus {name}"))
}

/// Reads what there is. What has a wanted name and is somebody else's is refused.
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
    let (key, obstacle) = encryption::observe(aws, desired).await?;
    Ok(Observed {
        bus,
        roles,
        key,
        obstacle,
        archives: archives::observe(aws, desired).await?,
        alarms: alarm::observe(aws, installation, owner, *claim).await?,
        shared_alarms: match desired.shared_alarm {
            SharedAlarm::OfOthers => BTreeMap::new(),
            _ => alarm::observe(aws, installation, &alarms::shared_owner(installation), *claim).await?,
        },
        dashboard: dashboard::observe(aws, desired).await?,
    })
}
