//! EventRule: a rule on a bus, and the inboxes it delivers to.
//!
//! dereference (bus, inboxes, consent) → validate → observe → plan → apply → status. A target is put only when the
//! inbox's object says that its policy lets the rule in, and since long enough; the arrival of whatever is waited for
//! wakes the rule.

mod cleanup;
mod dereference;
mod status;
pub(super) mod triggers;
pub(super) mod validate;

use crds::EventRule;
use k8s_openapi::jiff::Timestamp;
use operator_core::rule;
use tokio_util::sync::CancellationToken;

use super::world::World;
use crate::runner::{self, Cleanup, Failure, Reconciler, Report, Runner};
use dereference::Consented;

/// The controller's two functions.
pub struct EventRules {
    world: World,
}

impl EventRules {
    /// A controller in `world`.
    pub fn new(world: World) -> Self {
        Self { world }
    }
}

impl Reconciler<EventRule> for EventRules {
    async fn apply(&self, object: &EventRule) -> Result<Report<EventRule>, Failure> {
        let referenced = match dereference::dereference(&self.world, object)? {
            Consented::Given(referenced) => referenced,
            Consented::Refused { bus, wait } => {
                cleanup::cut_off(&self.world, object, &bus).await?;
                return Err(wait.into());
            }
        };
        let validated = validate::validate(&self.world.installation, object, &referenced, Timestamp::now())?;
        let observed = rule::observe(&self.world.aws, &validated.desired).await?;
        let actions = rule::plan(&validated.desired, &observed);
        let applied = rule::apply(&self.world.aws, &validated.desired, &actions).await?;
        Ok(Report {
            status: status::status(&validated.desired, &observed, &applied),
            progress: status::progress(&referenced, &validated, &applied),
            has_references: true,
            changes: actions.iter().map(rule::Action::describe).collect(),
            again: None,
        })
    }

    async fn cleanup(&self, object: &EventRule) -> Result<Cleanup, Failure> {
        cleanup::cleanup(&self.world, object).await
    }
}

/// Runs the controller until `shutdown`.
pub fn run(
    world: &World,
    runner: Runner<EventRule, EventRules>,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    runner::run(runner, world.hub.rules.store().clone(), triggers::triggers(&world.hub), shutdown)
}
