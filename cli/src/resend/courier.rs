//! Brings one message into one inbox: first the grant, then the sending, each tried again where that may help.

use eventing::consumer::QueueError;
use eventing::types::QueueArn;
use eventing_http::{GrantRequest, Granted};

use super::message::{Leaving, Outgoing};
use super::patience::{Stop, TRIES, backoff, patiently};
use super::ports::{Grants, Sends};

/// One inbox's courier.
#[derive(Debug)]
pub struct Courier<'a, S, G> {
    /// The inbox's queue, which a grant must name.
    pub queue_arn: &'a QueueArn,
    /// The same, to send to.
    pub queue: &'a S,
    /// Who grants.
    pub grants: &'a G,
}

impl<S: Sends, G: Grants> Courier<'_, S, G> {
    /// Asks for the grant; `Err(Leaving)` within is why there is none for this event.
    ///
    /// # Errors
    /// Why it makes no sense to go on.
    pub async fn grant(&self, request: GrantRequest<'_>) -> Result<Result<Granted, Leaving>, Stop> {
        let granted = match patiently("signature service", async || self.grants.grant(request).await).await? {
            Ok(granted) => granted,
            Err(leaving) => return Ok(Err(leaving)),
        };
        if granted.queue_arn == *self.queue_arn {
            return Ok(Ok(granted));
        }
        let why = format!("the grant is for {}, the inbox is {}", granted.queue_arn, self.queue_arn);
        Ok(Err(Leaving::new("GRANT_INVALID", why)))
    }

    /// Sends; `Err(Leaving)` within is why the queue will never take this message.
    ///
    /// # Errors
    /// Why it makes no sense to go on. Then the message may be in the inbox: its sending has no answer.
    pub async fn send(&self, message: &Outgoing) -> Result<Result<(), Leaving>, Stop> {
        let mut attempt = 1;
        loop {
            match self.queue.send(message).await {
                Ok(()) => return Ok(Ok(())),
                Err(QueueError::Refused(why)) => return Ok(Err(Leaving::new("SEND_REFUSED", why))),
                Err(error) if attempt == TRIES => {
                    return Err(Stop::Away(format!("the inbox cannot be sent to: {error}")));
                }
                Err(_) => tokio::time::sleep(backoff(attempt)).await,
            }
            attempt += 1;
        }
    }
}
