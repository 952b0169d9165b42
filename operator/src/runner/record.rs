//! Kubernetes Events, for what a person would want to know, at a bounded rate.

mod spam;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

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

/// What keeps every Event for minutes, to count like ones in one: a recorder for each note.
#[derive(Default)]
struct Recorders {
    told: u32,
    of_notes: HashMap<String, Recorder>,
}

/// Publishes Events; a failure to do so is logged and never hides what the Event is about. Those that say the same are
/// counted in one; what is more than a few a minute on one object is held back, and counted in a metric.
#[derive(Clone)]
pub struct Events {
    client: Client,
    reporter: Reporter,
    recorders: Arc<Mutex<Recorders>>,
    spam: Arc<Mutex<Spam>>,
    metrics: Option<Metrics>,
}

impl Events {
    /// Events in the name of this operator's pod.
    pub fn new(client: Client, pod: Option<String>) -> Self {
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: pod };
        Self { client, reporter, recorders: Arc::default(), spam: Arc::default(), metrics: None }
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

    /// The recorder of that note. One alone would count together whatever has one reason, under the note of the first.
    fn recorder(&self, note: &str) -> Recorder {
        let mut recorders = self.recorders.lock().unwrap_or_else(PoisonError::into_inner);
        recorders.told += 1;
        if recorders.told > REMEMBERED {
            *recorders = Recorders { told: 1, of_notes: HashMap::new() };
        }
        let new = || Recorder::new(self.client.clone(), self.reporter.clone());
        recorders.of_notes.entry(note.to_owned()).or_insert_with(new).clone()
    }

    /// Whether the object has had too many.
    fn holds_back(&self, uid: &str, warning: bool) -> bool {
        let mut spam = self.spam.lock().unwrap_or_else(PoisonError::into_inner);
        !spam.lets_through(uid, warning, Instant::now())
    }

    async fn publish<K: Eventing>(&self, object: &K, type_: EventType, reason: &str, note: String) {
        self.tell(&Resource::object_ref(object, &()), None, type_, reason, note).await;
    }

    /// Something about any object. Events that say the same of it, and of what is `related`, are counted together for
    /// some minutes.
    pub async fn tell(
        &self,
        regarding: &ObjectReference,
        related: Option<ObjectReference>,
        type_: EventType,
        reason: &str,
        note: String,
    ) {
        let uid = regarding.uid.as_deref().unwrap_or_default();
        let held_back = self.holds_back(uid, type_ == EventType::Warning);
        if let Some(metrics) = &self.metrics {
            EventTold { kind: kind_of(regarding), reason, held_back }.emit(metrics);
        }
        if held_back {
            return;
        }
        let note: String = note.chars().take(1024).collect();
        let recorder = self.recorder(&note);
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note),
            action: "Reconcile".to_owned(),
            secondary: related,
        };
        if let Err(error) = recorder.publish(&event, regarding).await {
            tracing::debug!(reason, error = %error, "event not published");
        }
    }
}

/// The kind as a metric's label has it: one of a few words.
fn kind_of(object: &ObjectReference) -> &'static str {
    let known = [EventBus::KIND, EventRule::KIND, InboxQueue::KIND, SigningKey::KIND, "Pod"];
    known.into_iter().find(|known| object.kind.as_deref() == Some(known)).unwrap_or("other")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use axum::http::{Request, Response};
    use http_body_util::BodyExt as _;
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::BoxError;

    use super::*;
    use crate::controllers::tests::object;

    /// What was written: the method, the note, and how often it was told.
    type Written = Arc<Mutex<Vec<(String, String, u64)>>>;

    /// An API server that takes every Event, and what it was sent.
    fn server() -> (Client, Written) {
        let written = Written::default();
        let record = Arc::clone(&written);
        let answer = move |request: Request<Body>| {
            let record = Arc::clone(&record);
            async move {
                let method = request.method().to_string();
                let sent = request.into_body().collect().await?.to_bytes();
                let event: Value = serde_json::from_slice(&sent)?;
                let note = event["note"].as_str().unwrap_or_default().to_owned();
                record.lock().unwrap().push((method, note, event["series"]["count"].as_u64().unwrap_or(1)));
                Ok::<_, BoxError>(Response::new(Body::from(sent.to_vec())))
            }
        };
        (Client::new(tower::service_fn(answer), "default"), written)
    }

    #[tokio::test]
    async fn what_says_the_same_is_counted_in_one_event_and_what_says_something_else_is_one_of_its_own() {
        let (client, written) = server();
        let events = Events::new(client, Some("operator-0".to_owned()));
        let bus: EventBus = object("EventBus", "desk", "core", &json!({"busName": "core"}));
        for note in ["retention was changed", "policy was changed", "retention was changed"] {
            events.warning(&bus, "DriftRepaired", note.to_owned()).await;
        }
        let row = |method: &str, note: &str, count| (method.to_owned(), note.to_owned(), count);
        let expected = [
            row("POST", "retention was changed", 1),
            row("POST", "policy was changed", 1),
            row("PATCH", "retention was changed", 2),
        ];
        assert_eq!(*written.lock().unwrap(), expected);
    }
}
