//! An SQS in memory, fast: what a receive answers is written when the message is sent, but for its receipt and count.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use eventing::time::Millis;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout_at;

#[derive(Debug, Default)]
struct Queue {
    messages: Vec<Message>,
    waiting: VecDeque<usize>,
    dead_letters: Vec<Value>,
}

#[derive(Debug)]
struct Message {
    /// Its JSON without the end: receipt and count are added.
    begins: String,
    sent: Instant,
    handed_out: Option<Instant>,
    receives: u32,
    deleted: bool,
}

/// One queue and its dead-letter queue.
#[derive(Debug, Clone, Default)]
pub struct Sqs {
    queue: Arc<Mutex<Queue>>,
    changed: Arc<Notify>,
}

/// When a message was sent, and when it was last handed out.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// When it was sent.
    pub sent: Instant,
    /// When it was last handed out.
    pub handed_out: Option<Instant>,
}

/// What became of all messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// All that there ever were.
    pub sent: usize,
    /// Those that are gone for good.
    pub deleted: usize,
    /// Those that can be received.
    pub waiting: usize,
    /// Those of which nobody knows: hidden from all until their visibility ends.
    pub held: usize,
    /// Received more than once.
    pub redelivered: usize,
    /// Those sent to the dead-letter queue.
    pub dead_letters: usize,
}

impl Sqs {
    /// Puts messages into the queue.
    pub fn send_all(&self, bodies: &[String]) {
        let mut queue = self.lock();
        for body in bodies {
            queue.push(body, &json!({}));
        }
        drop(queue);
        self.arrived();
    }

    /// Puts one with attributes into the queue, each a text.
    pub fn send_with(&self, body: &str, attributes: &[(&str, String)]) {
        let attribute = |text: &String| json!({"DataType": "String", "StringValue": text});
        let attributes: Value = attributes.iter().map(|(name, text)| ((*name).to_owned(), attribute(text))).collect();
        self.lock().push(body, &attributes);
        self.arrived();
    }

    fn arrived(&self) {
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    /// What was sent to the dead-letter queue, as `SendMessage` brought it.
    pub fn dead_letters(&self) -> Vec<Value> {
        self.lock().dead_letters.clone()
    }

    /// Of each message, in the order they were sent.
    pub fn ways(&self) -> Vec<Way> {
        let queue = self.lock();
        queue.messages.iter().map(|message| Way { sent: message.sent, handed_out: message.handed_out }).collect()
    }

    /// What became of all messages until now.
    pub fn state(&self) -> State {
        let queue = self.lock();
        let deleted = queue.messages.iter().filter(|message| message.deleted).count();
        let (sent, waiting) = (queue.messages.len(), queue.waiting.len());
        let redelivered = queue.messages.iter().filter(|message| message.receives > 1).count();
        State {
            sent,
            deleted,
            waiting,
            held: sent - deleted - waiting,
            redelivered,
            dead_letters: queue.dead_letters.len(),
        }
    }

    /// Waits until each message was deleted.
    pub async fn emptied(&self) {
        loop {
            let changed = self.changed.notified();
            let state = self.state();
            if state.deleted == state.sent {
                return;
            }
            // Looked at every now and then: counting at each delete would be what is measured.
            let _ = tokio::time::timeout(Duration::from_millis(20), changed).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The visibility of every message that somebody holds ends: of those of a consumer that was killed.
    pub fn give_back(&self) {
        let mut queue = self.lock();
        let waiting: HashSet<usize> = queue.waiting.iter().copied().collect();
        let held = queue.messages.iter().enumerate().filter(|(at, message)| !message.deleted && !waiting.contains(at));
        let held: Vec<usize> = held.map(|(at, _)| at).collect();
        queue.waiting.extend(held);
        drop(queue);
        self.arrived();
    }

    /// Answers an operation of the AWS JSON protocol.
    pub async fn answer(&self, operation: &str, asked: &[u8]) -> String {
        let asked: Value = serde_json::from_slice(asked).unwrap_or_default();
        let number = |name: &str| asked.get(name).and_then(Value::as_u64);
        match operation {
            "ReceiveMessage" => {
                let wait = Duration::from_secs(number("WaitTimeSeconds").unwrap_or_default());
                let most = number("MaxNumberOfMessages").and_then(|most| usize::try_from(most).ok());
                self.receive(most.unwrap_or(1), wait).await
            }
            "DeleteMessageBatch" => self.each(&asked, |message, _| {
                message.deleted = true;
                // Runs that take minutes would keep gigabytes.
                message.begins = String::new();
            }),
            "ChangeMessageVisibilityBatch" => {
                let entries = asked.get("Entries").and_then(Value::as_array);
                entries.into_iter().flatten().for_each(|entry| self.hide(entry));
                self.each(&asked, |_, _| {})
            }
            "ChangeMessageVisibility" => {
                self.hide(&asked);
                "{}".to_owned()
            }
            "SendMessage" => {
                self.lock().dead_letters.push(asked);
                json!({"MessageId": "d-1", "MD5OfMessageBody": ""}).to_string()
            }
            _ => "{}".to_owned(),
        }
    }

    async fn receive(&self, most: usize, wait: Duration) -> String {
        let until = tokio::time::Instant::now() + wait;
        loop {
            let arrived = self.changed.notified();
            if let Some(answer) = self.lock().hand_out(most) {
                return answer;
            }
            if timeout_at(until, arrived).await.is_err() {
                return r#"{"Messages":[]}"#.to_owned();
            }
        }
    }

    /// Zero gives back at once; anything else is a while that no run is so long as to see the end of, unless it is a
    /// few seconds.
    fn hide(&self, entry: &Value) {
        let Some(at) = entry.get("ReceiptHandle").and_then(Value::as_str).and_then(at) else { return };
        let seconds = entry.get("VisibilityTimeout").and_then(Value::as_u64).unwrap_or_default();
        let (queue, changed) = (Arc::clone(&self.queue), Arc::clone(&self.changed));
        let back = move || {
            lock(&queue).waiting.push_back(at);
            changed.notify_one();
        };
        if seconds == 0 {
            back();
        } else if seconds < 10 {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                back();
            });
        }
    }

    fn each(&self, asked: &Value, change: impl Fn(&mut Message, &Value)) -> String {
        let mut queue = self.lock();
        let entries = asked.get("Entries").and_then(Value::as_array);
        let done: Value = entries
            .into_iter()
            .flatten()
            .map(|entry| {
                let at = entry.get("ReceiptHandle").and_then(Value::as_str).and_then(at);
                if let Some(message) = at.and_then(|at| queue.messages.get_mut(at)) {
                    change(message, entry);
                }
                json!({"Id": entry.get("Id")})
            })
            .collect();
        json!({"Successful": done, "Failed": []}).to_string()
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which message a receipt is of.
fn at(receipt: &str) -> Option<usize> {
    receipt.split('.').next()?.parse().ok()
}

impl Queue {
    fn push(&mut self, body: &str, attributes: &Value) {
        let at = self.messages.len();
        let body = Value::from(body);
        // As SQS does: what is not known is left out, and attributes are texts.
        let begins = format!(
            r#"{{"MessageId":"m-{at}","Body":{body},"MessageAttributes":{attributes},"Attributes":{{"SentTimestamp":"{}","ApproximateReceiveCount":""#,
            Millis::now().0
        );
        self.messages.push(Message { begins, sent: Instant::now(), handed_out: None, receives: 0, deleted: false });
        self.waiting.push_back(at);
    }

    fn hand_out(&mut self, most: usize) -> Option<String> {
        if self.waiting.is_empty() {
            return None;
        }
        let mut answer = r#"{"Messages":["#.to_owned();
        let mut handed_out = 0;
        while handed_out < most {
            let Some(at) = self.waiting.pop_front() else { break };
            let Some(message) = self.messages.get_mut(at).filter(|message| !message.deleted) else { continue };
            message.receives += 1;
            message.handed_out = Some(Instant::now());
            let comma = if handed_out == 0 { "" } else { "," };
            handed_out += 1;
            // Writing to a String does not fail.
            let _ = write!(
                answer,
                r#"{comma}{}{}"}},"ReceiptHandle":"{at}.{}"}}"#,
                message.begins, message.receives, message.receives
            );
        }
        answer.push_str("]}");
        Some(answer)
    }
}
