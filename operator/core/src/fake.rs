//! An AWS in memory, for tests: stateful, and it refuses what AWS refuses and emulators do not.
//!
//! - a queue's name for 60 seconds after its delete; a redrive policy whose queue is not there or of the other
//!   kind; a policy that is too long
//! - `CreateQueue` returns an existing queue of the same attributes, whosoever it is
//! - deleting a bus with rules, a rule with targets, a role with policies
//! - more than five targets a rule or 300 rules a bus; targets that a FIFO queue or a dead-letter queue forbids,
//!   by failed entries, while the others are put
//! - `PutRule` replaces silently and ignores tags where the rule exists

mod buses;
mod queues;
mod roles;

use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{BusName, QueueName, RoleName};
use crate::ports::{Aws, Counts};
use crate::tags::Tags;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A clock that tests move.
#[derive(Debug, Default)]
pub struct FakeClock(AtomicI64);

impl FakeClock {
    /// A clock that stands at a time in 2026.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_790_000_000_000)))
    }

    /// What it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

/// One call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The operation, in AWS's name.
    pub operation: &'static str,
    /// Whether it changes something.
    pub write: bool,
}

/// The AWS in memory. Clones share it.
#[derive(Clone)]
pub struct FakeAws(Arc<Shared>);

struct Shared {
    installation: Installation,
    clock: Arc<FakeClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    buses: BTreeMap<BusName, buses::Bus>,
    queues: BTreeMap<QueueName, queues::Queue>,
    deleted_queues: BTreeMap<QueueName, Timestamp>,
    roles: BTreeMap<RoleName, roles::Role>,
    calls: Vec<Call>,
    refusals: VecDeque<(&'static str, When, AwsError)>,
}

/// When a call that is to fail fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing was changed.
    Before,
    /// The change took effect, and the answer was lost.
    After,
}

impl FakeAws {
    /// An empty account.
    pub fn new(installation: &Installation, clock: &Arc<FakeClock>) -> Self {
        Self(Arc::new(Shared { installation: installation.clone(), clock: clock.clone(), state: Mutex::default() }))
    }

    /// The ports to it.
    pub fn aws(&self) -> Aws {
        Aws { buses: Arc::new(self.clone()), queues: Arc::new(self.clone()), roles: Arc::new(self.clone()) }
    }

    /// Lets the next call of an operation fail.
    pub fn fail_next(&self, operation: &'static str, when: When, class: ErrorClass) {
        let error = AwsError::new(class, "fake", operation, "made to fail");
        self.state().refusals.push_back((operation, when, error));
    }

    /// All calls since the last time this was asked.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// Lets a queue hold messages.
    pub fn set_counts(&self, queue: &QueueName, counts: Counts) {
        if let Some(queue) = self.state().queues.get_mut(queue) {
            queue.counts = counts;
        }
    }

    /// Everything there is: what it is called, its tags, and all the rest of it as text.
    pub fn things(&self) -> BTreeMap<String, (Tags, String)> {
        let state = self.state();
        let mut things = BTreeMap::new();
        for (name, bus) in &state.buses {
            let text = format!("{:?} {:?}", bus.description, bus.policy);
            things.insert(format!("bus {name}"), (bus.tags.clone(), text));
            for (rule, facts) in &bus.rules {
                let text = format!("{:?}", facts.without_tags());
                things.insert(format!("rule {name}/{rule}"), (facts.tags.clone(), text));
            }
        }
        for (name, queue) in &state.queues {
            things.insert(format!("queue {name}"), (queue.tags.clone(), format!("{:?}", queue.attributes)));
        }
        for (name, role) in &state.roles {
            let text = format!("{:?} {:?}", role.facts.trust, role.policies);
            things.insert(format!("role {name}"), (role.facts.tags.clone(), text));
        }
        things
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the call, does it, and lets it fail where a test wants that.
    fn call<T>(
        &self,
        operation: &'static str,
        write: bool,
        act: impl FnOnce(&mut State) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let mut state = self.state();
        state.calls.push(Call { operation, write });
        let position = state.refusals.iter().position(|(name, ..)| *name == operation);
        match position.and_then(|position| state.refusals.remove(position)) {
            Some((_, When::Before, error)) => Err(error),
            Some((_, When::After, error)) => act(&mut state).and(Err(error)),
            None => act(&mut state),
        }
    }
}

fn refuse<T>(
    class: ErrorClass,
    service: &'static str,
    operation: &'static str,
    message: String,
) -> Result<T, AwsError> {
    Err(AwsError::new(class, service, operation, message))
}
