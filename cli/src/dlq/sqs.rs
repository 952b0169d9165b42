//! The queues of an inbox on SQS, with its redrive role.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use eventing::consumer::{QueueError, Receipt, Received};
use eventing_aws::sqs::{failure, received};

use super::judge::Outgoing;
use super::letter::Place;
use super::ports::Queues;

/// How long what is received is hidden from others: the role may not give it back earlier.
pub const HIDDEN: Duration = Duration::from_secs(90);
/// How long a receive waits for a first message, in seconds; a long poll asks all of SQS's servers.
const WAIT_SECONDS: i32 = 2;

/// The queues of one inbox.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: Client,
    inbox: String,
    rejected: String,
    undelivered: Option<String>,
}

impl Sqs {
    /// By their URLs; a standard inbox has one dead-letter queue.
    pub fn new(client: Client, inbox: &str, rejected: &str, undelivered: Option<&str>) -> Self {
        let undelivered = undelivered.map(str::to_owned);
        Self { client, inbox: inbox.to_owned(), rejected: rejected.to_owned(), undelivered }
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
    async fn receive(&self, place: Place, max: usize) -> Result<Vec<Received>, QueueError> {
        let call = self
            .client
            .receive_message()
            .queue_url(self.url(place))
            .max_number_of_messages(i32::try_from(max).unwrap_or(10))
            .wait_time_seconds(WAIT_SECONDS)
            .visibility_timeout(i32::try_from(HIDDEN.as_secs()).unwrap_or(90))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_attribute_names("All");
        let answer = call.send().await.map_err(failure)?;
        Ok(answer.messages.unwrap_or_default().iter().filter_map(received).collect())
    }

    async fn delete(&self, place: Place, receipt: &Receipt) -> Result<(), QueueError> {
        let call = self.client.delete_message().queue_url(self.url(place)).receipt_handle(receipt.0.as_ref());
        call.send().await.map_err(failure)?;
        Ok(())
    }

    async fn send(&self, message: &Outgoing) -> Result<(), QueueError> {
        let Outgoing { body, attributes, group, deduplication_id } = message;
        let mut call = self.client.send_message().queue_url(&self.inbox).message_body(body.as_ref());
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            call = call.message_attributes(*name, value.map_err(|error| QueueError::Refused(error.to_string()))?);
        }
        call.set_message_group_id(group.clone())
            .set_message_deduplication_id(deduplication_id.clone())
            .send()
            .await
            .map_err(failure)?;
        Ok(())
    }
}
