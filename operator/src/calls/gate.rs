//! The gate that every call to AWS passes: budget, fence, deadline, patience with what is throttled.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use operator_core::{AwsError, ErrorClass, budget::Budget, ports::Answer};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::Instrument as _;

use crate::{
    leadership::Term,
    runner::{metrics::Metrics, telemetry::CallEnded},
};

/// How often a throttled call is repeated here before the pass gives up, and comes back later.
const THROTTLED: u32 = 8;
/// How often a read is repeated here that failed for a reason that may pass. Writes never are: what a lost answer
/// did is for the next observe to see.
const FAILED_READS: u32 = 2;
/// Before the first repetition of such a read; doubled, and jittered by a half either way.
const READ_AGAIN: Duration = Duration::from_millis(200);

/// A service of AWS that has a budget of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// EventBridge's control plane: 50 calls a second for the whole account and Region, fixed.
    EventBridge,
    /// SQS's control plane.
    Sqs,
    /// IAM, which is one for all Regions of the account.
    Iam,
    /// CloudWatch: AWS allows about three alarms to be put a second.
    CloudWatch,
    /// KMS's control plane.
    Kms,
}

impl Service {
    /// Its name, as in errors and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EventBridge => "EventBridge",
            Self::Sqs => "SQS",
            Self::Iam => "IAM",
            Self::CloudWatch => "CloudWatch",
            Self::Kms => "KMS",
        }
    }
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Of whom.
    pub service: Service,
    /// In AWS's name.
    pub name: &'static str,
    /// Whether it changes something.
    pub writes: bool,
}

/// Calls a second that each service gets from this installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// EventBridge's.
    pub event_bridge: u32,
    /// SQS's.
    pub sqs: u32,
    /// IAM's.
    pub iam: u32,
    /// CloudWatch's.
    pub cloud_watch: u32,
    /// KMS's.
    pub kms: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { event_bridge: 20, sqs: 50, iam: 20, cloud_watch: 5, kms: 10 }
    }
}

/// Where calls pass. One for each term, so that the budget is one for the installation: only the leader calls.
pub struct Gate {
    term: Term,
    attempt: Duration,
    start: Instant,
    lines: Lines,
    metrics: Metrics,
}

/// Those who want to call one service: the first waits for the budget, the others for the first.
struct Line {
    turn: tokio::sync::Mutex<()>,
    budget: Mutex<Budget>,
}

impl Line {
    fn new(per_second: u32) -> Self {
        Self { turn: tokio::sync::Mutex::default(), budget: Mutex::new(Budget::new(per_second)) }
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Lines {
    event_bridge: Line,
    sqs: Line,
    iam: Line,
    cloud_watch: Line,
    kms: Line,
}

impl Lines {
    fn of(&self, service: Service) -> &Line {
        match service {
            Service::EventBridge => &self.event_bridge,
            Service::Sqs => &self.sqs,
            Service::Iam => &self.iam,
            Service::CloudWatch => &self.cloud_watch,
            Service::Kms => &self.kms,
        }
    }
}

impl Gate {
    /// A gate that is open for `term`. `attempt` is the longest that one attempt may take.
    pub fn new(term: Term, attempt: Duration, budgets: Budgets, metrics: Metrics) -> Self {
        let Budgets { event_bridge, sqs, iam, cloud_watch, kms } = budgets;
        let lines = Lines {
            event_bridge: Line::new(event_bridge),
            sqs: Line::new(sqs),
            iam: Line::new(iam),
            cloud_watch: Line::new(cloud_watch),
            kms: Line::new(kms),
        };
        Self { term, attempt, start: Instant::now(), lines, metrics }
    }

    /// Makes a call when its time comes, and again where that may help. `further` says how many calls the answer took
    /// beyond the first.
    pub(super) async fn call<T, F: Future<Output = Answer<T>>>(
        &self,
        operation: Operation,
        further: impl Fn(&T) -> u32,
        attempt: impl Fn() -> F,
    ) -> Answer<T> {
        let (mut throttled, mut failed) = (0, 0);
        loop {
            let sent = self.turn(operation.service).await;
            self.check(operation)?;
            let answer = self.attempt(operation, &attempt).await;
            self.learn(operation.service, sent, &answer, &further);
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match error.class {
                ErrorClass::Throttled if throttled < THROTTLED => throttled += 1,
                ErrorClass::Retryable if !operation.writes && failed < FAILED_READS => {
                    let pause = READ_AGAIN * 2_u32.pow(failed);
                    failed += 1;
                    sleep(pause.mul_f64(0.5 + rand::random::<f64>())).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Waits for a place in the service's line; returns when it came.
    async fn turn(&self, service: Service) -> Duration {
        let asked = Instant::now();
        let line = self.lines.of(service);
        let _first = line.turn.lock().await;
        loop {
            let now = self.start.elapsed();
            if line.budget().take(now) {
                self.metrics.waited_for_budget(asked.elapsed().as_secs_f64());
                return now;
            }
            let next = line.budget().next();
            sleep_until(self.start + next).await;
        }
    }

    fn check(&self, operation: Operation) -> Result<(), AwsError> {
        // Reads too: the successor has the budget now.
        self.term.check().map_err(|fenced| {
            AwsError::new(ErrorClass::Fenced, operation.service.as_str(), operation.name, fenced.to_string())
        })
    }

    async fn attempt<T, F: Future<Output = Answer<T>>>(
        &self,
        operation: Operation,
        attempt: impl Fn() -> F,
    ) -> Answer<T> {
        let (service, name) = (operation.service.as_str(), operation.name);
        let span = tracing::info_span!(
            "aws.call",
            otel.name = name,
            otel.kind = "client",
            rpc.system = "aws-api",
            rpc.service = service,
            rpc.method = name,
            outcome = tracing::field::Empty
        );
        let start = Instant::now();
        // The adapter has its own deadline; the fence relies on this one alone.
        let answer = timeout(self.attempt, attempt().instrument(span.clone())).await.unwrap_or_else(|_| {
            let message = format!("no answer within {:?}; what was asked may have been done", self.attempt);
            Err(AwsError::new(ErrorClass::Retryable, service, name, message))
        });
        let outcome = answer.as_ref().map_or_else(|error| error.class.as_str(), |_| "Ok");
        span.record("outcome", outcome);
        span.in_scope(|| {
            CallEnded { service, operation: name, outcome, seconds: start.elapsed().as_secs_f64() }.emit(&self.metrics);
        });
        answer
    }

    fn learn<T>(&self, service: Service, sent: Duration, answer: &Answer<T>, further: impl Fn(&T) -> u32) {
        let (mut budget, now) = (self.lines.of(service).budget(), self.start.elapsed());
        match answer {
            Err(error) if error.class == ErrorClass::Throttled => budget.throttled(sent, now),
            Err(_) => budget.answered(sent),
            Ok(value) => {
                budget.answered(sent);
                budget.charge(further(value));
            }
        }
    }
}

#[cfg(all(test, feature = "paused-clock"))]
#[path = "gate/tests.rs"]
mod tests;
