//! An inbox's queue on SQS.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use eventing::consumer::QueueError;
use eventing_aws::sqs::failure;

use super::message::Outgoing;
use super::ports::Sends;

/// The queue of one inbox.
#[derive(Debug, Clone)]
pub struct InboxQueue {
    client: Client,
    url: String,
}

impl InboxQueue {
    /// By its URL, with a client of the inbox's redrive role.
    pub fn new(client: Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }
}

impl Sends for InboxQueue {
    async fn send(&self, message: &Outgoing) -> Result<(), QueueError> {
        let Outgoing { body, attributes, group, deduplication_id } = message;
        let mut call = self.client.send_message().queue_url(&self.url).message_body(body.as_ref());
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
