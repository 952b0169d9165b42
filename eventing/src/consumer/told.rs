//! Dead letters told to the journal: at best effort, behind the messages' backs. The queue stays the truth.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::disposition::{Stage, Verdict};
use super::letter::Known;
use super::metrics::Metrics;
use super::ports::Received;
use crate::time::Millis;
use crate::types::{CorrelationId, EventKey};
use crate::verify::Code;

/// Notices that wait to be told; more are left out, and counted.
const WAITING: usize = 256;

/// What is told of a dead letter: nothing of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterNotice {
    /// The code.
    pub code: Code,
    /// The step.
    pub stage: Stage,
    /// Deliveries to the handler.
    pub attempts: u32,
    /// When.
    pub failed_at: Millis,
    /// Of what.
    pub subject: Subject,
}

/// What a dead letter is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A verified event.
    Event(EventKey),
    /// What its body says, which nobody vouches for.
    Claimed(Option<CorrelationId>),
}

/// A notice did not arrive; the reason is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotTold(pub String);

/// Whoever is told.
pub trait DeadLetterLog: Send + Sync + 'static {
    /// Tells of one.
    fn tell<'a>(&'a self, notice: &'a DeadLetterNotice) -> BoxFuture<'a, Result<(), NotTold>>;
}

/// The way to the task that tells.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    notices: Option<mpsc::Sender<DeadLetterNotice>>,
    metrics: Metrics,
}

impl Teller {
    /// Starts the task, which ends when every clone of the result is gone; without a log nobody is told.
    pub(super) fn start(log: Option<Arc<dyn DeadLetterLog>>, metrics: Metrics) -> (Self, Option<JoinHandle<()>>) {
        let Some(log) = log else { return (Self { notices: None, metrics }, None) };
        let (sender, mut notices) = mpsc::channel(WAITING);
        let counted = metrics.clone();
        let telling = tokio::spawn(async move {
            while let Some(notice) = notices.recv().await {
                if let Err(error) = log.tell(&notice).await {
                    counted.not_told(&error);
                }
            }
        });
        (Self { notices: Some(sender), metrics }, Some(telling))
    }

    /// Hands on what is known of a message that was moved; never waits.
    pub(super) fn tell(&self, message: &Received, verdict: &Verdict, known: &Known, failed_at: Millis) {
        let Some(notices) = &self.notices else { return };
        let subject = known.event_key.map_or_else(|| Subject::Claimed(claimed(&message.body)), Subject::Event);
        let Verdict { code, stage, .. } = verdict;
        let (code, stage, attempts) = (*code, *stage, known.attempts);
        if notices.try_send(DeadLetterNotice { code, stage, attempts, failed_at, subject }).is_err() {
            self.metrics.not_told(&NotTold("too many wait to be told".to_owned()));
        }
    }
}

/// The correlation that a body names, whoever wrote it.
fn claimed(body: &str) -> Option<CorrelationId> {
    let body: Value = serde_json::from_str(body).ok()?;
    CorrelationId::parse(body.pointer("/detail/trace/correlationId")?.as_str()?).ok()
}
