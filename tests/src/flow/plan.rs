//! How many events, for how long, which of them are poison, and what happens meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use super::kinds::{Kind, POISON};

/// The least rate that a run is to keep, in events a second.
pub(super) const LEAST_RATE: u32 = 50;
/// The rate while everything is switched off and on again, or replaced: what is not taken meanwhile is posted again every
/// half minute, so there are few.
const SLOW_RATE: u32 = 5;
/// How often the rollback drill lets things settle.
const SETTLINGS: u32 = 4;
/// One event of so many is poison.
const POISON_EVERY: u32 = 100;

/// The pace of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Events a second, the poison among them.
    pub rate: u32,
    /// For how long they are published.
    pub publish: Duration,
    /// What goes wrong meanwhile; nothing where a flow is only measured.
    pub trouble: Option<Trouble>,
    /// What the platform team does meanwhile.
    pub change: Option<Change>,
}

/// What a platform team does while events flow.
#[derive(Clone, Debug)]
pub enum Change {
    /// The switches of a rollback are thrown and thrown back, each after this time to settle.
    Rollback(Duration),
    /// The release becomes this checkout's, goes, and comes back.
    Upgrade(Release),
}

/// What it takes to install this checkout's chart.
#[derive(Clone, Debug)]
pub struct Release {
    /// Helm.
    pub helm: PathBuf,
    /// AWS, as pods reach it.
    pub aws: String,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// What the kills are drawn from.
    pub seed: u64,
    /// How long before the last event the last pod is killed.
    pub quiet: Duration,
}

impl Plan {
    /// Kills and poison for so many minutes.
    pub fn soak(minutes: u16, seed: u64) -> Self {
        Self { publish: Duration::from_mins(minutes.into()), ..Self::short(seed) }
    }

    /// The same for a little more than a minute.
    pub fn short(seed: u64) -> Self {
        let trouble = Trouble { seed, quiet: Duration::from_secs(10) };
        // A little more than the least, so that a pause of the machine does not make it less.
        Self { rate: LEAST_RATE + 1, publish: Duration::from_secs(75), trouble: Some(trouble), change: None }
    }

    /// Nothing but good events, for so many seconds.
    pub fn measure(seconds: u16) -> Self {
        Self { rate: LEAST_RATE, publish: Duration::from_secs(seconds.into()), trouble: None, change: None }
    }

    /// Good events alone, while everything is switched off and on again: as long as that takes, and two minutes.
    pub fn rollback(settle: Duration) -> Self {
        let publish = settle * SETTLINGS + Duration::from_mins(4);
        Self { rate: SLOW_RATE, publish, trouble: None, change: Some(Change::Rollback(settle)) }
    }

    /// Good events alone, while the release is upgraded, goes and comes back.
    pub fn upgrade(release: Release) -> Self {
        Self { rate: SLOW_RATE, publish: Duration::from_mins(6), trouble: None, change: Some(Change::Upgrade(release)) }
    }

    /// Whether the switches of a rollback are thrown.
    pub(super) fn rolls_back(&self) -> bool {
        matches!(self.change, Some(Change::Rollback(_)))
    }

    /// Whether the release is upgraded.
    pub(super) fn upgrades(&self) -> bool {
        matches!(self.change, Some(Change::Upgrade(_)))
    }

    /// How many events there are.
    pub(super) fn events(&self) -> u32 {
        self.rate * u32::try_from(self.publish.as_secs()).unwrap_or(u32::MAX)
    }

    /// When an event is due, from the beginning on.
    pub(super) fn due(&self, number: u32) -> Duration {
        Duration::from_secs(1) * number / self.rate
    }

    /// What kind of event this one is: the last of every hundred is poison, each kind of it in turn.
    pub(super) fn kind(&self, number: u32) -> Kind {
        let is_poison = self.trouble.is_some() && number % POISON_EVERY == POISON_EVERY - 1;
        let nth = usize::try_from(number / POISON_EVERY).unwrap_or_default();
        let poison = if is_poison { POISON.get(nth % POISON.len()) } else { None };
        poison.copied().unwrap_or(Kind::Good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_of_a_hundred_is_poison_of_every_kind_and_none_is_where_it_is_measured() {
        let plan = Plan::soak(10, 7);
        let poison: Vec<Kind> =
            (0..plan.events()).map(|number| plan.kind(number)).filter(|kind| *kind != Kind::Good).collect();
        assert_eq!((plan.events(), poison.len()), (30_600, 306));
        assert!(POISON.iter().all(|kind| poison.contains(kind)), "{poison:?}");
        let plan = Plan::measure(600);
        assert!((0..plan.events()).all(|number| plan.kind(number) == Kind::Good));
    }

    #[test]
    fn events_are_due_at_the_rate() {
        let plan = Plan::measure(600);
        assert_eq!((plan.events(), plan.due(0), plan.due(50)), (30_000, Duration::ZERO, Duration::from_secs(1)));
        assert!(plan.due(plan.events() - 1) < plan.publish);
    }
}
