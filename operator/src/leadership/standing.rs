//! Who leads, by what was seen of the Lease. Pure: times are arguments, of one monotonic clock.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::api::ObjectMeta;
use tokio::time::Instant;

use super::Times;

/// What a candidate knows, from one look to the next.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    seen: Option<Seen>,
    /// When the last renewal that succeeded was *sent*.
    held_since: Option<Instant>,
}

/// A Lease as it was seen.
#[derive(Clone, Debug)]
struct Seen {
    lease: Lease,
    /// When this version of it was first seen.
    since: Instant,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// There is no Lease: make this one.
    Create(Lease),
    /// It is ours, or free to be taken: write this one over the version that was seen.
    Write(Lease),
    /// Somebody holds it: look again at this time.
    Wait(Instant),
}

impl Standing {
    /// What was found at `now`: the Lease, or that there is none.
    pub fn saw(&mut self, lease: Option<Lease>, now: Instant) {
        let version = |lease: &Lease| (lease.metadata.uid.clone(), lease.metadata.resource_version.clone());
        match (lease, &self.seen) {
            (None, _) => self.seen = None,
            // The same version was not renewed: its time goes on running.
            (Some(lease), Some(seen)) if version(&lease) == version(&seen.lease) => {}
            (Some(lease), _) => self.seen = Some(Seen { lease, since: now }),
        }
    }

    /// Our write, sent at `sent`, succeeded at `now`, and this is what stands. Returns until when we may write.
    pub fn wrote(&mut self, lease: Lease, sent: Instant, now: Instant, times: &Times) -> Instant {
        self.saw(Some(lease), now);
        self.held_since = Some(sent);
        sent + times.duration.saturating_sub(times.margin)
    }

    /// Somebody else has it.
    pub fn lost(&mut self) {
        self.held_since = None;
    }

    /// Whether the Lease that was last seen is held by `identity`.
    pub fn is_held_by(&self, identity: &str) -> bool {
        self.seen.as_ref().is_some_and(|seen| holder(&seen.lease) == Some(identity))
    }

    /// Whether our last renewal is so old that the Lease may have passed on.
    pub fn is_over(&self, now: Instant, times: &Times) -> bool {
        self.held_since.is_none_or(|sent| now >= sent + times.duration)
    }

    /// The next step of the candidate `identity`. `wall` is what the Lease shows to people; nothing is decided by it.
    pub fn next(&self, identity: &str, name: &str, now: Instant, wall: Timestamp, times: &Times) -> Step {
        let Some(Seen { lease, since }) = &self.seen else {
            let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
            let spec = claim(identity, None, wall, times);
            return Step::Create(Lease { metadata, spec: Some(spec) });
        };
        let holder = holder(lease);
        if let Some(holder) = holder.filter(|holder| *holder != identity) {
            let free = *since + promised(lease, times);
            if now < free {
                return Step::Wait(free.min(now + times.retry));
            }
            tracing::info!(holder, "the lease was not renewed for as long as it holds: taking it");
        }
        // With the version that was seen: whoever else wrote it meanwhile wins.
        Step::Write(Lease {
            metadata: lease.metadata.clone(),
            spec: Some(claim(identity, lease.spec.as_ref(), wall, times)),
        })
    }

    /// The Lease given back, where it is held by `identity`: whoever sees it may take it at once.
    pub fn released(&self, identity: &str, wall: Timestamp) -> Option<Lease> {
        let seen = self.seen.as_ref().filter(|seen| holder(&seen.lease) == Some(identity))?;
        let mut lease = seen.lease.clone();
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime(wall));
        Some(lease)
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).filter(|holder| !holder.is_empty())
}

/// How long its holder promised to renew it within: its own word, since ours may differ during an upgrade.
fn promised(lease: &Lease, times: &Times) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(times.duration, Duration::from_secs)
}

fn claim(identity: &str, before: Option<&LeaseSpec>, wall: Timestamp, times: &Times) -> LeaseSpec {
    let is_ours = before.is_some_and(|spec| spec.holder_identity.as_deref() == Some(identity));
    let acquired = before.filter(|_| is_ours).and_then(|spec| spec.acquire_time.clone());
    let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or(0);
    // Whole seconds, rounded up: nobody may think it shorter than we do.
    let seconds = times.duration.as_secs() + u64::from(times.duration.subsec_nanos() > 0);
    LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
        acquire_time: Some(acquired.unwrap_or(MicroTime(wall))),
        renew_time: Some(MicroTime(wall)),
        lease_transitions: Some(if is_ours || before.is_none() { transitions } else { transitions.saturating_add(1) }),
        ..before.cloned().unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "standing/tests.rs"]
mod tests;
