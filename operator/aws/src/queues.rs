//! SQS behind the port `Queues`.

mod convert;

use crate::error::{Calls, unless_missing};
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use operator_core::names::QueueName;
use operator_core::ports::{Answer, NewQueue, QueueChange, QueueFacts, QueueUrl, Queues};
use operator_core::tags::Tags;
use std::collections::BTreeSet;

const CALLS: Calls = Calls("SQS");

/// SQS.
#[derive(Debug)]
pub(crate) struct Sqs {
    client: Client,
}

/// Sends a request and classifies its error.
macro_rules! call {
    ($operation:literal, $request:expr) => {
        $request.send().await.map_err(|error| CALLS.error($operation, &error))
    };
}

impl Sqs {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

#[async_trait]
impl Queues for Sqs {
    async fn url(&self, name: &QueueName) -> Answer<Option<QueueUrl>> {
        let request = self.client.get_queue_url().queue_name(name.as_str());
        let answer = unless_missing(call!("GetQueueUrl", request))?;
        Ok(answer.and_then(|answer| answer.queue_url).map(QueueUrl))
    }

    async fn queue(&self, url: &QueueUrl) -> Answer<Option<QueueFacts>> {
        let request = self.client.get_queue_attributes().queue_url(&url.0).attribute_names(QueueAttributeName::All);
        let Some(answer) = unless_missing(call!("GetQueueAttributes", request))? else {
            return Ok(None);
        };
        let attributes = answer.attributes.unwrap_or_default();
        let facts = convert::facts(&attributes).map_err(|reason| CALLS.unreadable("GetQueueAttributes", reason))?;
        Ok(Some(facts))
    }

    async fn tags(&self, url: &QueueUrl) -> Answer<Tags> {
        let answer = call!("ListQueueTags", self.client.list_queue_tags().queue_url(&url.0))?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    }

    async fn create(&self, queue: &NewQueue) -> Answer<QueueUrl> {
        let request = self
            .client
            .create_queue()
            .queue_name(queue.name.as_str())
            .set_attributes(Some(convert::new_queue(queue)))
            .set_tags(Some(queue.tags.clone().into_iter().collect()));
        let answer = call!("CreateQueue", request)?;
        answer.queue_url.map(QueueUrl).ok_or_else(|| CALLS.unreadable("CreateQueue", "no QueueUrl"))
    }

    async fn change(&self, url: &QueueUrl, change: &QueueChange) -> Answer<()> {
        let request =
            self.client.set_queue_attributes().queue_url(&url.0).set_attributes(Some(convert::change(change)));
        call!("SetQueueAttributes", request).map(drop)
    }

    async fn tag(&self, url: &QueueUrl, tags: &Tags) -> Answer<()> {
        let tags = tags.clone().into_iter().collect();
        let request = self.client.tag_queue().queue_url(&url.0).set_tags(Some(tags));
        call!("TagQueue", request).map(drop)
    }

    async fn untag(&self, url: &QueueUrl, keys: &BTreeSet<String>) -> Answer<()> {
        let keys = keys.iter().cloned().collect();
        let request = self.client.untag_queue().queue_url(&url.0).set_tag_keys(Some(keys));
        call!("UntagQueue", request).map(drop)
    }

    async fn delete(&self, url: &QueueUrl) -> Answer<()> {
        let request = self.client.delete_queue().queue_url(&url.0);
        unless_missing(call!("DeleteQueue", request)).map(drop)
    }
}
