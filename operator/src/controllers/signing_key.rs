//! SigningKey: a line of keys in the key namespace.
//!
//! dereference (the bus, the other keys of it) → validate → list → plan → apply → status. The plan is
//! [`crate::keys::plan_keys`]; phases, times and kids stand with the keys' Secrets and are never read from the status.

mod cleanup;
mod dereference;
mod status;
mod validate;

use std::{sync::Arc, time::Duration};

use crds::{EventBus, SigningKey, conditions::reason};
use eventing::types::BusId;
use futures::{Stream, StreamExt, stream};
use kube::{ResourceExt, runtime::reflector::ObjectRef};
use operator_core::Tenancy;
use tokio_util::sync::CancellationToken;

use super::{granted, world::own_facts};
use crate::{
    keys::{
        Line, UnixSeconds, maintain,
        store::{KeyStore, StoreError},
    },
    runner::{self, Change, Cleanup, Failure, Hub, Look, Pace, Progress, Reconciler, Report, Retry, Runner, Terminal},
};

/// The controller's two functions.
pub struct SigningKeys {
    hub: Hub,
    tenancy: Arc<Tenancy>,
    store: KeyStore,
    keep: Duration,
}

impl SigningKeys {
    /// A controller that keeps keys in `store` and public ones for `keep` after their `exp`.
    pub fn new(hub: Hub, tenancy: Arc<Tenancy>, store: KeyStore, keep: Duration) -> Self {
        Self { hub, tenancy, store, keep }
    }
}

impl Reconciler<SigningKey> for SigningKeys {
    async fn apply(&self, object: &SigningKey) -> Result<Report<SigningKey>, Failure> {
        let referenced = dereference::dereference(&self.hub, object)?;
        granted::signing_key(&self.tenancy, object, &referenced.bus)?;
        let policy = validate::validate(object, &referenced, self.keep)?;
        let now = UnixSeconds::now();
        let maintained = maintain::maintain(&self.store, &line(object)?, &policy, now).await?;
        let keys = maintained.keys();
        Ok(Report {
            status: status::status(&policy, &maintained.records, now),
            progress: Progress::Ready,
            has_references: true,
            changes: maintained.changes,
            found: None,
            // A second more: the moment itself must have come.
            again: policy.next_change(&keys, now).map(|at| now.until(at) + Duration::from_secs(1)),
        })
    }

    async fn look(&self, object: &SigningKey) -> Result<Look<SigningKey>, Failure> {
        let referenced = dereference::dereference(&self.hub, object)?;
        let policy = validate::validate(object, &referenced, self.keep)?;
        let records = self.store.list(&line(object)?).await?;
        Ok(Look {
            status: status::status(&policy, &records, UnixSeconds::now()),
            // Keys are of their time: what a managing object would do next is no difference yet.
            differences: Vec::new(),
            has_references: true,
        })
    }

    async fn cleanup(&self, object: &SigningKey) -> Result<Cleanup, Failure> {
        cleanup::cleanup(&self.hub, &self.store, object, self.keep).await
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
