//! Queues whose addresses and tags are remembered.

use super::marks::Marks;
use super::{Now, lock};
use crate::names::QueueName;
use crate::ports::{Answer, NewQueue, QueueChange, QueueFacts, QueueUrl, Queues};
use crate::tags::Tags;
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// What is remembered of queues.
pub(super) struct Memory {
    now: Now,
    urls: Mutex<BTreeMap<QueueName, QueueUrl>>,
    marks: Mutex<Marks<QueueUrl, Timestamp>>,
}

impl Memory {
    pub(super) fn new(cluster_id: &str, now: &Now) -> Self {
        Self { now: now.clone(), urls: Mutex::default(), marks: Mutex::new(Marks::new(cluster_id)) }
    }

    /// There is no queue at this address, or there may be another one by now.
    fn forget(&self, url: &QueueUrl) {
        lock(&self.urls).retain(|_, known| known != url);
        lock(&self.marks).forget(url);
    }
}

/// The port.
pub(super) struct Remembering {
    aws: Arc<dyn Queues>,
    memory: Arc<Memory>,
    fresh: bool,
}

impl Remembering {
    pub(super) fn new(aws: Arc<dyn Queues>, memory: Arc<Memory>, fresh: bool) -> Self {
        Self { aws, memory, fresh }
    }
}

#[async_trait]
impl Queues for Remembering {
    async fn url(&self, name: &QueueName) -> Answer<Option<QueueUrl>> {
        let known = lock(&self.memory.urls).get(name).cloned();
        if !self.fresh && known.is_some() {
            return Ok(known);
        }
        let answer = self.aws.url(name).await?;
        match &answer {
            Some(url) => drop(lock(&self.memory.urls).insert(name.clone(), url.clone())),
            None => known.iter().for_each(|url| self.memory.forget(url)),
        }
        Ok(answer)
    }

    async fn queue(&self, url: &QueueUrl) -> Answer<Option<QueueFacts>> {
        let answer = self.aws.queue(url).await?;
        match &answer {
            Some(facts) => {
                let mut marks = lock(&self.memory.marks);
                marks.seen(url, facts.created_at);
                marks.made_at(url, facts.created_at);
            }
            None => self.memory.forget(url),
        }
        Ok(answer)
    }

    async fn tags(&self, url: &QueueUrl) -> Answer<Tags> {
        let now = (self.memory.now)();
        let known = lock(&self.memory.marks).get(url, now);
        if let Some(known) = known.filter(|_| !self.fresh) {
            return Ok(known);
        }
        let answer = self.aws.tags(url).await?;
        lock(&self.memory.marks).keep(url, &answer, now);
        Ok(answer)
    }

    async fn create(&self, queue: &NewQueue) -> Answer<QueueUrl> {
        let url = self.aws.create(queue).await?;
        // It may have existed: whose it is must be read.
        self.memory.forget(&url);
        lock(&self.memory.urls).insert(queue.name.clone(), url.clone());
        Ok(url)
    }

    async fn change(&self, url: &QueueUrl, change: &QueueChange) -> Answer<()> {
        let answer = self.aws.change(url, change).await;
        if answer.is_err() {
            self.memory.forget(url);
        }
        answer
    }

    async fn tag(&self, url: &QueueUrl, tags: &Tags) -> Answer<()> {
        let answer = self.aws.tag(url, tags).await;
        lock(&self.memory.marks).ended(&answer, url, |known| known.extend(tags.clone()));
        answer
    }

    async fn untag(&self, url: &QueueUrl, keys: &BTreeSet<String>) -> Answer<()> {
        let answer = self.aws.untag(url, keys).await;
        lock(&self.memory.marks).ended(&answer, url, |known| known.retain(|key, _| !keys.contains(key)));
        answer
    }

    async fn delete(&self, url: &QueueUrl) -> Answer<()> {
        let answer = self.aws.delete(url).await;
        self.memory.forget(url);
        answer
    }
}
