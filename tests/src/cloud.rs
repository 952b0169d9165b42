//! AWS as somebody with PutEvents and queue rights of their own sees it: captures, forges, looks into dead letters.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, Target};
use aws_sdk_sqs::config::Credentials;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use serde_json::Value;

/// Clients of the emulated account.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Buses and rules.
    pub events: aws_sdk_eventbridge::Client,
    /// Roles.
    pub iam: aws_sdk_iam::Client,
}

/// A dead letter as it lies in its queue.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The body, untouched.
    pub body: String,
    /// Its string attributes.
    pub attributes: BTreeMap<String, String>,
    /// To delete it with.
    pub receipt_handle: String,
}

impl Cloud {
    /// Clients of the emulator at `endpoint`. The credentials are an outsider's: the system's own parts use none.
    pub async fn new(endpoint: &str, region: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .load()
            .await;
        Self {
            sqs: aws_sdk_sqs::Client::new(&config),
            events: aws_sdk_eventbridge::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
        }
    }

    /// URL of the queue of this name.
    pub async fn queue_url(&self, name: &str) -> anyhow::Result<String> {
        let answer = self.sqs.get_queue_url().queue_name(name).send().await.with_context(|| format!("queue {name}"))?;
        answer.queue_url.context("GetQueueUrl without a URL")
    }

    /// A queue that gets a copy of every event of `source`, until [`Wiretap::remove`].
    pub async fn wiretap(&self, bus: &str, source: &str) -> anyhow::Result<Wiretap> {
        let name = "outsider-wiretap";
        let created = self.sqs.create_queue().queue_name(name).send().await?;
        let url = created.queue_url.context("CreateQueue without a URL")?;
        let attributes = self
            .sqs
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await?;
        let arn = attributes
            .attributes()
            .and_then(|map| map.get(&QueueAttributeName::QueueArn))
            .context("a queue without an ARN")?;
        let pattern = serde_json::json!({ "source": [source] }).to_string();
        self.events.put_rule().name(name).event_bus_name(bus).event_pattern(pattern).send().await?;
        let target = Target::builder().id("1").arn(arn).build()?;
        self.events.put_targets().rule(name).event_bus_name(bus).targets(target).send().await?;
        Ok(Wiretap { cloud: self.clone(), bus: bus.to_owned(), name: name.to_owned(), url })
    }

    /// Puts one event past every sidecar; gives EventBridge's id.
    pub async fn put(&self, bus: &str, envelope: &Value) -> anyhow::Result<String> {
        let text = |member: &str| envelope[member].as_str().unwrap_or_default().to_owned();
        let resources = envelope["resources"].as_array().cloned().unwrap_or_default();
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(text("source"))
            .detail_type(text("detail-type"))
            .set_resources(Some(resources.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()))
            .detail(envelope["detail"].to_string())
            .build();
        let answer = self.events.put_events().entries(entry).send().await?;
        let entry = answer.entries().first().context("PutEvents without an entry")?;
        entry.event_id().map(str::to_owned).with_context(|| format!("PutEvents refused it: {entry:?}"))
    }

    /// Waits until the dead-letter queue holds the event with this EventBridge id, and leaves it there.
    pub async fn dead_letter(&self, queue: &str, event_bridge_id: &str, limit: Duration) -> anyhow::Result<DeadLetter> {
        let url = self.queue_url(queue).await?;
        let deadline = tokio::time::Instant::now() + limit;
        while tokio::time::Instant::now() < deadline {
            for letter in self.peek(&url).await? {
                let body: Value = serde_json::from_str(&letter.body).unwrap_or_default();
                if body["id"] == event_bridge_id {
                    return Ok(letter);
                }
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        bail!("no dead letter with id {event_bridge_id} in {queue} within {limit:?}")
    }

    /// Up to ten messages, left visible.
    pub async fn peek(&self, url: &str) -> anyhow::Result<Vec<DeadLetter>> {
        self.receive(url, 0).await
    }

    /// Up to ten messages, that nobody else gets for so many seconds.
    pub async fn receive(&self, url: &str, hold_seconds: i32) -> anyhow::Result<Vec<DeadLetter>> {
        let answer = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .visibility_timeout(hold_seconds)
            .message_attribute_names("All")
            .send()
            .await?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(dead_letter).collect())
    }

    /// Deletes everything in the queue.
    pub async fn purge(&self, queue: &str) -> anyhow::Result<()> {
        let url = self.queue_url(queue).await?;
        self.sqs.purge_queue().queue_url(&url).send().await?;
        Ok(())
    }

    /// Names of everything that exists: queues, buses but the default one, roles.
    pub async fn inventory(&self) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        let queues = self.sqs.list_queues().send().await?;
        found.extend(queues.queue_urls().iter().map(|url| format!("queue {}", url.rsplit('/').next().unwrap_or(url))));
        let buses = self.events.list_event_buses().send().await?;
        let names = buses.event_buses().iter().filter_map(|bus| bus.name());
        found.extend(names.filter(|name| *name != "default").map(|name| format!("bus {name}")));
        let roles = self.iam.list_roles().send().await?;
        found.extend(roles.roles().iter().map(|role| format!("role {}", role.role_name())));
        Ok(found)
    }
}

fn dead_letter(message: Message) -> DeadLetter {
    let attributes = message.message_attributes.unwrap_or_default();
    DeadLetter {
        body: message.body.unwrap_or_default(),
        attributes: attributes.into_iter().filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
    }
}

/// Copies of a source's events.
#[derive(Debug)]
pub struct Wiretap {
    cloud: Cloud,
    bus: String,
    name: String,
    url: String,
}

impl Wiretap {
    /// The next captured event whose detail-type is this.
    pub async fn capture(&self, detail_type: &str, limit: Duration) -> anyhow::Result<Value> {
        let deadline = tokio::time::Instant::now() + limit;
        while tokio::time::Instant::now() < deadline {
            let answer = self.cloud.sqs.receive_message().queue_url(&self.url).wait_time_seconds(1).send().await?;
            for message in answer.messages.unwrap_or_default() {
                let body: Value = serde_json::from_str(&message.body.unwrap_or_default())?;
                if body["detail-type"] == detail_type {
                    return Ok(body);
                }
            }
        }
        bail!("no {detail_type} was captured within {limit:?}")
    }

    /// Leaves the bus as it was.
    pub async fn remove(self) -> anyhow::Result<()> {
        let events = &self.cloud.events;
        events.remove_targets().rule(&self.name).event_bus_name(&self.bus).ids("1").send().await?;
        events.delete_rule().name(&self.name).event_bus_name(&self.bus).send().await?;
        self.cloud.sqs.delete_queue().queue_url(&self.url).send().await?;
        Ok(())
    }
}
