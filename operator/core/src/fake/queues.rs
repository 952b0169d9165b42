//! SQS, in memory.

use super::writing::as_returned;
use super::{FakeAws, State, refuse};
use crate::error::{AwsError, ErrorClass};
use crate::names::QueueName;
use crate::policy::queue::QUEUE_POLICY_MAX;
use crate::ports::{Answer, Counts, Encryption, NewQueue, QueueAttributes, QueueChange, QueueFacts, QueueUrl, Queues};
use crate::tags::{Packed, Tags};
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

const SERVICE: &str = "SQS";
const REFUSED_FOR: Duration = Duration::from_mins(1);
const STATEMENTS_MAX: usize = 20;

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) attributes: QueueAttributes,
    pub(super) counts: Counts,
    pub(super) tags: Packed,
    pub(super) created_at: Timestamp,
}

impl Queue {
    fn new(new: &NewQueue, now: Timestamp) -> Self {
        let created_at = Timestamp::from_second(now.as_second()).unwrap_or_default();
        let attributes = new.attributes.clone();
        Self { attributes, counts: Counts::default(), tags: Packed::new(&new.tags), created_at }
    }

    /// The attributes as AWS returns them.
    fn returned(&self) -> QueueAttributes {
        let policy = self.attributes.policy.as_ref().map(as_returned);
        QueueAttributes { policy, ..self.attributes.clone() }
    }
}

impl State {
    fn queue_mut(&mut self, operation: &'static str, url: &QueueUrl) -> Result<&mut Queue, AwsError> {
        let found = name_of(url).and_then(|name| self.queues.get_mut(&name));
        found.ok_or_else(|| {
            AwsError::new(ErrorClass::Missing, SERVICE, operation, format!("queue {url} does not exist"))
        })
    }

    fn check(&self, operation: &'static str, name: &str, attributes: &QueueAttributes) -> Result<(), AwsError> {
        let invalid = |message: String| refuse(ErrorClass::Invalid, SERVICE, operation, message);
        if let Some(policy) = &attributes.policy
            && (policy.as_text().len() > QUEUE_POLICY_MAX || policy.statements().len() > STATEMENTS_MAX)
        {
            return invalid(format!("the policy of {name} is too long"));
        }
        if let Some(redrive) = &attributes.redrive {
            let Some(dead_letter) = redrive.dead_letter.name().filter(|name| self.queues.contains_key(name)) else {
                let message = format!("{} does not exist", redrive.dead_letter);
                return refuse(ErrorClass::Missing, SERVICE, operation, message);
            };
            if name.strip_suffix(".fifo").is_some() != dead_letter.is_fifo() {
                return invalid(format!("{dead_letter} is not of the kind of {name}"));
            }
            if !(1..=1000).contains(&redrive.max_receive_count) {
                return invalid("maxReceiveCount is 1 to 1000".into());
            }
        }
        if attributes.content_based_deduplication && name.strip_suffix(".fifo").is_none() {
            return invalid("Unknown Attribute ContentBasedDeduplication: a standard queue has none".into());
        }
        if let Encryption::Kms { data_key_reuse_seconds, .. } = &attributes.encryption
            && !(60..=86_400).contains(data_key_reuse_seconds)
        {
            return invalid("KmsDataKeyReusePeriodSeconds is 60 to 86400".into());
        }
        let retention = attributes.retention_seconds;
        if !(60..=1_209_600).contains(&retention) || attributes.visibility_timeout_seconds > 43_200 {
            return invalid(format!("retention or visibility of {name} is out of bounds"));
        }
        Ok(())
    }
}

fn name_of(url: &QueueUrl) -> Option<QueueName> {
    QueueName::parse(url.0.rsplit('/').next().unwrap_or_default()).ok()
}

impl FakeAws {
    fn queue_url(&self, name: &QueueName) -> QueueUrl {
        let installation = &self.0.installation;
        QueueUrl(format!("https://sqs.{}.amazonaws.com/{}/{name}", installation.region, installation.account))
    }
}

#[async_trait]
impl Queues for FakeAws {
    async fn url(&self, name: &QueueName) -> Answer<Option<QueueUrl>> {
        self.call(SERVICE, "GetQueueUrl", false, |state| {
            Ok(state.queues.contains_key(name).then(|| self.queue_url(name)))
        })
        .await
    }

    async fn queue(&self, url: &QueueUrl) -> Answer<Option<QueueFacts>> {
        self.call(SERVICE, "GetQueueAttributes", false, |state| {
            let found = name_of(url).and_then(|name| state.queues.get_key_value(&name));
            Ok(found.map(|(name, queue)| QueueFacts {
                arn: self.0.installation.queue_arn(name),
                attributes: queue.returned(),
                counts: queue.counts,
                created_at: queue.created_at,
            }))
        })
        .await
    }

    async fn tags(&self, url: &QueueUrl) -> Answer<Tags> {
        let operation = "ListQueueTags";
        self.call(SERVICE, operation, false, |state| Ok(state.queue_mut(operation, url)?.tags.tags())).await
    }

    async fn create(&self, new: &NewQueue) -> Answer<QueueUrl> {
        let operation = "CreateQueue";
        let now = self.0.clock.now();
        self.call(SERVICE, operation, true, |state| {
            if let Some(deleted) = state.deleted_queues.get(&new.name) {
                let passed = now.duration_since(*deleted);
                if passed < jiff::SignedDuration::try_from(REFUSED_FOR).unwrap_or_default() {
                    let message =
                        format!("you must wait 60 seconds after deleting queue {} to make it again", new.name);
                    return refuse(ErrorClass::QueueDeletedRecently, SERVICE, operation, message);
                }
            }
            match state.queues.get(&new.name) {
                Some(queue) if queue.attributes == new.attributes => return Ok(self.queue_url(&new.name)),
                Some(_) => {
                    let message = format!("{} exists with other attributes", new.name);
                    return refuse(ErrorClass::Conflict, SERVICE, operation, message);
                }
                None => {}
            }
            state.check(operation, new.name.as_str(), &new.attributes)?;
            state.queues.insert(new.name.clone(), Queue::new(new, now));
            Ok(self.queue_url(&new.name))
        })
        .await
    }

    async fn change(&self, url: &QueueUrl, change: &QueueChange) -> Answer<()> {
        let operation = "SetQueueAttributes";
        self.call(SERVICE, operation, true, |state| {
            let mut wanted = state.queue_mut(operation, url)?.attributes.clone();
            let QueueChange {
                visibility_timeout_seconds,
                retention_seconds,
                max_message_bytes,
                delay_seconds,
                content_based_deduplication,
                encryption,
                policy,
                redrive,
            } = change.clone();
            set(&mut wanted.visibility_timeout_seconds, visibility_timeout_seconds);
            set(&mut wanted.retention_seconds, retention_seconds);
            set(&mut wanted.max_message_bytes, max_message_bytes);
            set(&mut wanted.delay_seconds, delay_seconds);
            set(&mut wanted.content_based_deduplication, content_based_deduplication);
            set(&mut wanted.encryption, encryption);
            set(&mut wanted.policy, policy);
            set(&mut wanted.redrive, redrive);
            let name = name_of(url).map(|name| name.to_string()).unwrap_or_default();
            state.check(operation, &name, &wanted)?;
            state.queue_mut(operation, url)?.attributes = wanted;
            Ok(())
        })
        .await
    }

    async fn tag(&self, url: &QueueUrl, tags: &Tags) -> Answer<()> {
        let operation = "TagQueue";
        self.call(SERVICE, operation, true, |state| {
            state.queue_mut(operation, url)?.tags.change(|known| known.extend(tags.clone()));
            Ok(())
        })
        .await
    }

    async fn untag(&self, url: &QueueUrl, keys: &BTreeSet<String>) -> Answer<()> {
        let operation = "UntagQueue";
        self.call(SERVICE, operation, true, |state| {
            state.queue_mut(operation, url)?.tags.change(|known| known.retain(|key, _| !keys.contains(key)));
            Ok(())
        })
        .await
    }

    async fn delete(&self, url: &QueueUrl) -> Answer<()> {
        let now = self.0.clock.now();
        self.call(SERVICE, "DeleteQueue", true, |state| {
            if let Some(name) = name_of(url).filter(|name| state.queues.remove(name).is_some()) {
                state.deleted_queues.insert(name, now);
            }
            Ok(())
        })
        .await
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}
