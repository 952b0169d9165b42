//! Kubernetes Events, for what a person would want to know, at a bounded rate.

mod spam;

use std::sync::{Arc, Mutex, PoisonError};

use crds::{EventBus, EventRule, Eventing, InboxQueue, SigningKey};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::time::Instant;

use super::{FIELD_MANAGER, metrics::Metrics, telemetry::EventTold};
use spam::Spam;

/// After so many Events what like ones were counted in is forgotten: a thousand new objects are megabytes of them.
const REMEMBERED: u32 = 256;

/// Publishes Events; a failure to do so is logged and never hides what the Event is about. Like ones are counted in
/// one Event by the recorder; what is more than a few a minute on one object is held back, and counted in a metric.
#[derive(Clone)]
pub struct Events {
    client: Client,
    reporter: Reporter,
    recorder: Arc<Mutex<(Recorder, u32)>>,
    spam: Arc<Mutex<Spam>>,
    metrics: Option<Metrics>,
}

impl Events {
    /// Events in the name of this operator's pod.
    pub fn new(client: Client, pod: Option<String>) -> Self {
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: pod };
        let recorder = Arc::new(Mutex::new((Recorder::new(client.clone(), reporter.clone()), 0)));
        Self { client, reporter, recorder, spam: Arc::default(), metrics: None }
    }

    /// As it is, and counted in `metrics`.
    #[must_use]
    pub fn counted(mut self, metrics: Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Something good or plain.
    pub async fn normal<K: Eventing>(&self, object: &K, reason: &str, note: String) {
        self.publish(object, EventType::Normal, reason, note).await;
    }

    /// Something that wants a person.
    pub async fn warning<K: Eventing>(&self, object: &K, reason: &str, note: String) {
        self.publish(object, EventType::Warning, reason, note).await;
    }

    /// The recorder, or a new one: each keeps every Event for minutes, to count like ones in one.
    fn recorder(&self) -> Recorder {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.1 += 1;
        if recorder.1 > REMEMBERED {
            *recorder = (Recorder::new(self.client.clone(), self.reporter.clone()), 0);
        }
        recorder.0.clone()
    }

    async fn publish<K: Eventing>(&self, object: &K, type_: EventType, reason: &str, note: String) {
        self.tell(&Resource::object_ref(object, &()), None, type_, reason, note).await;
    }

    /// Something about any object. Events of one reason are counted together for some minutes, and the first one's note
    /// stands for all: `related` keeps those apart that are about different things.
    pub async fn tell(
        &self,
        regarding: &ObjectReference,
        related: Option<ObjectReference>,
        type_: EventType,
        reason: &str,
        note: String,
    ) {
        let uid = regarding.uid.as_deref().unwrap_or_default();
        let held_back = !self.spam.lock().unwrap_or_else(PoisonError::into_inner).lets_through(uid, Instant::now());
        if let Some(metrics) = &self.metrics {
            EventTold { kind: kind_of(regarding), reason, held_back }.emit(metrics);
        }
        if held_back {
            return;
        }
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note.chars().take(1024).collect()),
            action: "Reconcile".to_owned(),
            secondary: related,
        };
        if let Err(error) = self.recorder().publish(&event, regarding).await {
            tracing::debug!(reason, error = %error, "event not published");
        }
    }
}

/// The kind as a metric's label has it: one of a few words.
fn kind_of(object: &ObjectReference) -> &'static str {
    let known = [EventBus::KIND, EventRule::KIND, InboxQueue::KIND, SigningKey::KIND, "Pod"];
    known.into_iter().find(|known| object.kind.as_deref() == Some(known)).unwrap_or("other")
}
