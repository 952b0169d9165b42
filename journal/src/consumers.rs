//! Who consumes which inbox: the `serviceAccounts` of each InboxQueue, as the API server says.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crds::InboxQueue;
use eventing::types::InboxId;
use eventing_service::Unquoted as _;
use eventing_service::authentication::ServiceAccount;
use eventing_service::watching::{Patience, Pauses, Pulse};
use futures::StreamExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio_util::sync::CancellationToken;

/// The InboxQueues were not read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the InboxQueues were not read yet")]
pub struct NotYet;

/// The watch ended, which it never does by itself.
#[derive(Debug, thiserror::Error)]
#[error("the watch of the InboxQueues ended")]
pub struct WatchEnded;

/// Whoever knows who consumes which inbox.
pub trait Consumers: Send + Sync {
    /// Whether the inbox names the account, which must be of its own namespace.
    ///
    /// # Errors
    /// When that cannot be told yet.
    fn consumes(&self, account: &ServiceAccount, inbox: &InboxId) -> Result<bool, NotYet>;
}

type Accounts = HashMap<InboxId, BTreeSet<String>>;

/// What the watch has seen; nothing before its first complete list.
#[derive(Default)]
pub struct WatchedConsumers {
    accounts: RwLock<Option<Accounts>>,
}

impl fmt::Debug for WatchedConsumers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedConsumers").finish_non_exhaustive()
    }
}

impl Consumers for WatchedConsumers {
    fn consumes(&self, account: &ServiceAccount, inbox: &InboxId) -> Result<bool, NotYet> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let named = accounts.as_ref().ok_or(NotYet)?.get(inbox);
        Ok(account.namespace == inbox.namespace() && named.is_some_and(|named| named.contains(&account.name)))
    }
}

impl WatchedConsumers {
    fn apply(&self, listing: &mut Accounts, event: watcher::Event<InboxQueue>) {
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            watcher::Event::Init => listing.clear(),
            watcher::Event::InitApply(inbox) => listing.extend(read(inbox)),
            // What was not in the list is gone.
            watcher::Event::InitDone => *accounts = Some(std::mem::take(listing)),
            watcher::Event::Apply(inbox) => accounts.get_or_insert_default().extend(read(inbox)),
            watcher::Event::Delete(inbox) => {
                if let (Some(accounts), Some((inbox, _))) = (accounts.as_mut(), read(inbox)) {
                    accounts.remove(&inbox);
                }
            }
        }
    }
}

fn read(inbox: InboxQueue) -> Option<(InboxId, BTreeSet<String>)> {
    let id = InboxId::new(&inbox.namespace()?, &inbox.name_any()).ok()?;
    Some((id, inbox.spec.service_accounts.into_iter().collect()))
}

/// Keeps `consumers` as the API server says until `shutdown`. While that is away, what was known holds on.
///
/// # Errors
/// When the watch ends.
pub async fn follow(
    client: Client,
    consumers: Arc<WatchedConsumers>,
    patience: Patience,
    shutdown: CancellationToken,
) -> Result<(), WatchEnded> {
    let pulse = Pulse::new(patience);
    let inboxes = Api::<InboxQueue>::all(pulse.listen(client));
    let mut events = watcher(inboxes, pulse.config()).backoff(Pauses::default()).boxed();
    let mut listing = Accounts::new();
    loop {
        let event = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            event = events.next() => event.ok_or(WatchEnded)?,
        };
        match event {
            Ok(event) => consumers.apply(&mut listing, event),
            Err(error) => {
                let error = error.unquoted();
                tracing::warn!(error = %error, "the watch of the InboxQueues failed; it will be repeated");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn inbox(namespace: &str, name: &str, accounts: &[&str]) -> InboxQueue {
        serde_json::from_value(json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "InboxQueue",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"queueName": "arrivals", "serviceAccounts": accounts},
        }))
        .unwrap()
    }

    #[test]
    fn only_the_accounts_that_an_inbox_names_in_its_own_namespace_consume_it() {
        let (consumers, mut listing) = (WatchedConsumers::default(), Accounts::new());
        let arrivals: InboxId = "depot/arrivals".parse().unwrap();
        let clerk = ServiceAccount::new("depot", "clerk");
        let mut apply = |event| consumers.apply(&mut listing, event);
        apply(watcher::Event::Init);
        apply(watcher::Event::InitApply(inbox("depot", "arrivals", &["clerk"])));
        apply(watcher::Event::InitApply(inbox("depot", "returns", &["porter"])));
        assert_eq!(consumers.consumes(&clerk, &arrivals), Err(NotYet));
        apply(watcher::Event::InitDone);
        assert_eq!(consumers.consumes(&clerk, &arrivals), Ok(true));
        for (namespace, name, of) in [
            ("depot", "porter", "depot/arrivals"),
            ("city", "clerk", "depot/arrivals"),
            ("depot", "clerk", "depot/returns"),
            ("depot", "clerk", "depot/unknown"),
        ] {
            let account = ServiceAccount::new(namespace, name);
            assert_eq!(consumers.consumes(&account, &of.parse().unwrap()), Ok(false), "{account} {of}");
        }
        apply(watcher::Event::Apply(inbox("depot", "arrivals", &["porter"])));
        assert_eq!(consumers.consumes(&clerk, &arrivals), Ok(false));
        apply(watcher::Event::Delete(inbox("depot", "returns", &[])));
        let porter = ServiceAccount::new("depot", "porter");
        assert_eq!(consumers.consumes(&porter, &"depot/returns".parse().unwrap()), Ok(false));
    }
}
