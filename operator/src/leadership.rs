//! One replica works, the others are ready to: leader election by a Lease, with a fence.
//!
//! ```text
//!   election: reads and renews the Lease ─▶ Fence (open until …) ─▶ Term ─┬─ calls::Gate      (AWS)
//!             (pure: standing)                                           └─ client::fenced   (the API server)
//! ```
//!
//! Why nothing is written by two:
//! - A candidate takes a Lease only after it saw it unchanged, by its own monotonic clock, for as long as its holder
//!   promised to renew it. Clocks of two machines are never compared.
//! - The holder counts from *before* it sent the renewal, and its fence closes a margin before that time is over. The
//!   margin is longer than the longest attempt of a call, so what was sent while the fence was open is over when the
//!   Lease can pass on.
//! - A term that ended never writes again, even if the same replica leads again later.
//!
//! What this cannot see is a machine that stops in the middle of a send and goes on much later; what such a late call
//! did, the successor's next look repairs.
//!
//! Rooms: [`standing`] (who leads, by what was seen; pure), [`fence`], [`election`] (the loop), [`client`] (a client
//! of the API server behind the fence), [`campaign`] (work, while leading). No crate was found for this: kubert's and
//! kube-leader-election's leases are for older kube, compare wall clocks of two machines, and know no margin.

pub mod campaign;
pub mod client;
pub mod election;
pub mod fence;
pub mod standing;

use std::time::Duration;

pub use campaign::Campaign;
pub use election::Election;
pub use fence::{Fence, Fenced, Term};

/// Times of an election. They hold together: see [`Times::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long a Lease holds after its last renewal.
    pub duration: Duration,
    /// Between two renewals.
    pub renew: Duration,
    /// Between two looks of a candidate, and between two tries after a failure.
    pub retry: Duration,
    /// How long before the Lease can pass on its holder stops writing.
    pub margin: Duration,
    /// The longest that one attempt of a write may take, to AWS or to the API server.
    pub attempt: Duration,
    /// How long running passes may take to end when the operator stops, or when its term ended.
    pub drain: Duration,
}

impl Times {
    /// What the operator goes by: a dead leader's work is taken up within 25 s (20 s of lease, 2 s until its last
    /// renewal was seen, and a start), a stop that goes well is taken up within 2 s.
    pub const DEFAULT: Self = Self {
        duration: Duration::from_secs(20),
        renew: Duration::from_secs(4),
        retry: Duration::from_secs(2),
        margin: Duration::from_secs(7),
        attempt: operator_aws::ATTEMPT_TIMEOUT,
        drain: Duration::from_secs(20),
    };

    /// Whether they hold together: an attempt is over within the margin, and a renewal that fails once or twice is
    /// made up for before the fence closes.
    pub fn check(&self) -> Result<(), String> {
        let Self { duration, renew, retry, margin, attempt, drain: _ } = *self;
        if attempt >= margin {
            return Err(format!("an attempt may take {attempt:?}, which the margin of {margin:?} does not cover"));
        }
        if renew + retry * 2 >= duration.saturating_sub(margin) {
            return Err(format!(
                "renewing every {renew:?}, again after {retry:?}, leaves no time before the fence closes: \
                 {duration:?} less the margin of {margin:?}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn the_margin_is_longer_than_the_longest_attempt_at_aws() {
        Times::DEFAULT.check().expect("the operator's own times hold together");
        let slow = Times { attempt: Duration::from_secs(7), ..Times::DEFAULT };
        assert!(slow.check().expect_err("an attempt as long as the margin").contains("margin of 7s"));
        let hasty = Times { duration: Duration::from_secs(15), ..Times::DEFAULT };
        assert!(hasty.check().expect_err("no time to renew").contains("leaves no time"));
    }
}
