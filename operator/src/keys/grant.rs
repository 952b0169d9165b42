//! A bus's grant key: no SigningKey, the same phases, thirty days.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use eventing::algorithm::Algorithm;

use super::{BadRotation, KeyPolicy, Rotation, Signing};

const DAY: Duration = Duration::from_hours(24);

/// What is wanted of a bus's grant key. `revoked` is what any SigningKey of the bus revokes.
pub fn policy(revoked: BTreeSet<String>, keep: Duration, signing: Signing) -> Result<KeyPolicy, BadRotation> {
    Ok(KeyPolicy {
        algorithm: Algorithm::MlDsa44,
        sources: BTreeSet::new(),
        rotation: Rotation::new(DAY * 30, DAY, DAY * 7)?,
        keep,
        revoked,
        rotate_request: None,
        adopts: true,
        signing,
    })
}

/// What each bus's SigningKeys revoke, together.
pub fn revoked_by_bus<'a>(keys: impl IntoIterator<Item = &'a crds::SigningKey>) -> BTreeMap<String, BTreeSet<String>> {
    let mut revoked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in keys {
        let namespace = key.metadata.namespace.as_deref().unwrap_or_default();
        let bus = format!("{namespace}/{}", key.spec.bus_ref.name);
        revoked.entry(bus).or_default().extend(key.spec.revoked_kids.iter().cloned());
    }
    revoked
}
