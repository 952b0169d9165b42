//! EventBus: the bus, a role for each publisher, archives, and what watches it.
//!
//! dereference (the rules on it and the other buses, for its alarms) → validate → observe → judge (key, dead-letter
//! queue) → plan → apply → status; publishers are named, not read. A bus that is deleted waits for its rules.

mod cleanup;
pub(super) mod dereference;
mod judge;
mod parts;
mod status;
mod triggers;
pub(super) mod validate;

use crds::EventBus;
use operator_core::bus;
use tokio_util::sync::CancellationToken;

use super::{granted, world::World};
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

    fn desired(&self, object: &EventBus) -> Result<bus::Desired, Failure> {
        let World { hub, tenancy, installation, .. } = &self.world;
        let claim = granted::bus(tenancy, object)?;
        let referenced = dereference::dereference(hub, tenancy, object);
        Ok(validate::validate(installation, claim, object, &referenced)?)
    }
}

impl Reconciler<EventBus> for EventBuses {
    async fn apply(&self, object: &EventBus) -> Result<Report<EventBus>, Failure> {
        let desired = self.desired(object)?;
        let aws = self.world.aws_for(object);
        let observed = bus::observe(aws, &desired).await?;
        let actions = bus::plan(&desired, &observed);
        let found = Found {
            // What is in the way keeps some of it from being wanted yet.
            wanted: hash_of(&(&desired, &observed.obstacle)),
            differences: bus::differences(&observed, &actions),
            taken: bus::taken(&desired, &observed),
        };
        let applied = bus::apply(aws, &desired, &actions).await?;
        let waiting = observed.obstacle.as_ref().map(judge::obstacle).transpose()?;
        let status = match &waiting {
            None => status::status(applied),
            // Not all that is expected stands; what was just made beside it is seen by the next pass.
            Some(_) => status::seen(&desired, &observed),
        };
        Ok(Report {
            status,
            progress: waiting.map_or(Progress::Ready, Progress::Waiting),
            has_references: false,
            changes: actions.iter().map(bus::Action::describe).collect(),
            found: Some(found),
            again: None,
        })
    }

    async fn look(&self, object: &EventBus) -> Result<Look<EventBus>, Failure> {
        let desired = self.desired(object)?;
        let aws = self.world.aws_for(object);
        let observed = bus::observe(aws, &desired).await?;
        Ok(Look {
            status: status::seen(&desired, &observed),
            differences: judge::differences(&desired, &observed)?,
            has_references: false,
        })
    }

    async fn cleanup(&self, object: &EventBus) -> Result<Cleanup, Failure> {
        cleanup::cleanup(&self.world, object).await
    }
}

/// Runs the controller until `shutdown`.
pub fn run(
    world: &World,
    runner: Runner<EventBus, EventBuses>,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    runner::run(runner, world.hub.buses.store().clone(), triggers::triggers(&world.hub), shutdown)
}
