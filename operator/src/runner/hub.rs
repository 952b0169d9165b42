//! The watches of all kinds that controllers look at.

use crds::{EventBus, EventRule, InboxQueue, SigningKey};
use eventing_service::admin::Readiness;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Client,
    runtime::reflector::{ObjectRef, store::Writer},
};
use tokio_util::sync::CancellationToken;

use super::{
    index::{words_of_inbox, words_of_rule},
    watch::{Watched, pump},
};

/// All kinds that controllers look at.
#[derive(Clone)]
pub struct Hub {
    /// EventBuses.
    pub buses: Watched<EventBus>,
    /// EventRules.
    pub rules: Watched<EventRule>,
    /// InboxQueues.
    pub inboxes: Watched<InboxQueue>,
    /// SigningKeys.
    pub signing_keys: Watched<SigningKey>,
    /// Namespaces: their labels for consent, their end for what must not be made any more.
    pub namespaces: Watched<Namespace>,
}

/// The watches behind a [`Hub`], not running yet.
pub struct Watches {
    hub: Hub,
    pub(super) buses: Writer<EventBus>,
    pub(super) rules: Writer<EventRule>,
    pub(super) inboxes: Writer<InboxQueue>,
    pub(super) signing_keys: Writer<SigningKey>,
    namespaces: Writer<Namespace>,
}

impl Hub {
    /// A hub, and the watches that will fill it.
    pub fn new() -> (Self, Watches) {
        let (buses, buses_writer) = Watched::new();
        let (rules, rules_writer) = Watched::naming(words_of_rule);
        let (inboxes, inboxes_writer) = Watched::naming(words_of_inbox);
        let (signing_keys, signing_keys_writer) = Watched::new();
        let (namespaces, namespaces_writer) = Watched::new();
        let hub = Self { buses, rules, inboxes, signing_keys, namespaces };
        let watches = Watches {
            hub: hub.clone(),
            buses: buses_writer,
            rules: rules_writer,
            inboxes: inboxes_writer,
            signing_keys: signing_keys_writer,
            namespaces: namespaces_writer,
        };
        (hub, watches)
    }

    /// Waits until every store has been filled once.
    pub async fn filled(&self) {
        // An error means that the watch ended, which is the end of the process too.
        let _ = futures::join!(
            self.buses.store().wait_until_ready(),
            self.rules.store().wait_until_ready(),
            self.inboxes.store().wait_until_ready(),
            self.signing_keys.store().wait_until_ready(),
            self.namespaces.store().wait_until_ready(),
        );
    }

    /// Whether the namespace is going away.
    pub fn is_terminating(&self, namespace: &str) -> bool {
        self.namespaces.store().get(&ObjectRef::new(namespace)).is_some_and(|found| {
            let phase = found.status.as_ref().and_then(|status| status.phase.as_deref());
            found.metadata.deletion_timestamp.is_some() || phase == Some("Terminating")
        })
    }
}

impl Watches {
    /// Watches until `shutdown`; each kind is a check of `readiness`.
    pub async fn run(self, client: Client, readiness: &Readiness, shutdown: CancellationToken) {
        let all = |name| readiness.check(name, "the first list");
        let Self { hub, buses, rules, inboxes, signing_keys, namespaces } = self;
        let (client, stop) = (|| client.clone(), &shutdown);
        tokio::join!(
            pump(client(), buses, hub.buses, all("watch of EventBuses"), stop),
            pump(client(), rules, hub.rules, all("watch of EventRules"), stop),
            pump(client(), inboxes, hub.inboxes, all("watch of InboxQueues"), stop),
            pump(client(), signing_keys, hub.signing_keys, all("watch of SigningKeys"), stop),
            pump(client(), namespaces, hub.namespaces, all("watch of Namespaces"), stop),
        );
    }
}
