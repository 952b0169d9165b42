//! SigningKey: a line of keys in the key namespace.
//!
//! dereference (the bus, the other keys of it) → validate → list → plan → apply → status. The plan is
//! [`crate::keys::plan_keys`]; phases, times and kids stand with the keys' Secrets and are never read from the status.
//!
//! A key whose bus is gone, or whose spec cannot work any more, gets no successor, but is not forgotten either: the
//! keys there are go through their phases, private parts are destroyed in time, revocations count.

mod cleanup;
mod dereference;
mod guard;
mod status;
mod unknown;
mod validate;

use std::{sync::Arc, time::Duration};

use crds::{EventBus, SigningKey, conditions::reason};
use eventing::types::BusId;
use futures::{Stream, StreamExt, stream};
use kube::{Resource, ResourceExt, runtime::reflector::ObjectRef};
use tokio_util::sync::CancellationToken;

use super::{
    granted,
    world::{World, own_facts},
};
use crate::{
    keys::{
        KeyPolicy, Line, Signing, UnixSeconds,
        maintain::{Maintained, maintain},
        store::{KeyStore, Keys as _, StoreError},
        tell,
    },
    runner::{
        self, Change, Cleanup, Failure, Hub, Look, Pace, Progress, Reconciler, Report, Retry, Runner, Terminal,
        record::Events,
    },
};
use guard::Counted;
use unknown::Warned;

/// How the controller keeps keys.
pub struct Keeping {
    /// Where they are kept.
    pub store: KeyStore,
    /// The namespace of that, which Events name.
    pub namespace: String,
    /// How long public keys stay after their `exp`.
    pub keep: Duration,
}

/// The controller's two functions.
pub struct SigningKeys {
    world: World,
    keeping: Keeping,
    events: Events,
    counted: Counted,
    warned: Warned,
}

impl SigningKeys {
    /// A controller of the keys in `keeping`. AWS is asked only what the inboxes of a bus hold, when a key is deleted.
    pub fn new(world: World, keeping: Keeping, events: Events) -> Self {
        Self { world, keeping, events, counted: Counted::default(), warned: Warned::default() }
    }

    /// Whether the object may have keys, and if so, whether it takes over those that an earlier one left.
    fn judge(&self, object: &SigningKey) -> Result<bool, Failure> {
        let referenced = dereference::dereference(&self.world.hub, object)?;
        granted::signing_key(&self.world.tenancy, object, &referenced.bus)?;
        validate::validate(object, &referenced)?;
        Ok(granted::adopts_keys(&self.world.tenancy, object)?)
    }

    /// Brings the object's keys to what `policy` says, and tells what was done.
    async fn keep(&self, object: &SigningKey, policy: &KeyPolicy, now: UnixSeconds) -> Result<Maintained, Failure> {
        let maintained = maintain(&self.keeping.store, &line(object)?, policy, now).await?;
        tell::tell(&self.events, &object.object_ref(&()), &self.keeping.namespace, &maintained.changes).await;
        Ok(maintained)
    }
}

impl Reconciler<SigningKey> for SigningKeys {
    async fn apply(&self, object: &SigningKey) -> Result<Report<SigningKey>, Failure> {
        let judged = self.judge(object);
        let (signing, adopts) = match &judged {
            Ok(adopts) => (Signing::Wanted, *adopts),
            Err(_) => (Signing::Held, false),
        };
        let (_, revoked) = dereference::others(&self.world.hub, object);
        let policy = KeyPolicy { adopts, ..validate::policy(object, revoked, self.keeping.keep, signing)? };
        let now = UnixSeconds::now();
        let maintained = self.keep(object, &policy, now).await?;
        self.warned.tell(&self.events, object, &maintained.kids).await;
        let progress = match judged {
            Ok(_) => Progress::Ready,
            Err(Failure::Wait(wait)) => Progress::Waiting(wait),
            Err(failure) => return Err(failure),
        };
        Ok(Report {
            status: status::status(&policy, &maintained.records, now),
            progress,
            has_references: true,
            // Each has been told on its own.
            changes: Vec::new(),
            found: None,
            // A second more: the moment itself must have come.
            again: policy.next_change(&maintained.keys(), now).map(|at| now.until(at) + Duration::from_secs(1)),
        })
    }

    async fn look(&self, object: &SigningKey) -> Result<Look<SigningKey>, Failure> {
        let adopts = self.judge(object)?;
        let (_, revoked) = dereference::others(&self.world.hub, object);
        let policy = KeyPolicy { adopts, ..validate::policy(object, revoked, self.keeping.keep, Signing::Held)? };
        let line = line(object)?;
        let mut records = self.keeping.store.list(line.bus()).await?;
        records.retain(|record| record.line == line);
        Ok(Look {
            status: status::status(&policy, &records, UnixSeconds::now()),
            // Keys are of their time: what a managing object would do next is no difference yet.
            differences: Vec::new(),
            has_references: true,
        })
    }

    async fn cleanup(&self, object: &SigningKey) -> Result<Cleanup, Failure> {
        cleanup::cleanup(self, object).await
    }
}

/// The line of keys that the object stands for.
fn line(object: &SigningKey) -> Result<Line, Terminal> {
    let namespace = object.namespace().unwrap_or_default();
    let bus =
        BusId::new(&namespace, &object.spec.bus_ref.name).map_err(|error| Terminal::spec("busRef.name", error))?;
    Ok(Line::Signing { bus, name: object.name_any() })
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Retry { message: error.to_string(), pace: Pace::Quick, source: Some(Box::new(error)) }.into()
    }
}

/// Runs the controller until `shutdown`. Woken by the key, by its bus, and by the other keys of its bus.
pub fn run(
    hub: &Hub,
    runner: Runner<SigningKey, SigningKeys>,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    runner::run(runner, hub.signing_keys.store().clone(), triggers(hub), shutdown)
}

fn triggers(hub: &Hub) -> impl Stream<Item = ObjectRef<SigningKey>> + Send + use<> {
    let keys = hub.signing_keys.clone();
    let own = hub.signing_keys.changes_of(own_facts).flat_map(move |change| {
        let key = change.object();
        let bus = (key.namespace().unwrap_or_default(), key.spec.bus_ref.name.clone());
        let mut woken = of_bus(&keys, &bus.0, &bus.1);
        if matches!(change, Change::Seen(_)) {
            woken.push(ObjectRef::from_obj(key.as_ref()));
        }
        stream::iter(woken)
    });
    let keys = hub.signing_keys.clone();
    let buses = hub.buses.changes_of(bus_facts).flat_map(move |change| {
        let bus: &Arc<EventBus> = change.object();
        stream::iter(of_bus(&keys, &bus.namespace().unwrap_or_default(), &bus.name_any()))
    });
    stream::select(own, buses)
}

/// What of a bus its keys depend on.
fn bus_facts(bus: &EventBus) -> (Option<String>, bool, Vec<String>) {
    let sources = bus.spec.publishers.iter().flat_map(|publisher| publisher.sources.iter().cloned()).collect();
    (bus.uid(), bus.metadata.deletion_timestamp.is_some(), sources)
}

fn of_bus(keys: &runner::Watched<SigningKey>, namespace: &str, bus: &str) -> Vec<ObjectRef<SigningKey>> {
    let of_it = |key: &SigningKey| key.namespace().as_deref() == Some(namespace) && key.spec.bus_ref.name == bus;
    keys.store().state_filter(of_it).iter().map(|key| ObjectRef::from_obj(key.as_ref())).collect()
}

/// A reference that is not there.
fn no_bus(namespace: &str, name: &str) -> runner::Wait {
    runner::Wait::reference(
        reason::REF_NOT_FOUND,
        format!("spec.busRef: there is no EventBus {namespace}/{name} (yet)"),
    )
}
