//! What befalls calls: one at a time where a test says so, or by a plan that is made of a seed.

use super::record::Call;
use crate::error::{AwsError, ErrorClass};
use std::collections::{BTreeMap, VecDeque};

/// When a call that is to fail fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing was changed.
    Before,
    /// The change took effect, and the answer was lost.
    After,
}

/// What befalls one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused for the rate of calls.
    Throttled,
    /// A 5xx, before or after it took effect.
    Unavailable(When),
    /// `ConcurrentModificationException`: nothing was changed. Of EventBridge and IAM; SQS knows none, and has a 5xx.
    Modified,
    /// The last of its entries fails, the others are done (PutTargets, RemoveTargets); other calls have a 5xx.
    Partial,
}

/// Faults for calls at random, the same for the same seed, and for each call by its number in the account's life.
#[derive(Debug, Clone, Copy)]
pub struct Faults {
    seed: u64,
    shares: [(Fault, u16); 5],
}

impl Faults {
    /// No faults yet.
    pub fn seeded(seed: u64) -> Self {
        let none = [
            Fault::Throttled,
            Fault::Unavailable(When::Before),
            Fault::Unavailable(When::After),
            Fault::Modified,
            Fault::Partial,
        ];
        Self { seed, shares: none.map(|fault| (fault, 0)) }
    }

    /// Lets so many of a thousand calls have the fault. All faults together are at most a thousand.
    #[must_use]
    pub fn with(mut self, fault: Fault, of_thousand: u16) -> Self {
        for (found, share) in &mut self.shares {
            if *found == fault {
                *share = of_thousand;
            }
        }
        self
    }

    /// What befalls the call of that number.
    fn at(&self, index: u64) -> Option<Fault> {
        let mut dice = u16::try_from(scatter(self.seed.wrapping_add(scatter(index))) % 1000).unwrap_or_default();
        for (fault, share) in self.shares {
            if dice < share {
                return Some(fault);
            }
            dice -= share;
        }
        None
    }
}

/// SplitMix64's finaliser: neighbours become far apart, and the same is always the same.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// How a call fails.
#[derive(Debug)]
pub(super) enum Failure {
    Before(AwsError),
    After(AwsError),
    LastEntry,
}

/// The faults that wait for their calls.
#[derive(Debug, Default)]
pub(super) struct Injected {
    next: VecDeque<(&'static str, When, ErrorClass)>,
    writes: BTreeMap<u64, Fault>,
    plan: Option<Faults>,
    last_entry: bool,
}

impl Injected {
    pub(super) fn next_of(&mut self, operation: &'static str, when: When, class: ErrorClass) {
        self.next.push_back((operation, when, class));
    }

    pub(super) fn at_write(&mut self, index: u64, fault: Fault) {
        self.writes.insert(index, fault);
    }

    pub(super) fn forget(&mut self) {
        self.next.clear();
        self.writes.clear();
    }

    pub(super) fn set_plan(&mut self, plan: Option<Faults>) {
        self.plan = plan;
    }

    /// What befalls this call: the `index`-th of all, the `write`-th of those that change something.
    pub(super) fn take(&mut self, call: &Call, index: u64, write: Option<u64>) -> Option<Failure> {
        let position = self.next.iter().position(|(operation, ..)| *operation == call.operation);
        if let Some((_, when, class)) = position.and_then(|position| self.next.remove(position)) {
            let error = AwsError::new(class, call.service, call.operation, "made to fail");
            return Some(match when {
                When::Before => Failure::Before(error),
                When::After => Failure::After(error),
            });
        }
        let of_write = write.and_then(|write| self.writes.remove(&write));
        let fault = of_write.or_else(|| self.plan.as_ref()?.at(index))?;
        Some(failure(fault, call))
    }

    pub(super) fn refuse_last_entry(&mut self) {
        self.last_entry = true;
    }

    pub(super) fn forget_last_entry(&mut self) {
        self.last_entry = false;
    }

    /// Whether the last entry of the call that happens now is to fail.
    pub(super) fn refuses_last_entry(&self) -> bool {
        self.last_entry
    }
}

fn failure(fault: Fault, call: &Call) -> Failure {
    let error = |class, message: &str| AwsError::new(class, call.service, call.operation, message);
    let unavailable = || error(ErrorClass::Retryable, "ServiceUnavailable: 503");
    match fault {
        Fault::Throttled => Failure::Before(error(ErrorClass::Throttled, "ThrottlingException: Rate exceeded")),
        Fault::Modified if call.write && call.service != "SQS" => {
            let message = "ConcurrentModificationException: there is concurrent modification";
            Failure::Before(error(ErrorClass::Conflict, message))
        }
        Fault::Partial if matches!(call.operation, "PutTargets" | "RemoveTargets") => Failure::LastEntry,
        Fault::Unavailable(When::After) => Failure::After(unavailable()),
        Fault::Unavailable(When::Before) | Fault::Modified | Fault::Partial => Failure::Before(unavailable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_in_the_shares_that_were_asked_for() {
        let faults = |seed| {
            let faults = Faults::seeded(seed).with(Fault::Throttled, 500).with(Fault::Modified, 100);
            (0..10_000).map(|index| faults.at(index)).collect::<Vec<_>>()
        };
        let (first, again, other) = (faults(7), faults(7), faults(8));
        assert_eq!(first, again);
        assert_ne!(first, other);
        let count = |wanted| first.iter().filter(|fault| **fault == wanted).count();
        assert!((4_800..5_200).contains(&count(Some(Fault::Throttled))));
        assert!((900..1_100).contains(&count(Some(Fault::Modified))));
        assert_eq!(count(Some(Fault::Partial)), 0);
    }
}
