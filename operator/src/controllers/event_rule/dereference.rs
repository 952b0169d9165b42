//! The objects that a rule names, and whether they let themselves be reached.

use std::sync::Arc;

use crds::{EventBus, EventRule, InboxQueue, ObjectRef, conditions::reason, event_rule::Target};
use kube::ResourceExt;

use crate::{
    controllers::{
        consent::permits,
        world::{World, full_name},
    },
    runner::Wait,
};

/// What a rule names.
#[derive(Debug)]
pub(in crate::controllers) struct Referenced {
    /// The bus; it is there, and lets the rule attach.
    pub bus: Arc<EventBus>,
    /// The targets that can be delivered to, with their places in the spec: those that are named by ARN, and those
    /// with an inbox that is there and lets the rule in.
    pub targets: Vec<(usize, Target, Option<Arc<InboxQueue>>)>,
    /// The first of the others, as what is waited for. The rule goes on without them meanwhile.
    pub missing: Option<Wait>,
}

impl Referenced {
    /// The inboxes among the targets.
    pub(super) fn inboxes(&self) -> impl Iterator<Item = &InboxQueue> {
        self.targets.iter().filter_map(|(_, _, inbox)| inbox.as_deref())
    }
}

/// Whether the bus lets the rule attach.
#[derive(Debug)]
pub(super) enum Consented {
    /// It does.
    Given(Referenced),
    /// It does not, or no longer.
    Refused {
        /// The bus.
        bus: Arc<EventBus>,
        /// What is waited for: its consent.
        wait: Wait,
    },
}

/// Finds what the rule names. A bus that is not there is waited for.
pub(super) fn dereference(world: &World, object: &EventRule) -> Result<Consented, Wait> {
    let own = object.namespace().unwrap_or_default();
    let reference = &object.spec.bus_ref;
    let namespace = reference.namespace_or(&own);
    let name = format!("{namespace}/{}", reference.name);
    let Some(bus) = world.hub.buses.get(namespace, &reference.name) else {
        return Err(Wait::reference(reason::REF_NOT_FOUND, format!("EventBus {name} does not exist")));
    };
    if !permits(&world.hub, &bus.spec.allowed_namespaces, namespace, &own) {
        let message =
            format!("EventBus {name} does not let rules of namespace {own} attach (its spec.allowedNamespaces)");
        return Ok(Consented::Refused { bus, wait: Wait::reference(reason::REF_NOT_PERMITTED, message) });
    }
    if bus.metadata.deletion_timestamp.is_some() {
        return Err(Wait::reference(reason::REF_NOT_READY, format!("EventBus {name} is being deleted")));
    }
    if bus.status.as_ref().is_none_or(|status| status.bus_arn.is_none()) {
        return Err(Wait::reference(reason::REF_NOT_READY, format!("EventBus {name} does not exist in AWS yet")));
    }
    let (mut targets, mut missing) = (Vec::new(), None);
    for (number, target) in object.spec.targets.iter().enumerate() {
        match target.inbox_ref.as_ref().map(|reference| inbox(world, reference, &own)).transpose() {
            Ok(inbox) => targets.push((number, target.clone(), inbox)),
            Err(wait) => missing = missing.or(Some(wait)),
        }
    }
    Ok(Consented::Given(Referenced { bus, targets, missing }))
}

/// The inbox of a target, if it lets the rule in.
fn inbox(world: &World, reference: &ObjectRef, own: &str) -> Result<Arc<InboxQueue>, Wait> {
    let namespace = reference.namespace_or(own);
    let Some(inbox) = world.hub.inboxes.get(namespace, &reference.name) else {
        let message = format!("InboxQueue {namespace}/{} does not exist", reference.name);
        return Err(Wait::reference(reason::REF_NOT_FOUND, message));
    };
    let name = full_name(inbox.as_ref());
    if !permits(&world.hub, &inbox.spec.allowed_namespaces, namespace, own) {
        let message =
            format!("InboxQueue {name} does not let rules of namespace {own} in (its spec.allowedNamespaces)");
        return Err(Wait::reference(reason::REF_NOT_PERMITTED, message));
    }
    if inbox.metadata.deletion_timestamp.is_some() {
        return Err(Wait::reference(reason::REF_NOT_FOUND, format!("InboxQueue {name} is being deleted")));
    }
    Ok(inbox)
}
