//! The queues of an inbox on SQS, with its redrive role.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use eventing::consumer::{QueueError, Receipt};
use eventing_aws::sqs::{failure, received};

use super::letter::Place;
use super::ports::{Found, Queues};
use crate::resend::Outgoing;
use crate::resend::ports::Sends;
use crate::resend::sqs::InboxQueue;

/// How long a receive waits for a first message, in seconds; a long poll asks all of SQS's servers.
const WAIT_SECONDS: i32 = 2;

/// The queues of one inbox.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: Client,
    inbox: InboxQueue,
    rejected: String,
    undelivered: Option<String>,
}

impl Sqs {
    /// By their URLs; a standard inbox has one dead-letter queue.
    pub fn new(client: Client, inbox: &str, rejected: &str, undelivered: Option<&str>) -> Self {
        let undelivered = undelivered.map(str::to_owned);
        let inbox = InboxQueue::new(client.clone(), inbox);
        Self { client, inbox, rejected: rejected.to_owned(), undelivered }
    }

    fn url(&self, place: Place) -> &str {
        match place {
            Place::Rejected => &self.rejected,
            Place::Undelivered => self.undelivered.as_deref().unwrap_or(&self.rejected),
        }
    }

    /// About how many dead letters there are, hidden ones too.
    pub async fn count(&self) -> Result<u64, QueueError> {
        let mut all = 0;
        for url in std::iter::once(&self.rejected).chain(&self.undelivered) {
            let names = [
                QueueAttributeName::ApproximateNumberOfMessages,
                QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            ];
            let call = self.client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
            let answer = call.send().await.map_err(failure)?;
            let counts = answer.attributes.unwrap_or_default();
            all += names.iter().filter_map(|name| counts.get(name)?.parse::<u64>().ok()).sum::<u64>();
        }
        Ok(all)
    }
}

impl Queues for Sqs {
    async fn receive(&self, place: Place, max: usize, hidden: Duration) -> Result<Vec<Found>, QueueError> {
        let call = self
            .client
            .receive_message()
            .queue_url(self.url(place))
            .max_number_of_messages(i32::try_from(max).unwrap_or(10))
            .wait_time_seconds(WAIT_SECONDS)
            .visibility_timeout(i32::try_from(hidden.as_secs()).unwrap_or(30))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_system_attribute_names(MessageSystemAttributeName::DeadLetterQueueSourceArn)
            .message_attribute_names("All");
        let answer = call.send().await.map_err(failure)?;
        Ok(answer.messages.unwrap_or_default().iter().filter_map(found).collect())
    }

    async fn delete(&self, place: Place, receipt: &Receipt) -> Result<(), QueueError> {
        let call = self.client.delete_message().queue_url(self.url(place)).receipt_handle(receipt.0.as_ref());
        call.send().await.map_err(failure)?;
        Ok(())
    }
}

impl Sends for Sqs {
    async fn send(&self, message: &Outgoing) -> Result<(), QueueError> {
        self.inbox.send(message).await
    }
}

/// SQS says of what it moved which queue it is from.
fn found(message: &Message) -> Option<Found> {
    let said = message.attributes.as_ref();
    let moved = said.is_some_and(|said| said.contains_key(&MessageSystemAttributeName::DeadLetterQueueSourceArn));
    Some(Found { message: received(message)?, moved })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqs_moved_is_known_by_the_queue_it_names() {
        let message = |from: Option<&str>| {
            let plain = Message::builder().message_id("m-1").receipt_handle("r-1").body("{}");
            let name = MessageSystemAttributeName::DeadLetterQueueSourceArn;
            from.map_or(plain.clone(), |arn| plain.attributes(name, arn)).build()
        };
        let moved = |from| found(&message(from)).map(|found| found.moved);
        assert_eq!(moved(Some("arn:aws:sqs:eu-west-1:111122223333:arrivals")), Some(true));
        assert_eq!(moved(None), Some(false));
    }
}
