//! An inbox's queue and its dead-letter queue, in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use eventing::{
    attributes::Attributes,
    config::InboxConfig,
    consumer::{ConnectQueue, DeadLetter, Queue, QueueError, Receipt, Received},
    time::Millis,
};
use tokio::sync::Notify;

use super::lock;

/// A queue with a dead-letter queue; a message that is given back comes again after its time.
#[derive(Clone, Default)]
pub struct InMemory {
    state: Arc<Mutex<State>>,
    /// Something was put, given back or deleted.
    pub news: Arc<Notify>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Received>,
    held: BTreeMap<String, Received>,
    deleted: BTreeSet<String>,
    letters: Vec<DeadLetter>,
    put: usize,
}

impl InMemory {
    /// A message that entered the queue then; its id.
    pub fn put(&self, body: &str, attributes: Attributes, sent_at: Millis) -> String {
        let mut state = lock(&self.state);
        state.put += 1;
        let id = format!("m-{}", state.put);
        state.waiting.push(Received {
            message_id: id.as_str().into(),
            receipt: Receipt(id.as_str().into()),
            body: body.into(),
            attributes,
            sent_at,
            receive_count: 0,
            group: None,
        });
        drop(state);
        self.news.notify_waiters();
        id
    }

    /// Whether the message was deleted.
    pub fn is_settled(&self, id: &str) -> bool {
        lock(&self.state).deleted.contains(id)
    }

    /// What was dead-lettered of the message.
    pub fn letter(&self, id: &str) -> Option<DeadLetter> {
        lock(&self.state).letters.iter().find(|letter| &*letter.message_id == id).cloned()
    }

    fn take(&self, max: usize) -> Vec<Received> {
        let mut state = lock(&self.state);
        let many = max.min(state.waiting.len());
        let mut taken: Vec<Received> = state.waiting.drain(..many).collect();
        for message in &mut taken {
            message.receive_count += 1;
            state.held.insert(message.receipt.0.to_string(), message.clone());
        }
        taken
    }
}

impl ConnectQueue for InMemory {
    type Queue = Self;

    async fn connect(&self, _: &InboxConfig) -> Self {
        self.clone()
    }
}

impl Queue for InMemory {
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Received>, QueueError> {
        let some = async {
            loop {
                let news = self.news.notified();
                let taken = self.take(max);
                if !taken.is_empty() {
                    return taken;
                }
                news.await;
            }
        };
        Ok(tokio::time::timeout(wait, some).await.unwrap_or_default())
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        let mut state = lock(&self.state);
        for receipt in receipts {
            state.held.remove(&*receipt.0);
            state.deleted.insert(receipt.0.to_string());
        }
        drop(state);
        self.news.notify_waiters();
        Ok(receipts.iter().map(|_| Ok(())).collect())
    }

    async fn change_visibility(&self, receipt: &Receipt, timeout: Duration) -> Result<(), QueueError> {
        let (queue, receipt) = (self.clone(), receipt.0.to_string());
        tokio::spawn(async move {
            tokio::time::sleep(timeout).await;
            let mut state = lock(&queue.state);
            if let Some(message) = state.held.remove(&receipt) {
                state.waiting.push(message);
            }
            drop(state);
            queue.news.notify_waiters();
        });
        Ok(())
    }

    async fn dead_letter(&self, letter: &DeadLetter) -> Result<(), QueueError> {
        lock(&self.state).letters.push(letter.clone());
        Ok(())
    }
}
