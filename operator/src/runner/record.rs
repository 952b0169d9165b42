//! Kubernetes Events, for what a person would want to know.

use crds::Eventing;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};

use super::FIELD_MANAGER;

/// Publishes Events; a failure to do so is logged and never hides what the Event is about.
#[derive(Clone)]
pub struct Events(Recorder);

impl Events {
    /// Events in the name of this operator's pod.
    pub fn new(client: Client, pod: Option<String>) -> Self {
        Self(Recorder::new(client, Reporter { controller: FIELD_MANAGER.to_owned(), instance: pod }))
    }

    /// Something good or plain.
    pub async fn normal<K: Eventing>(&self, object: &K, reason: &str, note: String) {
        self.publish(object, EventType::Normal, reason, note).await;
    }

    /// Something that wants a person.
    pub async fn warning<K: Eventing>(&self, object: &K, reason: &str, note: String) {
        self.publish(object, EventType::Warning, reason, note).await;
    }

    async fn publish<K: Eventing>(&self, object: &K, type_: EventType, reason: &str, note: String) {
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note.chars().take(1024).collect()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.0.publish(&event, &Resource::object_ref(object, &())).await {
            tracing::debug!(kind = K::KIND, reason, error = %error, "event not published");
        }
    }
}
