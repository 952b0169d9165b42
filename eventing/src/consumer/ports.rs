//! What the pipeline needs from outside: a queue and a handler. Keys come through [`super::keys::Keys`].

use std::collections::BTreeMap;
use std::fmt;
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

/// A message as it came from the queue; nothing in it is trusted. `Debug` shows neither body nor grant.
#[derive(Clone)]
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

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message_id, receipt: _, body, attributes, sent_at, receive_count, group } = self;
        let mut shown = f.debug_struct("Received");
        shown.field("message_id", message_id).field("body_bytes", &body.len()).field("attributes", attributes);
        shown.field("sent_at", sent_at).field("receive_count", receive_count).field("group", group).finish()
    }
}

/// A message for the dead-letter queue: the body untouched, and what is known of it. `Debug` does not show the body.
#[derive(Clone, PartialEq, Eq)]
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

impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { body, attributes, group, message_id } = self;
        let mut shown = f.debug_struct("DeadLetter");
        shown.field("message_id", message_id).field("body_bytes", &body.len());
        shown.field("attributes", attributes).field("group", group).finish()
    }
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

/// One verified event on its way to the handler. `Debug` shows its key alone.
#[derive(Clone)]
pub struct Delivery {
    /// What was verified.
    pub event: Arc<Verified>,
    /// The body as received, for those who keep or forward it whole.
    pub body: Arc<str>,
    /// Which delivery of this event to a handler this is, counted from 1 in this process.
    pub attempt: u32,
    /// When its message was received.
    pub received: Millis,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Delivery");
        shown.field("event_key", &self.event.event_key).field("attempt", &self.attempt).finish_non_exhaustive()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_neither_its_body_nor_its_grant() {
        let attributes = [("qsl.grant", "eyJh.eyJi.c2ln"), ("qsl.code", "TIMESTAMP_SKEW")];
        let received = Received {
            message_id: "m-1".into(),
            receipt: Receipt("r-1".into()),
            body: "a-payload".into(),
            attributes: attributes.into_iter().collect(),
            sent_at: Millis(7),
            receive_count: 2,
            group: None,
        };
        let (body, message_id) = (received.body.clone(), received.message_id.clone());
        let letter = DeadLetter { body, attributes: BTreeMap::new(), group: None, message_id };
        let shown = format!("{received:?} {letter:?}");
        for secret in ["a-payload", "eyJh", "c2ln", "r-1"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        for told in ["m-1", "body_bytes: 9", "qsl.grant", "TIMESTAMP_SKEW"] {
            assert!(shown.contains(told), "{told} in {shown}");
        }
    }
}
