//! How the root rotates, step by step; pure.
//!
//! Alone → (asked for) → announced: a second root is made and its hash given out, the first one signs → (every pod
//! knows the second) → signing: the second signs, the hash of the first is still given out → (nothing stands that the
//! first signed) → alone. How far it has come stands in the Secret, and each step is one write of it, so whoever looks
//! next goes on from there.

use std::time::Duration;

use jiff::Timestamp;

/// So long each step is left to act: every replica looks at the Secret several times meanwhile, so that none injects
/// the old hash alone any more, and the kubelet brings the hashes to journal and gateway.
pub const SETTLE: Duration = Duration::from_mins(15);

/// How far a rotation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is one root.
    Alone,
    /// A second root is made known, and does not sign yet.
    Announced {
        /// Since when.
        since: Timestamp,
    },
    /// The second root signs, and what the first signed still holds.
    Signing {
        /// Since when.
        since: Timestamp,
    },
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// None yet.
    Stay,
    /// A second root is made.
    Announce,
    /// The second root signs from now on.
    Switch,
    /// The first root is forgotten.
    Drop,
}

/// What the next step depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// How far it has come.
    pub phase: &'a Phase,
    /// Whether there is a request that was not answered yet.
    pub is_requested: bool,
    /// While announced: how many injected pods do not know the second root. While signing: how many documents stand
    /// that the first one signed.
    pub in_the_way: usize,
}

/// Decides the next step.
pub fn step(facts: &Facts<'_>, now: Timestamp) -> Step {
    let Facts { phase, is_requested, in_the_way } = *facts;
    match phase {
        Phase::Alone if is_requested => Step::Announce,
        Phase::Announced { since } if in_the_way == 0 && settled(*since, now) => Step::Switch,
        Phase::Signing { since } if in_the_way == 0 && settled(*since, now) => Step::Drop,
        Phase::Alone | Phase::Announced { .. } | Phase::Signing { .. } => Step::Stay,
    }
}

fn settled(since: Timestamp, now: Timestamp) -> bool {
    Duration::try_from(now.duration_since(since)).is_ok_and(|passed| passed >= SETTLE)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn next(phase: &Phase, is_requested: bool, in_the_way: usize, minutes: i64) -> Step {
        step(&Facts { phase, is_requested, in_the_way }, at(minutes))
    }

    #[test]
    fn a_rotation_begins_when_it_is_asked_for_and_one_at_a_time() {
        assert_eq!(next(&Phase::Alone, false, 0, 60), Step::Stay);
        assert_eq!(next(&Phase::Alone, true, 0, 60), Step::Announce);
        for phase in [Phase::Announced { since: at(59) }, Phase::Signing { since: at(59) }] {
            assert_eq!(next(&phase, true, 0, 60), Step::Stay, "a second request waits");
        }
    }

    #[test]
    fn the_second_root_signs_when_every_pod_and_every_replica_knows_it() {
        let phase = Phase::Announced { since: at(0) };
        assert_eq!(next(&phase, false, 0, 14), Step::Stay, "a replica may still inject the old hash alone");
        assert_eq!(next(&phase, false, 1, 600), Step::Stay, "a pod would refuse everything");
        assert_eq!(next(&phase, false, 0, 15), Step::Switch);
    }

    #[test]
    fn the_first_root_is_forgotten_when_nothing_stands_that_it_signed() {
        let phase = Phase::Signing { since: at(0) };
        assert_eq!(next(&phase, false, 0, 14), Step::Stay);
        assert_eq!(next(&phase, false, 2, 600), Step::Stay);
        assert_eq!(next(&phase, false, 0, 15), Step::Drop);
    }

    #[test]
    fn a_clock_that_went_back_hurries_nothing() {
        assert_eq!(next(&Phase::Announced { since: at(60) }, false, 0, 10), Step::Stay);
    }
}
