//! The pipeline on a queue that behaves as SQS does, with a paused clock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::acks::LINGER;
use super::fake::FakeQueue;
use super::keys::{KeyView, Keys, KeysSender, channel};
use super::pipeline::{Clock, Memory};
use super::*;
use crate::algorithm::Algorithm;
use crate::envelope::Trace;
use crate::fixture::{DETAIL_TYPE, NOW, RESOURCE, SOURCE, TestKey, body, bus, policy, ring};
use crate::keyset::KeyUse;
use crate::signing::{EventFacts, sign_event};
use crate::time::Millis;
use crate::types::Jti;

mod attacks;
mod claims;
mod copies;
mod endings;
mod faults;
mod gates;
mod keys;
mod lives;
mod mounts;
mod numbers;
mod outcomes;
mod replays;
mod site;

type Play = Box<dyn FnMut(&Delivery) -> (Duration, HandlerAnswer) + Send>;

/// A handler that answers as it is told and writes down what it got.
struct Script {
    play: Mutex<Play>,
    got: Mutex<Vec<(String, u32)>>,
    running: AtomicUsize,
    most: AtomicUsize,
    ready: watch::Receiver<bool>,
    copies: bool,
}

impl Script {
    fn new(play: impl FnMut(&Delivery) -> (Duration, HandlerAnswer) + Send + 'static) -> Self {
        // A channel without a sender keeps its value.
        let ready = watch::channel(true).1;
        let play: Play = Box::new(play);
        Self { play: play.into(), got: Mutex::default(), running: 0.into(), most: 0.into(), ready, copies: false }
    }

    fn answers(answers: impl IntoIterator<Item = HandlerAnswer>) -> Self {
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        Self::new(move |_| (Duration::ZERO, answers.pop_front().unwrap_or(HandlerAnswer::Done)))
    }

    fn takes(time: Duration) -> Self {
        Self::new(move |_| (time, HandlerAnswer::Done))
    }

    fn attempts(&self) -> Vec<u32> {
        self.got.lock().unwrap().iter().map(|(_, attempt)| *attempt).collect()
    }
}

impl Handler for Script {
    async fn handle(&self, delivery: Delivery) -> HandlerAnswer {
        self.got.lock().unwrap().push((delivery.event.detail_core.as_str().to_owned(), delivery.attempt));
        let (time, answer) = (self.play.lock().unwrap())(&delivery);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        sleep(time).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    fn wants_copies(&self) -> bool {
        self.copies
    }

    async fn ready(&self) {
        let mut ready = self.ready.clone();
        if !*ready.borrow_and_update() {
            let _ = ready.wait_for(|ready| *ready).await;
        }
    }
}

struct World {
    queue: FakeQueue,
    key: TestKey,
    handler: Arc<Script>,
    settings: watch::Sender<Arc<Settings>>,
    drain: Drain,
    keys: KeysSender,
    running: JoinHandle<()>,
}

fn settings() -> Settings {
    Settings {
        policy: policy(),
        max_in_flight: 16,
        wait: Duration::from_secs(20),
        visibility_timeout: Duration::from_mins(1),
        max_attempts: 5,
        backoff: Backoff::DEFAULT,
        max_receive_count: 15,
        fifo: false,
        paused: false,
        business_keys: Vec::new(),
        business_keys_ttl: Duration::from_hours(24),
        shared_retention: None,
    }
}

fn view(key: &TestKey) -> KeyView {
    let ring = ring(&[(&bus("lamps"), &[key])]);
    KeyView { ring: Some(Arc::new(ring)), confirmed: None }
}

/// An event of its own for each `n`, about one lamp.
fn event_of(key: &TestKey, n: u64) -> Vec<u8> {
    event_at(key, n, NOW)
}

/// The same, signed then.
fn event_at(key: &TestKey, n: u64, at: Millis) -> Vec<u8> {
    let facts = EventFacts {
        source: &SOURCE.parse().unwrap(),
        detail_type: &DETAIL_TYPE.parse().unwrap(),
        resource: &RESOURCE.parse().unwrap(),
        trace: &Trace::new("story-17".parse().unwrap()),
        detail_core: &json!({"n": n, "lamp": "l-9"}).to_string(),
    };
    let jti = Jti::from_uuid(uuid::Uuid::from_u128(n.into()));
    body(&sign_event(&key.private, key.kid(), facts, jti, at.into()).unwrap().detail)
}

/// A wall clock that goes with the paused one.
fn clock() -> Clock {
    let began = Instant::now();
    Clock::new(move || NOW.plus_millis(i64::try_from(began.elapsed().as_millis()).unwrap()))
}

fn world(handler: Script) -> World {
    world_with(handler, settings(), true)
}

fn world_with(handler: Script, settings: Settings, with_keys: bool) -> World {
    world_at(handler, settings, with_keys, clock())
}

fn world_at(handler: Script, settings: Settings, with_keys: bool, clock: Clock) -> World {
    world_told(handler, settings, with_keys, clock, None)
}

fn world_told(
    handler: Script,
    settings: Settings,
    with_keys: bool,
    clock: Clock,
    dead_letters: Option<Arc<dyn DeadLetterLog>>,
) -> World {
    let queue = FakeQueue::default();
    let key = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let handler = Arc::new(handler);
    let (sender, keys): (KeysSender, Keys) = channel();
    if with_keys {
        sender.publish(view(&key));
    }
    let (settings, receiver) = watch::channel(Arc::new(settings));
    let drain = Drain::new(Duration::from_secs(20));
    let consumer = Consumer {
        queue: Arc::new(queue.clone()),
        handler: handler.clone(),
        keys,
        settings: receiver,
        memory: Arc::new(Memory::default()),
        claims: None,
        dead_letters,
        metrics: Metrics::default(),
        clock,
    };
    let running = tokio::spawn(consumer.run(drain.clone()));
    World { queue, key, handler, settings, drain, keys: sender, running }
}

impl World {
    /// A body signed for the `n`th event.
    fn event(&self, n: u64) -> Vec<u8> {
        event_of(&self.key, n)
    }

    async fn until(&self, what: impl Fn(&Self) -> bool) {
        let reached = timeout(Duration::from_hours(2), async {
            while !what(self) {
                sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(reached.await.is_ok(), "never reached");
    }

    async fn drained(self) -> (FakeQueue, Arc<Script>) {
        self.drain.request();
        timeout(Duration::from_mins(1), self.running).await.unwrap().unwrap();
        (self.queue, self.handler)
    }
}
