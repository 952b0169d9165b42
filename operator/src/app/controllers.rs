//! The four controllers, started together.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use operator_core::{
    Aws, Installation, Tenancy,
    economy::{Economy, Now},
};
use tokio_util::sync::CancellationToken;

use crate::{
    controllers::{
        event_bus::{self, EventBuses},
        event_rule::{self, EventRules},
        inbox_queue::{self, InboxQueues},
        signing_key::{self, Keeping, SigningKeys},
        world::World,
    },
    keys::store::KeyStore,
    runner::{Hub, Reconciler, Runner, RunnerSettings, metrics::Metrics, record::Events},
};

/// What the controllers work with.
pub struct Controllers {
    /// The API server.
    pub client: Client,
    /// The objects.
    pub hub: Hub,
    /// AWS.
    pub aws: Aws,
    /// Whose account this is, and how things are called in it.
    pub place: Arc<Installation>,
    /// What the installation grants to whom.
    pub tenancy: Arc<Tenancy>,
    /// Metrics of the passes.
    pub metrics: Metrics,
    /// This pod, for Events.
    pub pod: Option<String>,
    /// The namespace of the keys.
    pub key_namespace: String,
    /// How long public keys stay.
    pub keep: Duration,
    /// Time between two looks at an object that did not change.
    pub resync: Duration,
    /// How many objects of a kind at a time.
    pub concurrency: u16,
}

impl Controllers {
    /// Runs them until `shutdown`, from the moment every kind was listed once: nothing is judged by half a picture.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = self.hub.filled() => {}
            () = shutdown.cancelled() => return,
        }
        let events = Events::new(self.client.clone(), self.pod.clone()).counted(self.metrics.clone());
        let now: Now = Arc::new(Timestamp::now);
        let Economy { aws, fresh } = Economy::new(&self.aws, &self.place.cluster_id, self.resync, &now);
        let world = World {
            hub: self.hub.clone(),
            aws,
            fresh,
            installation: Arc::clone(&self.place),
            tenancy: Arc::clone(&self.tenancy),
        };
        let keeping = Keeping {
            store: KeyStore::new(self.client.clone(), &self.key_namespace),
            namespace: self.key_namespace.clone(),
            keep: self.keep,
        };
        let keys = SigningKeys::new(world.clone(), keeping, events.clone());
        let inboxes = InboxQueues::new(world.clone(), self.client.clone(), events.clone());
        tokio::join!(
            event_bus::run(&world, self.runner(EventBuses::new(world.clone()), &events), shutdown.clone()),
            event_rule::run(&world, self.runner(EventRules::new(world.clone()), &events), shutdown.clone()),
            inbox_queue::run(&world, self.runner(inboxes, &events), shutdown.clone()),
            signing_key::run(&self.hub, self.runner(keys, &events), shutdown),
        );
    }

    fn runner<K: crds::Eventing, R: Reconciler<K>>(&self, reconciler: R, events: &Events) -> Runner<K, R> {
        let settings = RunnerSettings { resync: self.resync, concurrency: self.concurrency };
        Runner::new(self.client.clone(), self.hub.clone(), reconciler, events.clone(), self.metrics.clone(), settings)
    }
}
