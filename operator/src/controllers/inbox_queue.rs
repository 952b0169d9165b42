//! InboxQueue: the queue, its dead-letter queue, who may send to them, and the consumers' role.
//!
//! dereference (the rules that target it, with consent) → validate → observe → plan → apply → status. The status says
//! which rules the policies let in and since when; rules put their targets by that. An inbox that is deleted leaves
//! its rules first and goes when it is empty.

mod cleanup;
mod dereference;
mod status;
mod triggers;
mod validate;

use std::time::Duration;

use crds::InboxQueue;
use k8s_openapi::jiff::Timestamp;
use operator_core::inbox;
use tokio_util::sync::CancellationToken;

use super::{granted, world::World};
use crate::runner::{self, Cleanup, Failure, Found, Look, Progress, Reconciler, Report, Runner, tell::hash_of};

/// When to look again while a rule that should no longer send still does; its going usually wakes us sooner.
const LINGERING_AGAIN: Duration = Duration::from_secs(15);

/// The controller's two functions.
pub struct InboxQueues {
    world: World,
}

impl InboxQueues {
    /// A controller in `world`.
    pub fn new(world: World) -> Self {
        Self { world }
    }
}

impl Reconciler<InboxQueue> for InboxQueues {
    async fn apply(&self, object: &InboxQueue) -> Result<Report<InboxQueue>, Failure> {
        let feeding = dereference::dereference(&self.world, object);
        let claim = granted::inbox(&self.world.tenancy, object)?;
        let desired = validate::validate(&self.world.installation, claim, object, &feeding)?;
        let aws = self.world.aws_for(object);
        let observed = inbox::observe(aws, &desired).await?;
        let actions = inbox::plan(&desired, &observed);
        let found = Found {
            // A rule that lingers is wanted for a while yet.
            wanted: hash_of(&(&desired, &observed.lingering)),
            differences: inbox::differences(&observed, &actions),
            taken: inbox::taken(&desired, &observed),
        };
        let applied = inbox::apply(aws, &desired, &observed, &actions).await?;
        let again = (!applied.lingering.is_empty()).then_some(LINGERING_AGAIN);
        let settle = self.world.installation.settle;
        Ok(Report {
            status: status::status(object, &feeding, &observed, applied, settle, Timestamp::now()),
            progress: Progress::Ready,
            has_references: false,
            changes: actions.iter().map(inbox::Action::describe).collect(),
            found: Some(found),
            again,
        })
    }

    async fn look(&self, object: &InboxQueue) -> Result<Look<InboxQueue>, Failure> {
        let feeding = dereference::dereference(&self.world, object);
        let claim = granted::inbox(&self.world.tenancy, object)?;
        let desired = validate::validate(&self.world.installation, claim, object, &feeding)?;
        let aws = self.world.aws_for(object);
        let observed = inbox::observe(aws, &desired).await?;
        let settle = self.world.installation.settle;
        Ok(Look {
            status: status::seen(object, &feeding, &observed, &desired, settle, Timestamp::now()),
            differences: inbox::differences(&observed, &inbox::plan(&desired, &observed)),
            has_references: false,
        })
    }

    async fn cleanup(&self, object: &InboxQueue) -> Result<Cleanup, Failure> {
        cleanup::cleanup(&self.world, object).await
    }
}

/// Runs the controller until `shutdown`.
pub fn run(
    world: &World,
    runner: Runner<InboxQueue, InboxQueues>,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    runner::run(runner, world.hub.inboxes.store().clone(), triggers::triggers(&world.hub), shutdown)
}
