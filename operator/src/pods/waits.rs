//! What a sidecar waits for, by what it was given and by what there is. Pure.

use crds::{EventBus, Eventing, InboxQueue, conditions};
use eventing::types::BusId;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use crate::{
    publication::{
        desired::{bus_key, inbox_key},
        entries::is_publisher,
    },
    webhooks::inject::sidecar::{self, BUS_VARIABLE, INBOX_VARIABLE},
};

/// What a sidecar was given, out of its own variables: annotations may have changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's service account.
    pub service_account: String,
    /// The InboxQueue of its namespace that it receives from.
    pub inbox: Option<String>,
    /// The bus that it publishes on.
    pub bus: Option<BusId>,
}

impl Given {
    /// What the pod's sidecar was given, if it has one.
    pub fn to(pod: &Pod) -> Option<Self> {
        let sidecar = sidecar::of(pod)?;
        let value = |name: &str| {
            let found = sidecar.env.iter().flatten().find(|variable| variable.name == name);
            found.and_then(|variable| variable.value.clone())
        };
        let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
        Some(Self {
            namespace: pod.namespace().unwrap_or_default(),
            service_account: account.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned()),
            inbox: value(INBOX_VARIABLE),
            bus: value(BUS_VARIABLE).and_then(|bus| bus.parse().ok()),
        })
    }
}

/// Something that a sidecar cannot work without, and that is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Wait {
    /// Its inbox does not exist.
    #[error(
        "the sidecar receives nothing: it waits for InboxQueue {inbox} of this namespace, which does not exist; create it, or correct annotation eventing.qsl.dev/inbox"
    )]
    NoInbox {
        /// Its name.
        inbox: String,
    },
    /// Its inbox has no role to receive with.
    #[error(
        "the sidecar receives nothing yet: it waits for the role of InboxQueue {inbox}, whose condition Ready says {says}"
    )]
    InboxWithoutRole {
        /// Its name.
        inbox: String,
        /// The reason of its condition `Ready`.
        says: String,
    },
    /// Its inbox's configuration is not there.
    #[error(
        "the sidecar receives nothing yet: it waits for the configuration of InboxQueue {inbox}, which is not in ConfigMap qsl-eventing of this namespace; condition Ready of the InboxQueue says {says}"
    )]
    InboxUnpublished {
        /// Its name.
        inbox: String,
        /// The reason of its condition `Ready`.
        says: String,
    },
    /// Its bus does not exist.
    #[error(
        "the sidecar publishes nothing: it waits for EventBus {bus}, which does not exist; create it, or correct annotation eventing.qsl.dev/publish-to"
    )]
    NoBus {
        /// Namespace and name.
        bus: BusId,
    },
    /// Its bus does not let it publish.
    #[error(
        "the sidecar publishes nothing: EventBus {bus} does not have service account {namespace}/{service_account} among its spec.publishers; add it there, or run the pod under one that is"
    )]
    NotGranted {
        /// Namespace and name.
        bus: BusId,
        /// The pod's namespace.
        namespace: String,
        /// The pod's service account.
        service_account: String,
    },
    /// It has no role to publish with.
    #[error(
        "the sidecar publishes nothing yet: it waits for its role at EventBus {bus}, whose condition Ready says {says}"
    )]
    BusWithoutRole {
        /// Namespace and name.
        bus: BusId,
        /// The reason of its condition `Ready`.
        says: String,
    },
    /// Its bus's configuration is not there.
    #[error(
        "the sidecar publishes nothing yet: it waits for the configuration of EventBus {bus}, which is not in ConfigMap qsl-eventing of this namespace; condition Ready of the EventBus says {says}"
    )]
    BusUnpublished {
        /// Namespace and name.
        bus: BusId,
        /// The reason of its condition `Ready`.
        says: String,
    },
}

impl Wait {
    /// Whether somebody has to act; the rest comes by itself.
    pub fn wants_a_person(&self) -> bool {
        matches!(self, Self::NoInbox { .. } | Self::NoBus { .. } | Self::NotGranted { .. })
    }

    /// As a metric's label has it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NoInbox { .. } => Reason::InboxNotFound,
            Self::NoBus { .. } => Reason::BusNotFound,
            Self::NotGranted { .. } => Reason::NotGranted,
            Self::InboxWithoutRole { .. } | Self::BusWithoutRole { .. } => Reason::RoleNotReady,
            Self::InboxUnpublished { .. } | Self::BusUnpublished { .. } => Reason::NotPublished,
        }
    }
}

/// What is waited for, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The inbox does not exist.
    InboxNotFound,
    /// The bus does not exist.
    BusNotFound,
    /// The bus does not grant the pod's service account to publish.
    NotGranted,
    /// The role was not made yet.
    RoleNotReady,
    /// The configuration was not published yet.
    NotPublished,
}

impl Reason {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::InboxNotFound, Self::BusNotFound, Self::NotGranted, Self::RoleNotReady, Self::NotPublished];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InboxNotFound => "InboxNotFound",
            Self::BusNotFound => "BusNotFound",
            Self::NotGranted => "NotGranted",
            Self::RoleNotReady => "RoleNotReady",
            Self::NotPublished => "NotPublished",
        }
    }
}

/// What is there of what a sidecar was given.
pub struct There<'a> {
    /// Its inbox.
    pub inbox: Option<&'a InboxQueue>,
    /// Its bus.
    pub bus: Option<&'a EventBus>,
    /// Whether its namespace's ConfigMap has an entry of that key.
    pub is_published: &'a dyn Fn(&str) -> bool,
}

/// What keeps a sidecar from receiving, and from publishing.
pub fn waits(given: &Given, there: &There<'_>) -> Vec<Wait> {
    let receiving = given.inbox.as_ref().and_then(|inbox| for_inbox(inbox, there));
    let publishing = given.bus.as_ref().and_then(|bus| for_bus(given, bus, there));
    receiving.into_iter().chain(publishing).collect()
}

fn for_inbox(name: &str, there: &There<'_>) -> Option<Wait> {
    let inbox = name.to_owned();
    let Some(found) = there.inbox else { return Some(Wait::NoInbox { inbox }) };
    let says = ready_says(found);
    if found.status.as_ref().is_none_or(|status| status.role_arn.is_none()) {
        return Some(Wait::InboxWithoutRole { inbox, says });
    }
    (!(there.is_published)(&inbox_key(name))).then_some(Wait::InboxUnpublished { inbox, says })
}

fn for_bus(given: &Given, id: &BusId, there: &There<'_>) -> Option<Wait> {
    let Given { namespace, service_account, .. } = given;
    let bus = id.clone();
    let Some(found) = there.bus else { return Some(Wait::NoBus { bus }) };
    if !is_publisher(found, namespace, service_account) {
        return Some(Wait::NotGranted { bus, namespace: namespace.clone(), service_account: service_account.clone() });
    }
    let says = ready_says(found);
    let roles = found.status.iter().flat_map(|status| &status.publisher_roles);
    let mut theirs = roles.filter(|role| role.namespace == *namespace && role.service_account == *service_account);
    if theirs.next().is_none() {
        return Some(Wait::BusWithoutRole { bus, says });
    }
    (!(there.is_published)(&bus_key("bus", id))).then_some(Wait::BusUnpublished { bus, says })
}

/// The reason of condition `Ready`, which is bounded where its message is not.
fn ready_says<K: Eventing>(object: &K) -> String {
    let conditions = object.status().map(crds::object::CommonStatus::conditions).unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition.type_ == conditions::READY);
    ready.map_or_else(|| "nothing yet".to_owned(), |ready| ready.reason.clone())
}

#[cfg(test)]
#[path = "waits/tests.rs"]
mod tests;
