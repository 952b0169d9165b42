//! InboxQueue: the queue, its dead-letter queue, who may send to them, and the consumers' role.
//!
//! dereference (the rules that target it, with consent) → validate → subscribe (the rules that it owns) → observe →
//! judge (key, retention) → plan → apply → scale (KEDA's objects) → status. The status says which rules the policies let
//! in and since when; rules put their targets by that. An inbox that is deleted leaves its rules first and goes when it
//! is empty.

mod autoscaling;
mod cleanup;
mod counts;
pub(super) mod dereference;
mod judge;
mod protection;
mod status;
mod subscriptions;
mod tell;
mod triggers;
pub(super) mod validate;

use std::time::Duration;

use crds::InboxQueue;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::Client;
use operator_core::inbox;
use tokio_util::sync::CancellationToken;

use super::{granted, world::World};
use crate::{
    publication::entries,
    runner::{
        self, Cleanup, Failure, Found, Look, Progress, Reconciler, Report, Runner, record::Events, tell::hash_of,
    },
};

/// When to look again while a rule that should no longer send still does; its going usually wakes us sooner.
const LINGERING_AGAIN: Duration = Duration::from_secs(15);

/// The controller's two functions.
pub struct InboxQueues {
    world: World,
    client: Client,
    events: Events,
    keda: autoscaling::Keda,
}

impl InboxQueues {
    /// A controller in `world`, whose inboxes own rules and KEDA's objects.
    pub fn new(world: World, client: Client, events: Events) -> Self {
        let keda = autoscaling::Keda::new(client.clone());
        Self { world, client, events, keda }
    }
}

impl Reconciler<InboxQueue> for InboxQueues {
    async fn apply(&self, object: &InboxQueue) -> Result<Report<InboxQueue>, Failure> {
        let World { hub, installation, tenancy, .. } = &self.world;
        let feeding = dereference::dereference(&self.world, object);
        let claim = granted::inbox(tenancy, object)?;
        let (desired, room) = validate::validate(installation, claim, object, &feeding)?;
        let subscribed = subscriptions::subscribe(hub, &self.client, object).await?;
        let aws = self.world.aws_for(object);
        let mut observed = inbox::observe(aws, &desired).await?;
        judge::key(&desired, &observed)?;
        observed.expiring = inbox::weigh_expiry(aws, &desired, &observed, Timestamp::now()).await?;
        let mut actions = inbox::plan(&desired, &observed);
        let found = Found {
            // A rule that lingers and a retention that has to stay are wanted for a while yet.
            wanted: hash_of(&(&desired, &observed.lingering, observed.expiring.keys())),
            differences: inbox::differences(&observed, &actions),
            taken: inbox::taken(&desired, &observed),
        };
        if actions.is_empty() {
            actions = inbox::retire_keys(&desired, &observed);
        }
        let applied = inbox::apply(aws, &desired, &observed, &actions).await?;
        let lingering = (!applied.lingering.is_empty()).then_some(LINGERING_AGAIN);

        // After what was done, so that nothing settles too early.
        let now = Timestamp::now();
        let since = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
        let scaled = self.keda.scale(object, &installation.region, &applied.inbox.url, &since).await?;
        let unsupported = entries::unsupported(&object.spec);

        let oldest = inbox::oldest_message_age(aws, &desired, now).await?.and_then(|age| i64::try_from(age).ok());
        let mut status = status::status(object, (&feeding, &room), &observed, applied, installation.settle, now);
        status.subscriptions = subscribed.statuses;
        status.conditions.push(protection::replay_protection(object, &since));
        status.conditions.extend(scaled.condition);
        let uncounted = counts::show(&mut status, object.status.as_ref(), counts::count(&observed, oldest), now);
        let waiting = protection::not_supported(&unsupported).or(judge::retention(&observed)).or(subscribed.waiting);
        tell::tell(&self.events, object, waiting.as_ref(), &status.conditions).await;
        let in_aws = actions.iter().map(inbox::Action::describe);
        Ok(Report {
            status,
            progress: waiting.map_or(Progress::Ready, Progress::Waiting),
            has_references: !object.spec.subscriptions.is_empty(),
            changes: in_aws.chain(subscribed.changes).chain(scaled.changes).collect(),
            found: Some(found),
            again: [lingering, scaled.again, uncounted].into_iter().flatten().min(),
        })
    }

    async fn look(&self, object: &InboxQueue) -> Result<Look<InboxQueue>, Failure> {
        let feeding = dereference::dereference(&self.world, object);
        let claim = granted::inbox(&self.world.tenancy, object)?;
        let (desired, room) = validate::validate(&self.world.installation, claim, object, &feeding)?;
        let aws = self.world.aws_for(object);
        let observed = inbox::observe(aws, &desired).await?;
        let settle = self.world.installation.settle;
        Ok(Look {
            status: status::seen(object, (&feeding, &room), &observed, &desired, settle, Timestamp::now()),
            differences: judge::differences(&desired, &observed),
            has_references: false,
        })
    }

    async fn cleanup(&self, object: &InboxQueue) -> Result<Cleanup, Failure> {
        let cleanup = cleanup::cleanup(&self.world, &self.client, object).await?;
        if cleanup == Cleanup::Done {
            self.keda.forget(object);
        }
        Ok(cleanup)
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
