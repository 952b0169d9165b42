//! EventRule: a rule on a bus, and the inboxes it delivers to.
//!
//! dereference (bus, inboxes, consent) → validate → whose the bus is → observe → plan → apply → status. A target is put
//! only when the inbox's object says that its policy lets the rule in, and since long enough; the arrival of whatever is
//! waited for wakes the rule.

mod cleanup;
pub(super) mod dereference;
pub(crate) mod names;
mod room;
mod status;
pub(crate) mod target;
pub(super) mod triggers;
pub(super) mod validate;

use crds::{EventBus, EventRule, conditions::reason};
use k8s_openapi::jiff::Timestamp;
use operator_core::{Aws, bus, error::ErrorClass, names::BusName, owner::Kind, rule};
use tokio_util::sync::CancellationToken;

use super::{
    granted,
    world::{World, full_name, owner},
};
use crate::runner::{
    self, Cleanup, Failure, Found, Look, Progress, Reconciler, Report, Runner, Terminal, tell::hash_of,
};
use dereference::{Consented, Referenced};
use validate::Validated;

/// The controller's two functions.
pub struct EventRules {
    world: World,
}

impl EventRules {
    /// A controller in `world`.
    pub fn new(world: World) -> Self {
        Self { world }
    }

    fn validate(&self, object: &EventRule, referenced: &Referenced) -> Result<Validated, Terminal> {
        let claim = granted::rule(&self.world.tenancy, object, &validate::rule_name(object)?)?;
        validate::validate(&self.world.installation, claim, object, referenced, Timestamp::now())
    }

    /// Refuses a bus in AWS that is not its EventBus's: that object was refused, or only observes, or has a status that
    /// somebody wrote; a rule would reach what is another's.
    async fn on_its_own(&self, aws: &Aws, bus: &EventBus, name: &BusName) -> Result<(), Failure> {
        let checked = bus::check_owner(aws, &self.world.installation, &owner(Kind::EventBus, bus), name).await;
        checked.map_err(|error| match error.class {
            ErrorClass::NotOurs { owner } => Terminal {
                reason: reason::NOT_OURS,
                message: format!(
                    "spec.busRef: bus {name} belongs to {owner}, and not to EventBus {}; name the EventBus that made or \
                     adopted it",
                    full_name(bus)
                ),
            }
            .into(),
            _ => error.into(),
        })
    }
}

impl EventRules {
    /// Whether all is in effect; if not, what only an edit can help comes first, then what is waited for.
    fn progress(
        &self,
        object: &EventRule,
        referenced: &dereference::Referenced,
        validated: &validate::Validated,
        applied: &rule::Applied,
    ) -> Progress {
        let rule::Desired { bus_name, rule_name, .. } = &validated.desired;
        let parts = self.world.installation.rule_arns(bus_name, rule_name, object.spec.targets.len());
        match room::without_room(&parts, referenced.inboxes()) {
            Some(terminal) => Progress::Terminal(terminal),
            None => status::progress(referenced, validated, applied),
        }
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
        let validated = self.validate(object, &referenced)?;
        let aws = self.world.aws_for(object);
        self.on_its_own(aws, &referenced.bus, &validated.desired.bus_name).await?;
        let observed = rule::observe(aws, &validated.desired).await?;
        let actions = rule::plan(&validated.desired, &observed);
        let found = Found {
            wanted: hash_of(&validated.desired),
            differences: rule::differences(&observed, &actions),
            taken: rule::taken(&validated.desired, &observed),
        };
        let applied = rule::apply(aws, &validated.desired, &observed, &actions).await?;
        let mut status = status::status(&validated.desired, &observed, &applied);
        status.conditions.extend(status::within_skew(object, &referenced, Timestamp::now()));
        Ok(Report {
            status,
            progress: self.progress(object, &referenced, &validated, &applied),
            has_references: true,
            changes: actions.iter().map(rule::Action::describe).collect(),
            found: Some(found),
            again: None,
        })
    }

    async fn look(&self, object: &EventRule) -> Result<Look<EventRule>, Failure> {
        let referenced = match dereference::dereference(&self.world, object)? {
            Consented::Given(referenced) => referenced,
            Consented::Refused { wait, .. } => return Err(wait.into()),
        };
        let validated = self.validate(object, &referenced)?;
        let aws = self.world.aws_for(object);
        let observed = rule::observe(aws, &validated.desired).await?;
        Ok(Look {
            status: status::seen(&observed),
            differences: rule::differences(&observed, &rule::plan(&validated.desired, &observed)),
            has_references: true,
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
