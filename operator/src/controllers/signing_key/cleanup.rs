//! A SigningKey goes: its private keys are destroyed, its public ones stay in the bus's set as retired.

use std::time::Duration;

use crds::{DeletionPolicy, SigningKey};

use super::{SigningKeys, dereference, guard, validate};
use crate::{
    controllers::world::is_forced,
    keys::{BadRotation, KeyPolicy, Signing, UnixSeconds, grant},
    runner::{Cleanup, Failure, Terminal},
};

/// Ends the line of keys, unless an inbox that its bus feeds holds messages: until then the keys there are go through
/// their phases. With `deletionPolicy: Retain` nothing is taken away, so nothing is in the way: private keys stay, and
/// nobody signs with them.
pub(super) async fn cleanup(controller: &SigningKeys, object: &SigningKey) -> Result<Cleanup, Failure> {
    let now = UnixSeconds::now();
    if object.spec.deletion_policy == DeletionPolicy::Retain {
        // Said of the keys before the object is gone: a next one of its name has to know them as left.
        controller.keep(object, &policy(controller, object, Signing::Left)?, now).await?;
        return Ok(Cleanup::Done);
    }
    if !is_forced(object)
        && let Some(cleanup) = guard::look(&controller.world, &controller.counted, object).await?
    {
        controller.keep(object, &policy(controller, object, Signing::Held)?, now).await?;
        return Ok(cleanup);
    }
    controller.keep(object, &policy(controller, object, Signing::Ended)?, now).await?;
    controller.counted.forget(object);
    Ok(Cleanup::Done)
}

/// A bad spec never blocks a deletion: where it has no policy, nothing of a rotation counts any more.
fn policy(controller: &SigningKeys, object: &SigningKey, signing: Signing) -> Result<KeyPolicy, Terminal> {
    let (_, revoked) = dereference::others(&controller.world.hub, object);
    let keep = controller.keeping.keep;
    match validate::policy(object, revoked.iter().cloned(), keep, signing) {
        Ok(policy) => Ok(policy),
        Err(_) => without_rotation(revoked, keep, signing).map_err(|error| Terminal::spec("rotation", error)),
    }
}

fn without_rotation(revoked: Vec<String>, keep: Duration, signing: Signing) -> Result<KeyPolicy, BadRotation> {
    grant::policy(revoked.into_iter().collect(), keep, signing)
}
