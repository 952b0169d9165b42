//! A SigningKey goes: its private keys are destroyed, its public ones stay in the bus's set as retired.

use std::time::Duration;

use crds::{DeletionPolicy, SigningKey};

use super::{dereference, line, validate};
use crate::{
    keys::{BadRotation, KeyPolicy, Signing, grant, maintain, store::KeyStore},
    runner::{Cleanup, Failure, Hub, Terminal},
};

/// Ends the line of keys. With `deletionPolicy: Retain` the private keys stay, and nobody signs with them.
pub(super) async fn cleanup(
    hub: &Hub,
    store: &KeyStore,
    object: &SigningKey,
    keep: Duration,
) -> Result<Cleanup, Failure> {
    if object.spec.deletion_policy == DeletionPolicy::Retain {
        return Ok(Cleanup::Done);
    }
    let (_, revoked) = dereference::others(hub, object);
    let policy = match validate::policy(object, revoked.iter().cloned(), keep, Signing::Ended) {
        Ok(policy) => policy,
        // A bad spec never blocks a deletion: nothing of a rotation counts any more.
        Err(_) => ended(revoked, keep).map_err(|error| Terminal::spec("rotation", error))?,
    };
    maintain::maintain(store, &line(object)?, &policy, crate::keys::UnixSeconds::now()).await?;
    Ok(Cleanup::Done)
}

fn ended(revoked: Vec<String>, keep: Duration) -> Result<KeyPolicy, BadRotation> {
    grant::policy(revoked.into_iter().collect(), keep, Signing::Ended)
}
