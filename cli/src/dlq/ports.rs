//! What moving dead letters needs from outside besides what sending needs: the queues that they are in.

use std::time::Duration;

use eventing::consumer::{QueueError, Receipt, Received};

use super::letter::Place;
use crate::resend::ports::Sends;

/// A message in a queue of dead letters.
#[derive(Debug, Clone)]
pub struct Found {
    /// As it came.
    pub message: Received,
    /// Whether SQS moved it there, past `maxReceiveCount`: then its attributes are those of whoever sent it to the inbox.
    pub moved: bool,
}

/// The queues of one inbox, as its redrive role may use them: it takes dead letters and sends to the inbox, and cannot
/// give back what it has received before that is visible again by itself.
pub trait Queues: Sends {
    /// At most `max` (1 to 10) dead letters, hidden from everybody for that long; none when none came within seconds.
    async fn receive(&self, place: Place, max: usize, hidden: Duration) -> Result<Vec<Found>, QueueError>;

    /// Deletes a dead letter.
    async fn delete(&self, place: Place, receipt: &Receipt) -> Result<(), QueueError>;
}
