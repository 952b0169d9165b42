//! What the status says of a bus: only what was applied.

use crds::{EventBusStatus, event_bus::PublisherRole};
use operator_core::bus::{self, Applied};

/// The status, but for its conditions.
pub(super) fn status(applied: Applied) -> EventBusStatus {
    let Applied { bus_arn, publisher_roles } = applied;
    EventBusStatus {
        bus_arn: Some(bus_arn.to_string()),
        publisher_roles: publisher_roles
            .into_iter()
            .map(|bus::PublisherRole { account, arn }| PublisherRole {
                namespace: account.namespace,
                service_account: account.name,
                role_arn: arn.to_string(),
            })
            .collect(),
        ..EventBusStatus::default()
    }
}
