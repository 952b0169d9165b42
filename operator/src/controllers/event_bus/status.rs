//! What the status says of a bus: only what was applied.

use crds::{EventBusStatus, event_bus::PublisherRole};
use operator_core::bus::{self, Applied, Desired, Observed};

/// The status, but for its conditions.
pub(super) fn status(applied: Applied) -> EventBusStatus {
    let Applied { bus_arn, publisher_roles } = applied;
    EventBusStatus {
        bus_arn: Some(bus_arn.to_string()),
        publisher_roles: publisher_roles.into_iter().map(role).collect(),
        ..EventBusStatus::default()
    }
}

/// The status of a bus that is only looked at: what is there.
pub(super) fn seen(desired: &Desired, observed: &Observed) -> EventBusStatus {
    let Applied { bus_arn: _, mut publisher_roles } = Applied::expected(desired);
    publisher_roles.retain(|role| observed.roles.contains_key(&desired.role_name(&role.account)));
    EventBusStatus {
        bus_arn: observed.bus.as_ref().map(|bus| bus.arn.to_string()),
        publisher_roles: publisher_roles.into_iter().map(role).collect(),
        ..EventBusStatus::default()
    }
}

fn role(role: bus::PublisherRole) -> PublisherRole {
    let bus::PublisherRole { account, arn } = role;
    PublisherRole { namespace: account.namespace, service_account: account.name, role_arn: arn.to_string() }
}
