//! The rounds: all pods are read, page by page, and each that wants something is told so once.

use std::{sync::Arc, time::Duration};

use eventing_service::Unquoted as _;
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::{Api, Client, Resource as _, api::ListParams, runtime::events::EventType};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    PodMetrics, Told,
    metrics::Counts,
    missed::Missed,
    pages::walk,
    waits::{Given, There, Wait, waits},
};
use crate::{
    publication::maps::Published,
    runner::{
        Hub, Pace,
        backoff::{pause, spread},
        record::Events,
    },
    webhooks::inject::INJECTED,
};

/// Reason of the Event on a pod that was missed.
pub const SIDECAR_MISSING: &str = "SidecarMissing";
/// Reason of the Event that tells what a sidecar waits for.
pub const SIDECAR_WAITING: &str = "SidecarWaiting";

/// Between two rounds, jittered by a tenth.
pub const PERIOD: Duration = Duration::from_mins(2);
/// How many are told in one round; the others come with the next.
const AT_A_TIME: usize = 100;
/// Pods that have ended want nothing any more.
const NOT_ENDED: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Goes round.
pub struct Rounds {
    /// The API server.
    pub client: Client,
    /// The objects.
    pub hub: Hub,
    /// What stands in the namespaces' ConfigMaps; nothing until that is known.
    pub published: watch::Receiver<Option<Arc<Published>>>,
    /// How pods are told.
    pub events: Events,
    /// Where it is counted.
    pub metrics: PodMetrics,
    /// The release's namespace, whose pods get no sidecar.
    pub release_namespace: String,
    /// The time between two rounds.
    pub period: Duration,
}

/// What a round found: of each pod, whose Event it is, and what it is about.
#[derive(Default)]
struct Found {
    missed: Vec<(ObjectReference, Missed)>,
    waiting: Vec<(ObjectReference, Wait)>,
}

impl Rounds {
    /// Goes round until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = self.hub.filled() => {}
            () = shutdown.cancelled() => return,
        }
        let (missed, waiting, mut failures) = (Told::default(), Told::default(), 0);
        while !shutdown.is_cancelled() {
            let again = match self.look().await {
                Ok(found) => {
                    failures = 0;
                    self.metrics.set(Some(found.counts()));
                    self.tell(found, &missed, &waiting).await;
                    spread(self.period, rand::random())
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(error = %error.unquoted(), failures, "pods could not be read; trying again");
                    pause(failures, Pace::Slow, rand::random())
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(again) => {}
            }
        }
        // Who goes no rounds knows nothing of it.
        self.metrics.set(None);
    }

    /// Reads all pods. Of those without our label the metadata says enough; there are many, and few of them ask.
    async fn look(&self) -> Result<Found, kube::Error> {
        let (api, mut found) = (Api::<Pod>::all(self.client.clone()), Found::default());
        let params = |labels: String| ListParams::default().fields(NOT_ENDED).labels(&labels);
        let metadata = |params: ListParams| {
            let api = api.clone();
            async move { api.list_metadata(&params).await }
        };
        walk(metadata, params(format!("{INJECTED}!=true")), |pod| {
            let missed = Missed::of(&pod.metadata, &self.release_namespace);
            found.missed.extend(missed.map(|missed| (pod.object_ref(&()), missed)));
        })
        .await?;
        let published = self.published.borrow().clone();
        let whole = |params: ListParams| {
            let api = api.clone();
            async move { api.list(&params).await }
        };
        walk(whole, params(format!("{INJECTED}=true")), |pod: Pod| self.judge(&pod, published.as_deref(), &mut found))
            .await?;
        Ok(found)
    }

    /// Judges a pod that carries the label, which whoever makes a pod may give it.
    fn judge(&self, pod: &Pod, published: Option<&Published>, found: &mut Found) {
        let Some(given) = Given::to(pod) else {
            let missed = Missed::of(&pod.metadata, &self.release_namespace);
            found.missed.extend(missed.map(|missed| (pod.object_ref(&()), missed)));
            return;
        };
        if pod.metadata.deletion_timestamp.is_some() {
            return;
        }
        let inbox = given.inbox.as_ref().and_then(|name| self.hub.inboxes.get(&given.namespace, name));
        let bus = given.bus.as_ref().and_then(|bus| self.hub.buses.get(bus.namespace(), bus.name()));
        let is_published = |key: &str| published.is_none_or(|published| published.has(&given.namespace, key));
        let there = There { inbox: inbox.as_deref(), bus: bus.as_deref(), is_published: &is_published };
        let waits = waits(&given, &there).into_iter();
        found.waiting.extend(waits.map(|wait| (pod.object_ref(&()), wait)));
    }

    async fn tell(&self, found: Found, told_missed: &Told, told_waiting: &Told) {
        let missed = told_missed.news(found.missed, key, AT_A_TIME);
        for (pod, missed) in &missed {
            self.say(pod, EventType::Warning, SIDECAR_MISSING, missed.to_string()).await;
        }
        for (pod, wait) in told_waiting.news(found.waiting, key, AT_A_TIME) {
            let type_ = if wait.wants_a_person() { EventType::Warning } else { EventType::Normal };
            self.say(&pod, type_, SIDECAR_WAITING, wait.to_string()).await;
        }
    }

    async fn say(&self, pod: &ObjectReference, type_: EventType, reason: &str, note: String) {
        let (namespace, name) = (pod.namespace.as_deref(), pod.name.as_deref());
        tracing::info!(namespace, pod = name, reason, note, "a pod wants something");
        self.events.tell(pod, None, type_, reason, note).await;
    }
}

impl Found {
    fn counts(&self) -> Counts {
        let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let mut counts = Counts { missed: count(self.missed.len()), ..Counts::default() };
        for (_, wait) in &self.waiting {
            *counts.waiting.entry(wait.reason()).or_default() += 1;
        }
        counts
    }
}

/// A pod, and what it is told.
fn key<T: ToString>((pod, about): &(ObjectReference, T)) -> (String, String) {
    (pod.uid.clone().unwrap_or_default(), about.to_string())
}
