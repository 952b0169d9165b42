//! EventBus: the bus, and a role for each publisher.
//!
//! validate → observe → plan → apply → status; nothing is dereferenced, since publishers are named, not read. A bus
//! that is deleted waits for its rules.

mod cleanup;
mod status;
mod validate;

use crds::EventBus;
use futures::{StreamExt, future, stream};
use kube::runtime::reflector::ObjectRef;
use operator_core::bus;
use tokio_util::sync::CancellationToken;

use super::{
    granted,
    world::{World, own_facts},
};
use crate::runner::{self, Cleanup, Failure, Found, Look, Progress, Reconciler, Report, Runner, tell::hash_of};

/// The controller's two functions.
pub struct EventBuses {
    world: World,
}

impl EventBuses {
    /// A controller in `world`.
    pub fn new(world: World) -> Self {
        Self { world }
    }
}

impl Reconciler<EventBus> for EventBuses {
    async fn apply(&self, object: &EventBus) -> Result<Report<EventBus>, Failure> {
        let desired = validate::validate(&self.world.installation, granted::bus(&self.world.tenancy, object)?, object)?;
        let aws = self.world.aws_for(object);
        let observed = bus::observe(aws, &desired).await?;
        let actions = bus::plan(&desired, &observed);
        let found = Found {
            wanted: hash_of(&desired),
            differences: bus::differences(&observed, &actions),
            taken: bus::taken(&desired, &observed),
        };
        let applied = bus::apply(aws, &desired, &actions).await?;
        Ok(Report {
            status: status::status(applied),
            progress: Progress::Ready,
            has_references: false,
            changes: actions.iter().map(bus::Action::describe).collect(),
            found: Some(found),
            again: None,
        })
    }

    async fn look(&self, object: &EventBus) -> Result<Look<EventBus>, Failure> {
        let desired = validate::validate(&self.world.installation, granted::bus(&self.world.tenancy, object)?, object)?;
        let aws = self.world.aws_for(object);
        let observed = bus::observe(aws, &desired).await?;
        Ok(Look {
            status: status::seen(&desired, &observed),
            differences: bus::differences(&observed, &bus::plan(&desired, &observed)),
            has_references: false,
        })
    }

    async fn cleanup(&self, object: &EventBus) -> Result<Cleanup, Failure> {
        cleanup::cleanup(&self.world, object).await
    }
}

/// Runs the controller until `shutdown`. Woken by the bus, and by its rules while it is being deleted.
pub fn run(
    world: &World,
    runner: Runner<EventBus, EventBuses>,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let own = world.hub.buses.changes_of(own_facts).map(|change| ObjectRef::from_obj(change.object().as_ref()));
    let buses = world.hub.buses.clone();
    let rules = world.hub.rules.changes_of(own_facts).filter_map(move |change| {
        let rule = change.object();
        let namespace = rule.spec.bus_ref.namespace_or(rule.metadata.namespace.as_deref().unwrap_or_default());
        let bus = buses.get(namespace, &rule.spec.bus_ref.name);
        let leaving = bus.filter(|bus| bus.metadata.deletion_timestamp.is_some());
        future::ready(leaving.map(|bus| ObjectRef::from_obj(bus.as_ref())))
    });
    runner::run(runner, world.hub.buses.store().clone(), stream::select(own, rules), shutdown)
}
