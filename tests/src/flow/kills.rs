//! Which pods are killed, how and when: drawn from a seed, so that a run can be had again. Pure.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

/// The shortest and the longest time from one kill to the next, in milliseconds; to it comes what its victim needs to be
/// whole again before it is killed anew.
const PAUSE: std::ops::Range<u64> = 3_000..8_000;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Target {
    /// Consumes, with its sidecar.
    Treasury,
    /// Consumes, with its sidecar.
    Compliance,
    /// Consumes, with its sidecar.
    Notification,
    /// Publishes, with its sidecar.
    PaymentGateway,
    /// The journal.
    Journal,
    /// One of the gateway's replicas.
    Gateway,
    /// One of the signature service's replicas.
    SignatureService,
    /// One of the operator's replicas.
    Operator,
}

/// Everything that is killed.
pub(super) const TARGETS: [Target; 8] = [
    Target::Treasury,
    Target::Compliance,
    Target::Notification,
    Target::PaymentGateway,
    Target::Journal,
    Target::Gateway,
    Target::SignatureService,
    Target::Operator,
];

impl Target {
    /// Its name, which is its namespace too where it is an example service.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Treasury => "treasury",
            Self::Compliance => "compliance",
            Self::Notification => "notification",
            Self::PaymentGateway => "paymentgateway",
            Self::Journal => "qsl-journal",
            Self::Gateway => "qsl-gateway",
            Self::SignatureService => "qsl-signature-service",
            Self::Operator => "qsl-operator",
        }
    }

    /// Whether it is one of the examples.
    pub(super) const fn is_example(self) -> bool {
        matches!(self, Self::Treasury | Self::Compliance | Self::Notification | Self::PaymentGateway)
    }
}

/// A kill to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kill {
    /// How long after the last one.
    pub after: Duration,
    /// Whom it hits.
    pub target: Target,
    /// Which of its pods, counted on from the first and round.
    pub pod: usize,
    /// With its grace (SIGTERM, and time to drain), or without.
    pub is_graceful: bool,
}

/// The kills of a seed, without end. Targets are dealt like cards: each once before any comes again.
pub(super) fn drawn(seed: u64) -> impl Iterator<Item = Kill> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut deck = Vec::new();
    std::iter::from_fn(move || {
        if deck.is_empty() {
            deck = TARGETS.to_vec();
            deck.shuffle(&mut random);
        }
        let target = deck.pop()?;
        let after = Duration::from_millis(random.random_range(PAUSE));
        Some(Kill { after, target, pod: random.random_range(0..16), is_graceful: random.random() })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_kills_and_another_gives_others() {
        let of = |seed| drawn(seed).take(40).collect::<Vec<_>>();
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn each_target_is_killed_before_any_is_killed_again_with_grace_and_without() {
        let kills: Vec<Kill> = drawn(7).take(80).collect();
        for round in kills.chunks(TARGETS.len()) {
            assert_eq!(round.iter().map(|kill| kill.target).collect::<BTreeSet<_>>().len(), TARGETS.len());
        }
        for is_graceful in [true, false] {
            assert!(kills.iter().filter(|kill| kill.is_graceful == is_graceful).count() > 10);
        }
    }
}
