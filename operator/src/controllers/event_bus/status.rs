//! What the status says of a bus: only what was applied.

use crds::{EventBusStatus, bus_parts::ArchiveStatus, event_bus::PublisherRole};
use operator_core::{
    arn::ArchiveArn,
    bus::{self, Applied, Desired, Observed},
};

/// How many alarms are named: a bus may have 1,200, and an object is not the place to list them.
const ALARMS_NAMED: usize = 100;

/// The status, but for its conditions.
pub(super) fn status(applied: Applied) -> EventBusStatus {
    let Applied { bus_arn, publisher_roles, archives, alarms, dashboard } = applied;
    EventBusStatus {
        bus_arn: Some(bus_arn.to_string()),
        publisher_roles: publisher_roles.into_iter().map(role).collect(),
        archives: archives.iter().map(archive).collect(),
        alarm_count: (!alarms.is_empty()).then(|| i32::try_from(alarms.len()).unwrap_or(i32::MAX)),
        alarm_names: alarms.into_iter().take(ALARMS_NAMED).map(String::from).collect(),
        dashboard_name: dashboard.map(String::from),
        ..EventBusStatus::default()
    }
}

/// The status of a bus that is only looked at: what is there.
pub(super) fn seen(desired: &Desired, observed: &Observed) -> EventBusStatus {
    let Applied { bus_arn, mut publisher_roles, archives: _, alarms: _, dashboard } = Applied::expected(desired);
    publisher_roles.retain(|role| observed.roles.contains_key(&desired.role_name(&role.account)));
    let there = Applied {
        bus_arn,
        publisher_roles,
        archives: observed.archives.values().map(|archive| archive.arn.clone()).collect(),
        alarms: observed.alarms.keys().chain(observed.shared_alarms.keys()).cloned().collect(),
        dashboard: dashboard.filter(|_| observed.dashboard.is_some()),
    };
    EventBusStatus { bus_arn: observed.bus.as_ref().map(|bus| bus.arn.to_string()), ..status(there) }
}

fn archive(arn: &ArchiveArn) -> ArchiveStatus {
    ArchiveStatus { name: arn.name().to_owned(), archive_arn: arn.to_string() }
}

fn role(role: bus::PublisherRole) -> PublisherRole {
    let bus::PublisherRole { account, arn } = role;
    PublisherRole { namespace: account.namespace, service_account: account.name, role_arn: arn.to_string() }
}
