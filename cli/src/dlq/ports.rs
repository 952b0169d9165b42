//! What moving dead letters needs from outside: the inbox's queues, and somebody who grants.

use std::time::Duration;

use eventing::consumer::{QueueError, Receipt, Received};
use eventing_http::{ClientError, GrantClient, GrantRequest, Granted};

use super::judge::Outgoing;
use super::letter::Place;

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
pub trait Queues {
    /// At most `max` (1 to 10) dead letters, hidden from everybody for that long; none when none came within seconds.
    async fn receive(&self, place: Place, max: usize, hidden: Duration) -> Result<Vec<Found>, QueueError>;

    /// Deletes a dead letter.
    async fn delete(&self, place: Place, receipt: &Receipt) -> Result<(), QueueError>;

    /// Sends to the inbox.
    async fn send(&self, message: &Outgoing) -> Result<(), QueueError>;
}

/// Who gives grants.
pub trait Grants {
    /// Asks for one.
    async fn grant(&self, request: GrantRequest<'_>) -> Result<Granted, ClientError>;
}

impl Grants for GrantClient {
    async fn grant(&self, request: GrantRequest<'_>) -> Result<Granted, ClientError> {
        Self::grant(self, request).await
    }
}
