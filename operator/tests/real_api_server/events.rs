//! The Events that a test waits for, and what somebody writes by hand.

use crds::Eventing;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use operator_core::ports::BusSettings;

use crate::rig::{Case, eventually};

impl Case {
    /// All Events of one object, as `Type Reason: note`.
    pub async fn events<K: Eventing>(&self, short: &str, name: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace(short));
        let found = events.list(&ListParams::default()).await.unwrap().items;
        let about = |event: &Event| {
            let regarding = event.regarding.clone().unwrap_or_default();
            regarding.kind.as_deref() == Some(K::KIND) && regarding.name.as_deref() == Some(name)
        };
        found
            .iter()
            .filter(|event| about(event))
            .map(|event| {
                let text = |part: &Option<String>| part.clone().unwrap_or_default();
                format!("{} {}: {}", text(&event.type_), text(&event.reason), text(&event.note))
            })
            .collect()
    }

    /// Waits for an Event that begins so, and returns it.
    pub async fn until_told<K: Eventing>(&self, short: &str, name: &str, beginning: &str) -> String {
        eventually(&format!("an Event '{beginning}' of {} {name}", K::KIND), || async {
            let told = self.events::<K>(short, name).await;
            told.iter().find(|event| event.starts_with(beginning)).cloned().ok_or_else(|| format!("{told:?}"))
        })
        .await
    }
}

/// A bus's settings as somebody sets them by hand.
pub fn described(description: &str) -> BusSettings {
    BusSettings { description: description.to_owned(), ..BusSettings::default() }
}
