//! What sending again needs from outside: an inbox, and somebody who grants.

use eventing::consumer::QueueError;
use eventing_http::{ClientError, GrantClient, GrantRequest, Granted};

use super::message::Outgoing;

/// An inbox's queue, as its redrive role may use it.
pub trait Sends {
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
