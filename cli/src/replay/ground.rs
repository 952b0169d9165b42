//! What a replay stands on: the rules of the bus, and the inboxes that are meant, each opened to send to.

use std::collections::{BTreeMap, BTreeSet};

use eventing::config::ServicesConfig;

use super::judge::Inbox;
use super::routes::{Feed, Routes, feeds};
use super::selection::Selection;
use crate::access::Access;
use crate::failure::Failure;
use crate::resend::inbox::Opened;
use crate::resend::rules;
use crate::resend::sqs::InboxQueue;

/// The service accounts of our own consumers, in the release's namespace.
const OUR_CONSUMERS: [&str; 2] = ["qsl-journal", "qsl-gateway"];

/// What a replay stands on.
pub struct Ground {
    /// Which inboxes an event goes to.
    pub routes: Routes,
    /// Those inboxes, by `NAMESPACE/NAME`.
    pub inboxes: BTreeMap<String, Inbox<InboxQueue>>,
    /// Where our services are.
    pub services: ServicesConfig,
}

impl Ground {
    /// Finds and opens what the selection means.
    pub async fn open(access: &Access, selection: &Selection) -> Result<Self, Failure> {
        let Selection { bus, to_inboxes: named, group, .. } = selection;
        let rules = if named.is_empty() {
            rules::all(access, "list EventRules, for the inboxes that events go to (--to-inbox names some)").await?
        } else {
            let namespaces: BTreeSet<&str> = named.iter().map(|id| split(id).0).collect();
            let namespaces: Vec<&str> = namespaces.into_iter().collect();
            rules::all_or_of(access, &namespaces, "list EventRules, for the message groups of FIFO inboxes").await?
        };
        let feeds = feeds(&rules, bus).map_err(Failure::Usage)?;
        let fed: BTreeSet<String> = feeds.iter().map(|Feed { inbox, .. }| inbox.clone()).collect();
        let (mut inboxes, mut queues, mut services) = (BTreeMap::new(), BTreeMap::new(), None);
        for id in if named.is_empty() { &fed } else { named } {
            let (namespace, name) = split(id);
            let opened = Opened::open(access, namespace, name).await?;
            if named.is_empty() && is_ours(access, &opened) {
                continue;
            }
            if !opened.config.buses.contains(bus) {
                let why = "its consumers know none of the bus's keys";
                return Err(Failure::Usage(format!("no rule of EventBus {bus} feeds InboxQueue {id}: {why}")));
            }
            let Opened { config, ring, policy, client, .. } = opened;
            queues.insert(id.clone(), config.queue_arn.to_string());
            let queue = InboxQueue::new(client, &config.queue_url);
            inboxes.insert(id.clone(), Inbox { id: id.clone(), fifo: config.fifo, ring, policy, queue });
            services.get_or_insert(config.services);
        }
        let Some(services) = services else {
            return Err(Failure::Usage(format!(
                "no enabled EventRule of EventBus {bus} sends to an InboxQueue of a service: --to-inbox names one"
            )));
        };
        let routes = Routes::new(feeds, &queues, named.iter().cloned().collect(), group.clone());
        Ok(Self { routes, inboxes, services })
    }
}

/// The journal has its events, and the gateway follows the journal: neither has anything of a replay.
fn is_ours(access: &Access, inbox: &Opened) -> bool {
    split(&inbox.id).0 == access.release_namespace()
        && inbox.service_accounts.iter().any(|account| OUR_CONSUMERS.contains(&account.as_str()))
}

/// `NAMESPACE/NAME`, as it was put together.
fn split(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or(("", id))
}
