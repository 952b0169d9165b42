//! Whether the signature service's clock is ours: an event signed at a wrong time goes to the dead-letter queue of every
//! consumer, so it is not published at all.

use std::time::Duration;

use serde::Deserialize;

use super::ports::{SignFailure, Signed};
use crate::compact::{Compact, Typ};
use crate::time::Millis;

/// How far the two clocks may be apart: less than the 120 s that every consumer allows.
const APART: Duration = Duration::from_secs(100);
/// When to try again: clocks are set by others.
const AGAIN: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Detail<'a> {
    sig_compact: &'a str,
}

/// Refuses events that were signed at another time than now.
///
/// # Errors
/// With how far apart the clocks are.
pub(super) fn check(signed: &[Signed], now: Millis) -> Result<(), SignFailure> {
    let apart = signed.iter().filter_map(signed_at).map(|at| at.distance(now)).max().unwrap_or_default();
    if Duration::from_millis(apart) <= APART {
        return Ok(());
    }
    let seconds = (apart + 500) / 1_000;
    Err(SignFailure::Unavailable {
        code: "CLOCKS_APART".to_owned(),
        detail: format!(
            "the clocks of this pod and of the signature service are {seconds} s apart: one of them is wrong, and \
             consumers would refuse the event for its time"
        ),
        retry_after: Some(AGAIN),
    })
}

/// What is not a signed event is none of this; whoever reads it says so.
fn signed_at(signed: &Signed) -> Option<Millis> {
    let detail: Detail<'_> = serde_json::from_str(signed.detail.get()).ok()?;
    let header = Compact::split(detail.sig_compact).ok()?.header(Typ::Event).ok()?;
    Some(header.ts.millis())
}
