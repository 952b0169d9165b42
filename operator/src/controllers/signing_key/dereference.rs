//! The bus of a key, and the other keys of that bus.

use std::sync::Arc;

use crds::{EventBus, SigningKey};
use kube::ResourceExt;

use super::no_bus;
use crate::runner::{Hub, Wait};

/// What a key's spec is judged against.
pub(super) struct Referenced {
    /// The bus.
    pub(super) bus: Arc<EventBus>,
    /// The other SigningKeys of the bus, those on their way out left out.
    pub(super) others: Vec<Arc<SigningKey>>,
}

/// Finds them. A bus that is not there is waited for.
pub(super) fn dereference(hub: &Hub, object: &SigningKey) -> Result<Referenced, Wait> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), &object.spec.bus_ref.name);
    let bus = hub.buses.get(&namespace, name).ok_or_else(|| no_bus(&namespace, name))?;
    let (others, _) = others(hub, object);
    Ok(Referenced { bus, others })
}

/// The other keys of the object's bus, and what all of them, the object too, revoke.
pub(super) fn others(hub: &Hub, object: &SigningKey) -> (Vec<Arc<SigningKey>>, Vec<String>) {
    let mut others = hub.signing_keys.store().state_filter(|other| {
        other.namespace() == object.namespace()
            && other.spec.bus_ref == object.spec.bus_ref
            && other.name_any() != object.name_any()
    });
    let mut revoked = object.spec.revoked_kids.clone();
    revoked.extend(others.iter().flat_map(|other| other.spec.revoked_kids.iter().cloned()));
    others.retain(|other| other.metadata.deletion_timestamp.is_none());
    (others, revoked)
}
