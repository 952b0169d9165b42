//! What was called, and how often.

use std::collections::BTreeMap;

/// One call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `EventBridge`, `SQS`, `IAM` and so on.
    pub service: &'static str,
    /// The operation, in AWS's name.
    pub operation: &'static str,
    /// Whether it changes something.
    pub write: bool,
}

/// How often each operation was called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(&'static str, &'static str, bool), u64>);

impl Tally {
    /// Calls of all operations.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Calls that change something.
    pub fn writes(&self) -> u64 {
        self.0.iter().filter(|((_, _, write), _)| *write).map(|(_, count)| count).sum()
    }

    /// Calls to one service.
    pub fn of_service(&self, service: &str) -> u64 {
        self.0.iter().filter(|((found, _, _), _)| *found == service).map(|(_, count)| count).sum()
    }

    /// Each operation with its service, and how often it was called.
    pub fn operations(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.0.iter().map(|((service, operation, _), count)| (*service, *operation, *count))
    }

    /// What came after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let later = self.0.iter().filter_map(|(key, count)| {
            let before = earlier.0.get(key).copied().unwrap_or_default();
            (*count > before).then(|| (*key, count - before))
        });
        Self(later.collect())
    }
}

impl FromIterator<Call> for Tally {
    fn from_iter<I: IntoIterator<Item = Call>>(calls: I) -> Self {
        let mut tally = Self::default();
        calls.into_iter().for_each(|call| tally.count(&call));
        tally
    }
}

impl Tally {
    fn count(&mut self, call: &Call) {
        *self.0.entry((call.service, call.operation, call.write)).or_default() += 1;
    }
}

/// The calls since they were last asked for, and the count of all.
#[derive(Debug, Default)]
pub(super) struct Record {
    calls: Vec<Call>,
    tally: Tally,
}

impl Record {
    /// Notes a call; returns how many calls came before it, and, if it changes something, how many of those did.
    pub(super) fn note(&mut self, call: &Call) -> (u64, Option<u64>) {
        let index = (self.tally.total(), call.write.then(|| self.tally.writes()));
        self.calls.push(call.clone());
        self.tally.count(call);
        index
    }

    pub(super) fn take(&mut self) -> Vec<Call> {
        std::mem::take(&mut self.calls)
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn writes(&self) -> u64 {
        self.tally.writes()
    }
}
