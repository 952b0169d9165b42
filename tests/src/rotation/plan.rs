//! What befalls the system, and when.

use std::time::Duration;

/// What comes with a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Nothing.
    Quiet,
    /// A pod of the signature service is deleted, with its grace.
    PodDeleted,
    /// A pod of the signature service is killed.
    PodKilled,
    /// One inbox is paused meanwhile, so that events of the kid wait in it.
    Held,
    /// Every kid that could sign is revoked at once.
    Every,
    /// The signature service is scaled to nothing, and comes back when every consumer knows.
    Away,
}

/// The pace of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// From one event to the next.
    pub publish_every: Duration,
    /// From one requested rotation to the next.
    pub rotate_every: Duration,
    /// From one change of the algorithm to the next.
    pub flip_every: Duration,
    /// What happens, one after the other.
    pub rounds: Vec<Round>,
    /// The least time a round takes.
    pub round: Duration,
}

impl Plan {
    /// One round a minute.
    pub fn soak(minutes: u16) -> Self {
        const CYCLE: [Round; 6] =
            [Round::Quiet, Round::PodKilled, Round::Held, Round::Away, Round::PodDeleted, Round::Every];
        let rounds = CYCLE.into_iter().cycle().take(minutes.into()).collect();
        Self { rounds, round: Duration::from_mins(1), ..Self::short() }
    }

    /// The rounds that differ most, without a pause: about a hundred seconds.
    pub fn short() -> Self {
        Self {
            publish_every: Duration::from_millis(200),
            rotate_every: Duration::from_secs(5),
            flip_every: Duration::from_secs(30),
            rounds: vec![Round::Every, Round::Held, Round::Away],
            round: Duration::ZERO,
        }
    }
}
