//! An inbox and its dead-letter queue on SQS.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName};
use eventing::config::InboxConfig;
use eventing::consumer::{ConnectQueue, DeadLetter, Queue, QueueError, Receipt, Received};
use eventing::time::Millis;
use tokio::time::timeout;

use crate::Identity;

/// The longest a call may take that does not wait for messages.
const CALL: Duration = Duration::from_secs(10);

/// The queues of one inbox.
#[derive(Clone, Debug)]
pub struct Sqs {
    client: Client,
    queue_url: String,
    dead_letter_queue_url: String,
    fifo: bool,
}

impl Sqs {
    /// Over a client that exists.
    pub fn new(client: Client, queue_url: &str, dead_letter_queue_url: &str, fifo: bool) -> Self {
        Self { client, queue_url: queue_url.to_owned(), dead_letter_queue_url: dead_letter_queue_url.to_owned(), fifo }
    }
}

impl ConnectQueue for Identity {
    type Queue = Sqs;

    async fn connect(&self, inbox: &InboxConfig) -> Sqs {
        let config = self.assume(&inbox.role_arn, &inbox.region);
        Sqs::new(Client::new(&config), &inbox.queue_url, &inbox.dead_letter_queue_url, inbox.fifo)
    }
}

impl Queue for Sqs {
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Received>, QueueError> {
        let output = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(i32::try_from(max).unwrap_or(10))
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(20))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(failure)?;
        Ok(output.messages.unwrap_or_default().iter().filter_map(received).collect())
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let entries = receipts
            .iter()
            .enumerate()
            .map(|(at, receipt)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(at.to_string())
                    .receipt_handle(receipt.0.as_ref())
                    .build()
                    .map_err(|error| QueueError::Refused(error.to_string()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let call = self.client.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries)).send();
        let output = timeout(CALL, call).await.map_err(slow)?.map_err(failure)?;
        let answer = |at: usize| {
            let id = at.to_string();
            if output.successful().iter().any(|entry| entry.id() == id) {
                return Ok(());
            }
            Err(match output.failed().iter().find(|entry| entry.id() == id) {
                Some(entry) => judge(Some(entry.code()), entry.message().unwrap_or_default()),
                None => QueueError::Retry("SQS said nothing of this entry".to_owned()),
            })
        };
        Ok((0..receipts.len()).map(answer).collect())
    }

    async fn change_visibility(&self, receipt: &Receipt, time: Duration) -> Result<(), QueueError> {
        let call = self
            .client
            .change_message_visibility()
            .queue_url(&self.queue_url)
            .receipt_handle(receipt.0.as_ref())
            .visibility_timeout(whole_seconds(time))
            .send();
        timeout(CALL, call).await.map_err(slow)?.map_err(failure)?;
        Ok(())
    }

    async fn dead_letter(&self, letter: &DeadLetter) -> Result<(), QueueError> {
        let mut call =
            self.client.send_message().queue_url(&self.dead_letter_queue_url).message_body(letter.body.as_ref());
        for (name, value) in &letter.attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|error| QueueError::Refused(error.to_string()))?;
            call = call.message_attributes(*name, value);
        }
        if self.fifo {
            let group = letter.group.as_ref().unwrap_or(&letter.message_id);
            call = call.message_group_id(group.as_ref()).message_deduplication_id(letter.message_id.as_ref());
        }
        timeout(CALL, call.send()).await.map_err(slow)?.map_err(failure)?;
        Ok(())
    }
}

/// A message as SQS gave it. One without a body or receipt is none; one without a time entered the queue now.
pub fn received(message: &Message) -> Option<Received> {
    let system = |name: MessageSystemAttributeName| {
        message.attributes.as_ref().and_then(|attributes| attributes.get(&name)).map(String::as_str)
    };
    let sent_at = system(MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok());
    let count = system(MessageSystemAttributeName::ApproximateReceiveCount).and_then(|text| text.parse().ok());
    let group = system(MessageSystemAttributeName::MessageGroupId).map(Arc::from);
    let attributes = message
        .message_attributes
        .iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.string_value.clone()?)))
        .collect();
    Some(Received {
        message_id: Arc::from(message.message_id.as_deref().unwrap_or_default()),
        receipt: Receipt(Arc::from(message.receipt_handle.as_deref()?)),
        body: Arc::from(message.body.as_deref()?),
        attributes,
        sent_at: sent_at.map_or_else(Millis::now, Millis),
        receive_count: count.unwrap_or(1),
        group,
    })
}

/// SQS takes whole seconds up to twelve hours. What is not whole is rounded up: nothing comes back too early.
fn whole_seconds(time: Duration) -> i32 {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(seconds.min(43_200)).unwrap_or(43_200)
}

fn slow(_: tokio::time::error::Elapsed) -> QueueError {
    QueueError::Retry("SQS gave no answer in time".to_owned())
}

/// What a call to SQS failed with, by what the caller does next.
#[expect(clippy::needless_pass_by_value, reason = "the shape map_err asks for")]
pub fn failure<E: ProvideErrorMetadata + std::error::Error + 'static, R: std::fmt::Debug>(
    error: SdkError<E, R>,
) -> QueueError {
    match error.as_service_error() {
        Some(service) => judge(service.code(), service.message().unwrap_or_default()),
        None => QueueError::Retry(chain(&error)),
    }
}

/// The error and what it came from, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

fn judge(code: Option<&str>, message: &str) -> QueueError {
    let code = code.unwrap_or("Unknown");
    let short = code.rsplit(['.', '#']).next().unwrap_or(code);
    match short {
        "ReceiptHandleIsInvalid" | "MessageNotInflight" => QueueError::ReceiptExpired,
        "InvalidParameterValue" | "InvalidParameterValueException" if message.contains("eceipt") => {
            QueueError::ReceiptExpired
        }
        "InvalidMessageContents" | "InvalidParameterValue" | "InvalidParameterValueException" => {
            QueueError::Refused(format!("{short}: {message}"))
        }
        _ => QueueError::Retry(format!("{short}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_capped() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(200)), 1);
        assert_eq!(whole_seconds(Duration::from_hours(25)), 43_200);
    }

    #[test]
    fn a_receipt_no_longer_good_is_told_apart_from_a_refusal() {
        let expired = "Value … for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.";
        assert_eq!(judge(Some("InvalidParameterValue"), expired), QueueError::ReceiptExpired);
        assert_eq!(judge(Some("ReceiptHandleIsInvalid"), ""), QueueError::ReceiptExpired);
        assert!(matches!(judge(Some("InvalidMessageContents"), "bad"), QueueError::Refused(_)));
        assert!(matches!(judge(Some("AWS.SimpleQueueService.NonExistentQueue"), ""), QueueError::Retry(_)));
        assert!(matches!(judge(None, ""), QueueError::Retry(_)));
    }

    #[test]
    fn a_message_is_read_with_what_sqs_says_of_it() {
        let message = Message::builder()
            .message_id("m-1")
            .receipt_handle("r-1")
            .body("{}")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1795420800000")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "3")
            .build();
        let received = received(&message);
        assert_eq!(received.as_ref().map(|m| m.sent_at), Some(Millis(1_795_420_800_000)));
        assert_eq!(received.map(|m| m.receive_count), Some(3));
        assert!(super::received(&Message::builder().body("{}").build()).is_none());
    }
}
