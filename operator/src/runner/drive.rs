//! The pass over one object, and the loop that makes passes.

use std::{convert::Infallible, sync::Arc, time::Duration};

use crds::{
    Eventing, ManagementPolicy,
    conditions::{self, READY, reason},
    names::{EXPIRES_AT, RECONCILE_REQUESTED_AT},
    object::CommonStatus,
};
use futures::{Stream, StreamExt};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Preconditions},
    runtime::{
        controller::{self, Action, applier},
        reflector::{ObjectRef, Store},
    },
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    Blocked, Cleanup, Failure, Hub, Look, Pace, Progress, Reconciler, Report,
    annotations::{self, Asked, Warned},
    backoff::{Attempts, pause, spread},
    expiry::{self, Expiry},
    finalizer,
    metrics::{Ending, Metrics},
    pending::Pending,
    record::Events,
    status,
    telemetry::{PassEnded, PassFailed, StatusWritten},
    tell::{self, Told},
    verdict::{self, Verdict},
};
use crate::leadership::client::is_fenced;

/// When to look again after a change of our own that wakes us too.
const SOON: Duration = Duration::from_secs(1);

/// As far ahead as anything is planned by the clock alone.
const FAR: Duration = Duration::from_hours(24);

/// When to look again after a status that could not be written.
const UNWRITTEN: Duration = Duration::from_secs(5);

/// What runners go by.
#[derive(Clone, Copy, Debug)]
pub struct RunnerSettings {
    /// Time between two looks at an object that did not change.
    pub resync: Duration,
    /// How many objects at a time.
    pub concurrency: u16,
}

/// One kind's runner.
pub struct Runner<K: Eventing, R: Reconciler<K>> {
    client: Client,
    hub: Hub,
    reconciler: R,
    events: Events,
    metrics: Metrics,
    settings: RunnerSettings,
    attempts: Attempts,
    warned: Warned,
    kind: std::marker::PhantomData<fn(K)>,
}

/// Makes passes over the objects of `store` that `triggers` names, until `shutdown`; running ones are finished.
pub async fn run<K: Eventing, R: Reconciler<K>>(
    runner: Runner<K, R>,
    store: Store<K>,
    triggers: impl Stream<Item = ObjectRef<K>> + Send + 'static,
    shutdown: CancellationToken,
) {
    let config = controller::Config::default().concurrency(runner.settings.concurrency);
    let pending = Arc::new(Pending::new(K::KIND, runner.metrics.clone()));
    let (waiting, objects) = (Arc::clone(&pending), store.clone());
    let triggers = triggers.inspect(move |object| {
        // What is not there any more is passed over without a pass.
        if objects.get(object).is_some() {
            waiting.triggered(object.clone());
        }
    });
    let queue = triggers.map(Ok::<_, Infallible>).take_until(shutdown.cancelled_owned());
    let pass = |object: Arc<K>, runner: Arc<Runner<K, R>>| {
        pending.begun(&ObjectRef::from_obj(object.as_ref()));
        Box::pin(async move { Ok::<_, Infallible>(runner.pass(&object).await) })
    };
    applier(pass, |_, never, _| match *never {}, Arc::new(runner), store, Box::pin(queue), config)
        .for_each(|_| futures::future::ready(()))
        .await;
}

impl<K: Eventing, R: Reconciler<K>> Runner<K, R> {
    /// A runner for one kind.
    pub fn new(
        client: Client,
        hub: Hub,
        reconciler: R,
        events: Events,
        metrics: Metrics,
        settings: RunnerSettings,
    ) -> Self {
        let (attempts, warned, kind) = (Attempts::default(), Warned::default(), std::marker::PhantomData);
        Self { client, hub, reconciler, events, metrics, settings, attempts, warned, kind }
    }

    /// One pass over `object`; says when to look again. All that is logged and traced in it carries its reconcile id.
    pub async fn pass(&self, object: &K) -> Action {
        let span = tracing::info_span!(
            parent: None,
            "reconcile",
            kind = K::KIND,
            namespace = object.namespace(),
            name = object.name_any(),
            generation = object.meta().generation,
            reconcile_id = format!("{:016x}", rand::random::<u64>()),
            ending = tracing::field::Empty,
        );
        self.judge(object).instrument(span).await.map_or_else(Action::await_change, Action::requeue)
    }

    async fn judge(&self, object: &K) -> Option<Duration> {
        let start = Instant::now();
        let namespace = object.namespace().unwrap_or_default();
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        let mut asked = annotations::read(object.annotations());
        let expiry = expiry::expiry(object.annotations(), Timestamp::now());
        if let Expiry::Unreadable(problem) = &expiry {
            asked.ignored.push(problem.clone());
        }
        self.warn_once(object, &asked.ignored).await;
        let looking = object.management_policy() == ManagementPolicy::Observe;
        let (ending, again) = match (object.meta().deletion_timestamp.is_some(), finalizer::present(object)) {
            _ if asked.paused => {
                (Ending::Skipped, self.settle(&api, object, None, &Verdict::Paused, false, None).await)
            }
            (true, false) => (Ending::Skipped, None),
            (false, _) if expiry == Expiry::Over => self.expire(&api, object).await,
            // Who only looks has made nothing, and what it made before it looked stays.
            (_, true) if looking => self.let_go(&api, object).await,
            (true, true) => self.leave(&api, object).await,
            (false, _) if self.hub.is_terminating(&namespace) => (Ending::Skipped, None),
            (false, _) if looking => self.look(&api, object, &asked).await,
            (false, present) => self.stay(&api, object, present, &asked).await,
        };
        let again = match expiry {
            Expiry::In(left) => Some(again.unwrap_or(FAR).min(left)),
            _ => again,
        };
        tracing::Span::current().record("ending", tracing::field::debug(ending));
        PassEnded { kind: K::KIND, ending, seconds: start.elapsed().as_secs_f64(), again }.emit(&self.metrics);
        again
    }

    /// The pass over an object that stays.
    async fn stay(&self, api: &Api<K>, object: &K, has_finalizer: bool, asked: &Asked) -> (Ending, Option<Duration>) {
        if !has_finalizer {
            match finalizer::add(api, object).await {
                Ok(()) => {}
                Err(kube::Error::Api(answer)) if answer.is_conflict() => return self.conflicted(object),
                Err(kube::Error::Api(answer)) if answer.is_not_found() => return (Ending::Skipped, None),
                Err(error) => return self.failed(api, object, &error.into()).await,
            }
        }
        let Report { mut status, progress, has_references, changes, found, again } =
            match self.reconciler.apply(object).await {
                Ok(report) => report,
                Err(failure) => return self.failed(api, object, &failure).await,
            };
        let settled = object.status().and_then(CommonStatus::applied_hash);
        for told in tell::tell(found.as_ref(), &changes, settled) {
            self.told(object, told).await;
        }
        status.set_applied_hash(found.map(|found| found.wanted));
        self.attempts.succeeded(&uid(object));
        let resync = asked.interval(self.settings.resync, rand::random());
        let again = again.map_or(resync, |again| again.min(resync));
        match &progress {
            Progress::Ready => {
                let again = self.settle(api, object, Some(status), &Verdict::Ready, has_references, Some(again)).await;
                (Ending::Ready, again)
            }
            Progress::Waiting(wait) => {
                let again = Some(wait.again.map_or(again, |sooner| sooner.min(again)));
                let verdict = Verdict::Waiting(wait);
                (Ending::Waiting, self.settle(api, object, Some(status), &verdict, has_references, again).await)
            }
            Progress::Terminal(terminal) => {
                let (kind, class) = (K::KIND, terminal.reason);
                PassFailed { kind, class, error: terminal, failures: None, again }.emit(&self.metrics);
                let failure = Failure::Terminal(terminal.clone());
                let verdict = Verdict::Failed(&failure);
                (Ending::Terminal, self.settle(api, object, Some(status), &verdict, has_references, Some(again)).await)
            }
        }
    }

    /// Deletes an object whose time is over; its cleanup takes along what it holds.
    async fn expire(&self, api: &Api<K>, object: &K) -> (Ending, Option<Duration>) {
        let note = format!("annotation {EXPIRES_AT} has passed: the object is deleted, with what it holds");
        self.events.normal(object, "Expired", note).await;
        let same = Preconditions { uid: object.uid(), resource_version: None };
        match api
            .delete(&object.name_any(), &DeleteParams { preconditions: Some(same), ..DeleteParams::default() })
            .await
        {
            Ok(_) => (Ending::Skipped, None),
            Err(kube::Error::Api(answer)) if answer.is_not_found() || answer.is_conflict() => (Ending::Skipped, None),
            Err(error) => self.failed(api, object, &error.into()).await,
        }
    }

    /// The pass over an object that only observes.
    async fn look(&self, api: &Api<K>, object: &K, asked: &Asked) -> (Ending, Option<Duration>) {
        match self.reconciler.look(object).await {
            Ok(Look { status, differences, has_references }) => {
                self.attempts.succeeded(&uid(object));
                let (verdict, again) =
                    (Verdict::Looked(&differences), Some(asked.interval(self.settings.resync, rand::random())));
                (Ending::Ready, self.settle(api, object, Some(status), &verdict, has_references, again).await)
            }
            Err(failure) => self.failed(api, object, &failure).await,
        }
    }

    /// Takes the finalizer from an object that only observes: its change wakes us again.
    async fn let_go(&self, api: &Api<K>, object: &K) -> (Ending, Option<Duration>) {
        match finalizer::remove(api, object).await {
            Ok(()) => (Ending::Skipped, Some(SOON)),
            Err(kube::Error::Api(answer)) if answer.is_conflict() => self.conflicted(object),
            Err(error) => self.failed(api, object, &error.into()).await,
        }
    }

    async fn told(&self, object: &K, told: Told) {
        let Told { warning, reason, note } = told;
        if warning {
            self.events.warning(object, reason, note).await;
        } else {
            self.events.normal(object, reason, note).await;
        }
    }

    /// Says what of the annotations is ignored, once for each text.
    async fn warn_once(&self, object: &K, ignored: &[String]) {
        if self.warned.is_news(&uid(object), ignored) {
            for note in ignored {
                self.events.warning(object, "InvalidAnnotation", note.clone()).await;
            }
        }
    }

    /// The pass over an object that is being deleted.
    async fn leave(&self, api: &Api<K>, object: &K) -> (Ending, Option<Duration>) {
        match self.reconciler.cleanup(object).await {
            Ok(Cleanup::Done) => match finalizer::remove(api, object).await {
                Ok(()) => {
                    self.attempts.succeeded(&uid(object));
                    (Ending::CleanedUp, None)
                }
                Err(kube::Error::Api(answer)) if answer.is_conflict() => self.conflicted(object),
                Err(error) => self.failed(api, object, &error.into()).await,
            },
            Ok(Cleanup::Waiting(wait)) => {
                let again = wait.again;
                (Ending::Waiting, self.settle(api, object, None, &Verdict::Leaving(&wait), false, again).await)
            }
            Ok(Cleanup::Blocked(blocked)) => {
                let blocked = self.with_its_namespace(object, blocked);
                let again = Some(spread(blocked.again, rand::random()));
                (Ending::Blocked, self.settle(api, object, None, &Verdict::Blocked(&blocked), false, again).await)
            }
            Err(failure) => self.failed(api, object, &failure).await,
        }
    }

    /// Says too that the object's namespace waits, where it is being deleted: who looks there finds the way out here.
    fn with_its_namespace(&self, object: &K, blocked: Blocked) -> Blocked {
        let namespace = object.namespace().unwrap_or_default();
        if !self.hub.is_terminating(&namespace) {
            return blocked;
        }
        let message = format!("{}; namespace {namespace} is being deleted and waits for this", blocked.message);
        Blocked { message, ..blocked }
    }

    /// The object changed meanwhile, and perhaps in nothing that wakes us.
    fn conflicted(&self, object: &K) -> (Ending, Option<Duration>) {
        let failures = self.attempts.failed(&uid(object));
        (Ending::Retry, Some(pause(failures, Pace::Quick, rand::random())))
    }

    /// A pass that ended early.
    async fn failed(&self, api: &Api<K>, object: &K, failure: &Failure) -> (Ending, Option<Duration>) {
        let (kind, class) = (K::KIND, failure.class());
        let (ending, again) = match failure {
            Failure::Retry(retry) if is_fenced(retry) => {
                // Nothing more is to be written, the status no more than the rest: the successor looks at it all.
                tracing::debug!("this replica stopped leading in the middle of the pass");
                return (Ending::Fenced, None);
            }
            Failure::Wait(wait) => {
                tracing::debug!(wait = %wait, "waiting");
                (Ending::Waiting, wait.again.unwrap_or(self.settings.resync))
            }
            Failure::Retry(retry) => {
                let failures = self.attempts.failed(&uid(object));
                let again = pause(failures, retry.pace, rand::random());
                PassFailed { kind, class, error: retry, failures: Some(failures), again }.emit(&self.metrics);
                (Ending::Retry, again)
            }
            Failure::Terminal(terminal) => {
                let again = spread(self.settings.resync, rand::random());
                PassFailed { kind, class, error: terminal, failures: None, again }.emit(&self.metrics);
                (Ending::Terminal, again)
            }
        };
        let said = object.status().map(CommonStatus::conditions).unwrap_or_default();
        let has_references = conditions::get(said, conditions::REFERENCES_RESOLVED).is_some();
        let leaving = object.meta().deletion_timestamp.is_some();
        let verdict = if leaving { Verdict::LeavingFailed(failure) } else { Verdict::Failed(failure) };
        (ending, self.settle(api, object, None, &verdict, has_references, Some(again)).await)
    }

    /// Writes the status with the conditions of `verdict`, and an Event when readiness turned. Returns `again`, or
    /// sooner where the status could not be written.
    async fn settle(
        &self,
        api: &Api<K>,
        object: &K,
        status: Option<K::Status>,
        verdict: &Verdict<'_>,
        has_references: bool,
        again: Option<Duration>,
    ) -> Option<Duration> {
        let before = object.status().cloned().unwrap_or_default();
        let mut status = status.unwrap_or_else(|| before.clone());
        let now = Time(Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default());
        let generation = object.meta().generation;
        *status.conditions_mut() = verdict::merge(before.conditions(), status.conditions());
        verdict::apply(status.conditions_mut(), verdict, has_references, generation, &now);
        status.set_observed_generation(generation);
        // A paused object was not looked at, so the request still stands.
        if !matches!(verdict, Verdict::Paused) {
            status.set_last_handled_reconcile_at(object.annotations().get(RECONCILE_REQUESTED_AT).cloned());
        }
        match status::write(api, object, &status).await {
            Ok(true) => {
                StatusWritten { kind: K::KIND }.emit(&self.metrics);
                self.announce(object, before.conditions(), status.conditions()).await;
            }
            Ok(false) => {}
            Err(error) if is_fenced(&error) => return None,
            Err(error) => {
                tracing::warn!(error = %error, "status not written");
                return Some(again.map_or(UNWRITTEN, |again| again.min(UNWRITTEN)));
            }
        }
        again
    }

    /// An Event where `Ready` changed its status or its reason.
    async fn announce(&self, object: &K, before: &[Condition], after: &[Condition]) {
        let Some(ready) = conditions::get(after, READY) else { return };
        let said = conditions::get(before, READY).map(|old| (old.status.as_str(), old.reason.as_str()));
        if said == Some((&ready.status, &ready.reason)) {
            return;
        }
        if ready.status == "True" {
            self.events.normal(object, READY, "everything the spec says is in effect".to_owned()).await;
        } else if conditions::is_true(after, conditions::TERMINAL)
            || conditions::is_true(after, conditions::DELETION_BLOCKED)
            || ready.reason == reason::REF_NOT_PERMITTED
        {
            self.events.warning(object, &ready.reason, ready.message.clone()).await;
        }
    }
}

fn uid<K: Eventing>(object: &K) -> String {
    object.uid().unwrap_or_default()
}

#[cfg(test)]
mod endings;
#[cfg(all(test, feature = "paused-clock"))]
#[path = "drive/tests.rs"]
mod tests;
