//! What the pipeline needs from outside: a queue and a handler. Keys come through [`super::keys::Keys`].

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::disposition::HandlerAnswer;
use crate::attributes::Attributes;
use crate::time::Millis;
use crate::verify::Verified;

/// The most messages SQS gives, deletes or changes in one call.
pub const BATCH: usize = 10;

/// What names one receive of one message: SQS's receipt handle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub Arc<str>);

/// A message as it came from the queue; nothing in it is trusted.
#[derive(Clone, Debug)]
pub struct Received {
    /// The queue's own id of the message.
    pub message_id: Arc<str>,
    /// Names this receive.
    pub receipt: Receipt,
    /// The body, untouched.
    pub body: Arc<str>,
    /// The message's own attributes.
    pub attributes: Attributes,
    /// When it entered the queue.
    pub sent_at: Millis,
    /// How often it was received, this time included.
    pub receive_count: u32,
    /// The group, on a FIFO queue.
    pub group: Option<Arc<str>>,
}

/// A message for the dead-letter queue: the body untouched, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The body as received.
    pub body: Arc<str>,
    /// At most ten; empty values are left out.
    pub attributes: BTreeMap<&'static str, String>,
    /// The group, on a FIFO queue.
    pub group: Option<Arc<str>>,
    /// The queue's own id of the message it was, which on a FIFO queue deduplicates it.
    pub message_id: Arc<str>,
}

/// Why a call to the queue failed, by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The receipt is no longer good: the message is no longer ours, and will be received again.
    #[error("the receipt has expired")]
    ReceiptExpired,
    /// To be tried again later: throttled, unreachable, an internal failure, a queue or role that is not there (yet).
    #[error("{0}")]
    Retry(String),
    /// The queue will never take this message.
    #[error("refused: {0}")]
    Refused(String),
}

/// An inbox and its dead-letter queue.
pub trait Queue: Send + Sync + 'static {
    /// At most `max` (≤ [`BATCH`]) messages; waits up to `wait` for the first.
    fn receive(&self, max: usize, wait: Duration) -> impl Future<Output = Result<Vec<Received>, QueueError>> + Send;

    /// Deletes at most [`BATCH`] messages; one answer for each, in their order.
    fn delete(
        &self,
        receipts: &[Receipt],
    ) -> impl Future<Output = Result<Vec<Result<(), QueueError>>, QueueError>> + Send;

    /// Hides a message for `timeout` from now on; zero gives it back at once.
    fn change_visibility(
        &self,
        receipt: &Receipt,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Writes to the dead-letter queue.
    fn dead_letter(&self, letter: &DeadLetter) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// One verified event on its way to the handler.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What was verified.
    pub event: Arc<Verified>,
    /// The body as received, for those who keep or forward it whole.
    pub body: Arc<str>,
    /// Which delivery of this event to a handler this is, counted from 1 in this process.
    pub attempt: u32,
}

/// What is done with a verified event.
pub trait Handler: Send + Sync + 'static {
    /// Handles one event. Many run at once, up to the permits; one that writes in batches collects them behind a
    /// channel. Dropped (at the end of the grace period) it must leave nothing half done.
    fn handle(&self, delivery: Delivery) -> impl Future<Output = HandlerAnswer> + Send;

    /// Whether the handler knows copies by itself and wants each, as a store that lists every delivery does. Then
    /// nothing is dropped before it.
    fn wants_copies(&self) -> bool {
        false
    }

    /// Resolves when events could be handled: nothing is received before.
    fn ready(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}
