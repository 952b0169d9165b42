//! What the leader does: controllers, publication and the rounds over pods, behind the fence of its term.

use std::{sync::Arc, time::Duration};

use eventing_service::admin::Check;
use kube::Client;
use operator_core::{Aws, Installation as Place, Tenancy};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::controllers::Controllers;
use crate::{
    calls::{self, Gate},
    installation::Installed,
    leadership::{Campaign, Election, Fence, Term, Times, client},
    pods::{PodMetrics, Rounds, rounds::PERIOD},
    publication::{
        Publisher, PublisherSettings,
        metrics::{SigningMetrics, Snapshot},
    },
    runner::{Hub, metrics::Metrics, record::Events},
    settings::Settings,
};

/// Public keys stay at least so long after they signed last: the oldest message that may be sent again.
const KEEP_AT_LEAST: Duration = Duration::from_hours(28 * 24);

/// What the leader works with, in every term.
pub struct Leader {
    /// Flags and their variables.
    pub settings: Settings,
    /// The API server, without a fence.
    pub client: Client,
    /// The objects, watched in every replica: whoever takes over knows them already.
    pub hub: Hub,
    /// The root key and the certificates.
    pub installed: watch::Receiver<Option<Installed>>,
    /// AWS, without a fence.
    pub aws: Aws,
    /// Whose account this is.
    pub place: Arc<Place>,
    /// Consent from above.
    pub tenancy: Arc<Tenancy>,
    /// Where it all is counted.
    pub metrics: Metrics,
    /// Ages of keys and documents.
    pub signing: SigningMetrics,
    /// Pods that want something.
    pub pods: PodMetrics,
    /// Whether the publication's watches are fresh; who does not lead has none.
    pub publication: Check,
}

/// A campaign for the Lease that `settings` names, as a candidate that is of this process alone.
pub fn campaign(settings: &Settings, client: Client, metrics: Metrics) -> Campaign {
    let (fence, times) = (Fence::closed(), Times::DEFAULT);
    let pod = settings.pod_name.as_deref().unwrap_or("qsl-operator");
    let identity = format!("{pod}_{:016x}", rand::random::<u64>());
    let (namespace, name) = (&settings.release_namespace, &settings.controllers.lease_name);
    let election = Election::new(client, namespace, name, identity, times, fence.clone());
    Campaign { election, fence, times, metrics }
}

impl Leader {
    /// Works for `term`, until `stop`. What it writes, to AWS and to the API server, passes the term's fence.
    pub async fn work(&self, term: Term, stop: CancellationToken) {
        let attempt = Times::DEFAULT.attempt;
        let budgets = self.settings.controllers.budgets();
        let gate = Arc::new(Gate::new(term.clone(), attempt, budgets, self.metrics.clone()));
        let client = client::fenced(self.client.clone(), term, attempt);
        let events = Events::new(client.clone(), self.settings.pod_name.clone()).counted(self.metrics.clone());
        let publisher = Publisher::new(
            client.clone(),
            self.hub.clone(),
            Arc::clone(&self.place),
            self.installed.clone(),
            self.publisher(),
            events.clone(),
            self.signing.clone(),
        );
        let rounds = Rounds {
            client: client.clone(),
            hub: self.hub.clone(),
            published: publisher.published(),
            events,
            metrics: self.pods.clone(),
            release_namespace: self.settings.release_namespace.clone(),
            period: PERIOD,
        };
        let controllers = self.controllers(client, calls::guard(self.aws.clone(), &gate));
        tokio::join!(
            controllers.run(stop.clone()),
            publisher.run(self.publication.clone(), stop.clone()),
            rounds.run(stop),
        );
        // Who does not publish knows nothing of it.
        self.signing.set(Snapshot::default());
    }

    fn controllers(&self, client: Client, aws: Aws) -> Controllers {
        let settings = &self.settings;
        Controllers {
            client,
            hub: self.hub.clone(),
            aws,
            place: Arc::clone(&self.place),
            tenancy: Arc::clone(&self.tenancy),
            metrics: self.metrics.clone(),
            pod: settings.pod_name.clone(),
            key_namespace: settings.key_namespace.clone(),
            keep: self.keep(),
            resync: settings.controllers.resync(),
            concurrency: settings.controllers.concurrency,
        }
    }

    fn publisher(&self) -> PublisherSettings {
        let settings = &self.settings;
        PublisherSettings {
            key_namespace: settings.key_namespace.clone(),
            lifetime: Duration::from_secs(settings.signing.document_lifetime_seconds),
            keep: self.keep(),
            signature_service: settings.signature_service(),
            journal: settings.journal(),
            tenancy: Arc::clone(&self.tenancy),
        }
    }

    /// How long public keys stay listed: as long as anything that they signed may be read.
    fn keep(&self) -> Duration {
        Duration::from_secs(self.settings.signing.journal_retention_seconds).max(KEEP_AT_LEAST)
    }
}
