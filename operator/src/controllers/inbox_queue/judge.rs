//! What keeps an inbox from being as its spec says although AWS would do it: a key that EventBridge cannot use, and a
//! retention by which messages would be lost. A person acts in AWS, where nothing wakes us, so it is looked at again.

use std::time::Duration;

use crds::{conditions::reason, names::ALLOW_EXPIRY};
use operator_core::inbox::{self, Desired, Expiring, Observed};

use crate::runner::Wait;

/// When to look again at a key, and at messages that grow fewer.
const AGAIN: Duration = Duration::from_mins(1);

/// Waits for a key that can be used. Nothing is encrypted with it before that: EventBridge does not retry what it may
/// not encrypt.
pub(super) fn key(desired: &Desired, observed: &Observed) -> Result<(), Wait> {
    inbox::judge_key(desired, observed.key.as_ref())
        .map_err(|problem| Wait::time(reason::KEY_NOT_USABLE, format!("spec.encryption.kmsKeyId: {problem}"), AGAIN))
}

/// Waits for messages whose time a retention that is still longer than the spec says keeps from running out.
pub(super) fn retention(observed: &Observed) -> Option<Wait> {
    let shortest = observed.expiring.values().map(|expiring| expiring.wanted_seconds).min()?;
    let what: Vec<String> = observed.expiring.values().map(Expiring::to_string).collect();
    let message = format!(
        "{}; wait until they are handled, or annotate the object {ALLOW_EXPIRY}={shortest} to lose them",
        what.join("; ")
    );
    Some(Wait::time(reason::MESSAGES_WOULD_EXPIRE, message, AGAIN))
}
