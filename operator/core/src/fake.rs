//! An AWS in memory, for tests: stateful, and it refuses what AWS refuses and emulators do not.
//!
//! | what AWS forces | here | in |
//! |---|---|---|
//! | PutTargets and RemoveTargets answer 200 with `FailedEntryCount`: some entries are done, the others named | a target that is refused; [`Fault::Partial`] | [`buses`] |
//! | a target's dead-letter queue is a standard queue | a failed entry | [`buses`] |
//! | a FIFO target's queue has content-based deduplication, which a standard queue has none of | a failed entry, `Invalid` | [`buses`], [`queues`] |
//! | a FIFO target needs a message group of 1 to 100 characters; a standard one has none | a failed entry | [`buses`] |
//! | 5 targets a rule, 300 rules a bus, 30 rules with wildcards a bus | `LimitExceeded` | [`buses`] |
//! | 50 control-plane calls a second to EventBridge, for the account and Region | `Throttled`, once [`FakeAws::keep_rates`] is called | [`rates`] |
//! | `PutMetricAlarm` and `PutDashboard` replace silently; `DeleteAlarms` deletes none where one is not there | the same; `Conflict` | [`monitoring`] |
//! | an archive owns a rule that counts and that nobody else may change; no tags | the same | [`archives`] |
//! | `PutRule` replaces silently, and ignores tags where the rule exists | the same | [`buses`] |
//! | a bus with rules, a rule with targets, a role with policies is not deleted | `Conflict` | [`buses`], [`roles`] |
//! | a redrive policy's queue exists, and is FIFO where the queue is | `Missing`, `Invalid` | [`queues`] |
//! | a queue's name is refused for 60 seconds after its delete | `QueueDeletedRecently` | [`queues`] |
//! | `CreateQueue` returns an existing queue whose attributes match, whoever owns it | the same; `Conflict` where they differ | [`queues`] |
//! | a queue's policy has at most 8,192 bytes and 20 statements | `Invalid` | [`queues`] |
//! | policies come back in another order and in other words | the same | [`writing`] |
//! | role names are unique in the account without regard to case; a trust policy has at most 2,048 characters | `Conflict`, `LimitExceeded` | [`roles`] |
//! | throttling, `ConcurrentModificationException`, a 5xx before or after the change took effect | [`Faults`], by a seed; or one at a time | [`faults`] |
//!
//! Every call is recorded ([`Call`], [`FakeAws::take_calls`], [`FakeAws::tally`]), and a [`Hook`] may wait around it:
//! for a delay, or to end a test's operator right after a change.

mod archives;
mod buses;
mod clock;
mod faults;
mod keys;
mod monitoring;
mod queues;
mod rates;
mod record;
mod roles;
mod writing;

pub use clock::FakeClock;
pub use faults::{Fault, Faults, When};
pub use rates::CONTROL_PLANE_CALLS_A_SECOND;
pub use record::{Call, Tally};

use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{ArchiveName, BusName, QueueName, RoleName};
use crate::ports::{ArchiveFacts, Aws, Counts};
use crate::tags::Tags;
use faults::Injected;
use jiff::Timestamp;
use rates::Rates;
use record::Record;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is awaited around a call: before it takes effect, and after, before its answer is given.
pub type Hook = Arc<dyn Fn(When, &Call) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The AWS in memory. Clones share it.
#[derive(Clone)]
pub struct FakeAws(Arc<Shared>);

struct Shared {
    installation: Installation,
    clock: Arc<FakeClock>,
    hook: Mutex<Option<Hook>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    buses: BTreeMap<BusName, buses::Bus>,
    archives: BTreeMap<ArchiveName, ArchiveFacts>,
    queues: BTreeMap<QueueName, queues::Queue>,
    deleted_queues: BTreeMap<QueueName, Timestamp>,
    roles: BTreeMap<RoleName, roles::Role>,
    /// In lower case.
    role_names: BTreeSet<String>,
    record: Record,
    rates: Rates,
    injected: Injected,
    monitoring: monitoring::CloudWatch,
    keys: Vec<keys::Key>,
}

impl FakeAws {
    /// An empty account.
    pub fn new(installation: &Installation, clock: &Arc<FakeClock>) -> Self {
        Self(Arc::new(Shared {
            installation: installation.clone(),
            clock: clock.clone(),
            hook: Mutex::default(),
            state: Mutex::default(),
        }))
    }

    /// The ports to it.
    pub fn aws(&self) -> Aws {
        Aws {
            buses: Arc::new(self.clone()),
            queues: Arc::new(self.clone()),
            roles: Arc::new(self.clone()),
            monitoring: Arc::new(self.clone()),
            keys: Arc::new(self.clone()),
        }
    }

    /// Lets the next call of an operation fail.
    pub fn fail_next(&self, operation: &'static str, when: When, class: ErrorClass) {
        self.state().injected.next_of(operation, when, class);
    }

    /// Lets one of the calls that change something have a fault: the `number`-th from now on, counted from 0.
    pub fn fail_write(&self, number: u64, fault: Fault) {
        let mut state = self.state();
        let index = state.record.writes() + number;
        state.injected.at_write(index, fault);
    }

    /// Lets no single call fail any more that was to fail yet.
    pub fn forget_failures(&self) {
        self.state().injected.forget();
    }

    /// From now on, calls have the faults of this plan; `None` ends that.
    pub fn set_faults(&self, faults: Option<Faults>) {
        self.state().injected.set_plan(faults);
    }

    /// From now on, EventBridge's rate of control-plane calls is kept, by the clock.
    pub fn keep_rates(&self) {
        self.state().rates.keep();
    }

    /// From now on, this is awaited around every call.
    pub fn set_hook(&self, hook: Option<Hook>) {
        *self.0.hook.lock().unwrap_or_else(PoisonError::into_inner) = hook;
    }

    /// All calls since the last time this was asked, in order; those that failed too.
    pub fn take_calls(&self) -> Vec<Call> {
        self.state().record.take()
    }

    /// How often each operation was called, over the account's whole life.
    pub fn tally(&self) -> Tally {
        self.state().record.tally().clone()
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
            let text = format!("{:?} {:?}", bus.settings, bus.policy);
            things.insert(format!("bus {name}"), (bus.tags.clone(), text));
            for (rule, facts) in &bus.rules {
                let text = format!("{:?}", facts.without_tags());
                things.insert(format!("rule {name}/{rule}"), (facts.tags.clone(), text));
            }
        }
        for (name, archive) in &state.archives {
            things.insert(format!("archive {name}"), (Tags::new(), format!("{archive:?}")));
        }
        for (name, queue) in &state.queues {
            things.insert(format!("queue {name}"), (queue.tags.tags(), format!("{:?}", queue.attributes)));
        }
        for (name, role) in &state.roles {
            let text = format!("{:?} {:?} {:?}", role.trust, role.boundary, role.policies);
            things.insert(format!("role {name}"), (role.tags.tags(), text));
        }
        for (name, stored) in &state.monitoring.alarms {
            things.insert(format!("alarm {name}"), (stored.tags.clone(), format!("{:?}", stored.alarm)));
        }
        for (name, body) in &state.monitoring.dashboards {
            things.insert(format!("dashboard {name}"), (Tags::new(), body.to_string()));
        }
        things
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the call, does it, and lets it fail where a test wants that.
    async fn call<T>(
        &self,
        service: &'static str,
        operation: &'static str,
        write: bool,
        act: impl FnOnce(&mut State) -> Result<T, AwsError>,
    ) -> Result<T, AwsError> {
        let call = Call { service, operation, write };
        self.wait(When::Before, &call).await;
        let answer = self.happen(&call, act);
        self.wait(When::After, &call).await;
        answer
    }

    async fn wait(&self, when: When, call: &Call) {
        let hook = self.0.hook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hook) = hook {
            hook(when, call).await;
        }
    }

    fn happen<T>(&self, call: &Call, act: impl FnOnce(&mut State) -> Result<T, AwsError>) -> Result<T, AwsError> {
        let now = self.0.clock.now();
        let mut state = self.state();
        let (index, write) = state.record.note(call);
        state.rates.admit(call, now)?;
        match state.injected.take(call, index, write) {
            None => act(&mut state),
            Some(faults::Failure::Before(error)) => Err(error),
            Some(faults::Failure::After(error)) => act(&mut state).and(Err(error)),
            Some(faults::Failure::LastEntry) => {
                state.injected.refuse_last_entry();
                let answer = act(&mut state);
                state.injected.forget_last_entry();
                answer
            }
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
