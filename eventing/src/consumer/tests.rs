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

use super::fake::FakeQueue;
use super::keys::{self, KeyView, Keys, KeysSender};
use super::pipeline::Memory;
use super::*;
use crate::algorithm::Algorithm;
use crate::envelope::Trace;
use crate::fixture::{DETAIL_TYPE, NOW, RESOURCE, SOURCE, TestKey, body, bus, policy, ring};
use crate::keyset::KeyUse;
use crate::signing::{EventFacts, sign_event};
use crate::types::Jti;

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
        visibility_timeout: Duration::from_secs(60),
        max_attempts: 5,
        max_receive_count: 15,
        fifo: false,
        paused: false,
        business_keys: Vec::new(),
        business_keys_ttl: Duration::from_secs(86_400),
    }
}

fn view(key: &TestKey) -> KeyView {
    let ring = ring(&[(&bus("lamps"), &[key])]);
    KeyView { ring: Some(Arc::new(ring)), confirmed: None }
}

/// An event of its own for each `n`, about one lamp.
fn event_of(key: &TestKey, n: u64) -> Vec<u8> {
    let facts = EventFacts {
        source: &SOURCE.parse().unwrap(),
        detail_type: &DETAIL_TYPE.parse().unwrap(),
        resource: &RESOURCE.parse().unwrap(),
        trace: &Trace::new("story-17".parse().unwrap()),
        detail_core: &json!({"n": n, "lamp": "l-9"}),
    };
    let jti = Jti::from_uuid(uuid::Uuid::from_u128(n.into()));
    body(&sign_event(&key.private, key.kid(), facts, jti, NOW.into()).unwrap().detail)
}

fn world(handler: Script) -> World {
    world_with(handler, settings(), true)
}

fn world_with(handler: Script, settings: Settings, with_keys: bool) -> World {
    let queue = FakeQueue::default();
    let key = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let handler = Arc::new(handler);
    let (sender, keys): (KeysSender, Keys) = keys::channel();
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
        metrics: Metrics::default(),
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
        let reached = timeout(Duration::from_secs(7_200), async {
            while !what(self) {
                sleep(Duration::from_millis(20)).await;
            }
        });
        assert!(reached.await.is_ok(), "never reached");
    }

    async fn drained(self) -> (FakeQueue, Arc<Script>) {
        self.drain.request();
        timeout(Duration::from_secs(60), self.running).await.unwrap().unwrap();
        (self.queue, self.handler)
    }
}

#[tokio::test(start_paused = true)]
async fn a_handled_event_is_deleted_after_the_handler() {
    let world = world(Script::takes(Duration::from_secs(1)));
    world.queue.send(&world.event(1));
    world.until(|world| world.handler.got.lock().unwrap().len() == 1).await;
    assert_eq!(world.queue.left(), 1);
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.got.lock().unwrap()[0].0, r#"{"lamp":"l-9","n":1}"#);
    assert!(world.drained().await.0.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_message_holds_no_other() {
    let slow = Script::new(|delivery| {
        let slow = delivery.event.detail_core.as_str().contains(r#""n":0"#);
        (Duration::from_secs(if slow { 600 } else { 0 }), HandlerAnswer::Done)
    });
    let world = world(slow);
    for n in 0..30 {
        world.queue.send(&world.event(n));
    }
    let began = Instant::now();
    world.until(|world| world.queue.left() == 1).await;
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn no_more_are_held_than_there_are_places() {
    let settings = Settings { max_in_flight: 4, ..settings() };
    let world = world_with(Script::takes(Duration::from_secs(3)), settings, true);
    for n in 0..20 {
        world.queue.send(&world.event(n));
    }
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.most.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_failure_comes_back_later_with_its_attempts_counted() {
    let failure = HandlerAnswer::from_status(503, None);
    let world = world(Script::answers([failure.clone(), HandlerAnswer::Timeout, HandlerAnswer::Done]));
    world.queue.send(&world.event(1));
    let began = Instant::now();
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1, 2, 3]);
    assert!(began.elapsed() > Duration::from_secs(1));
    assert!(world.queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn attempts_end_in_the_dead_letter_queue_with_all_that_is_known() {
    let world = world(Script::answers(vec![HandlerAnswer::from_status(500, None); 9]));
    let body = world.event(1);
    world.queue.send(&body);
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1, 2, 3, 4, 5]);
    let letter = world.queue.letters().remove(0);
    assert_eq!(letter.body.as_bytes(), body);
    let expected = [
        ("qsl.code", "HANDLER_EXHAUSTED"),
        ("qsl.stage", "handle"),
        ("qsl.attempts", "5"),
        ("qsl.handlerStatus", "500"),
        ("qsl.sentAt", "1800000000000"),
        ("qsl.kid", world.key.kid().as_str()),
    ];
    for (name, value) in expected {
        assert_eq!(letter.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(letter.attributes.len() <= 10);
}

#[tokio::test(start_paused = true)]
async fn poison_among_good_ones_is_moved_with_its_code_and_delays_none() {
    let world = world(Script::takes(Duration::ZERO));
    let changed = String::from_utf8(world.event(1)).unwrap().replace("l-9\",\"n\"", "l-8\",\"n\"");
    world.queue.send(b"no event").send(&world.event(2)).send(changed.as_bytes()).send(&world.event(3));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.codes(), ["BODY_MALFORMED", "PAYLOAD_MISMATCH"]);
    assert_eq!(world.handler.got.lock().unwrap().len(), 2);
    assert_eq!(world.queue.letters()[0].attributes.get("qsl.stage").unwrap(), "verify");
}

#[tokio::test(start_paused = true)]
async fn a_reject_is_not_tried_again() {
    let world = world(Script::answers([HandlerAnswer::from_status(422, None)]));
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.codes(), ["HANDLER_REJECTED"]);
    assert_eq!(world.handler.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_handled_event_is_deleted_unhandled() {
    let world = world(Script::takes(Duration::ZERO));
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_waits_while_the_other_is_in_flight_and_takes_over_when_it_fails() {
    let failure = HandlerAnswer::from_status(500, Some(Duration::from_secs(300)));
    let mut answers = VecDeque::from([failure, HandlerAnswer::Done]);
    let script = Script::new(move |_| (Duration::from_secs(5), answers.pop_front().unwrap()));
    let world = world(script);
    world.queue.send(&world.event(1)).send(&world.event(1));
    world.until(|world| world.queue.left() == 1).await;
    assert_eq!(world.handler.attempts(), [1, 2]);
    assert_eq!(world.handler.most.load(Ordering::SeqCst), 1);
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_wants_copies_gets_each() {
    let script = Script { copies: true, ..Script::takes(Duration::ZERO) };
    let world = world(script);
    world.queue.send(&world.event(1)).send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.got.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn business_keys_make_two_events_one() {
    let keys = vec!["/detail-type".to_owned(), "/detail/detailCore/lamp".to_owned()];
    let world = world_with(Script::takes(Duration::ZERO), Settings { business_keys: keys, ..settings() }, true);
    world.queue.send(&world.event(1)).send(&world.event(2));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.got.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_slower_than_the_visibility_gets_one_delivery() {
    let world = world(Script::takes(Duration::from_secs(200)));
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1]);
    assert!(world.queue.heartbeats() >= 6);
}

#[tokio::test(start_paused = true)]
async fn the_last_allowed_receive_is_dead_lettered_by_us() {
    let settings = Settings { max_receive_count: 2, max_attempts: 50, ..settings() };
    let world = world_with(Script::answers(vec![HandlerAnswer::Unreachable; 9]), settings, true);
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.codes(), ["RECEIVES_EXHAUSTED"]);
    assert_eq!(world.queue.letters()[0].attributes.get("qsl.attempts").unwrap(), "0");
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_fails_is_repeated_and_batched() {
    let world = world(Script::takes(Duration::from_secs(1)));
    world.queue.fail_next("delete", QueueError::Retry("throttled".to_owned()));
    world.queue.fail_next("delete-entry", QueueError::Retry("internal".to_owned()));
    for n in 0..8 {
        world.queue.send(&world.event(n));
    }
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1; 8]);
    assert!(world.queue.delete_calls() < 8);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_written_loses_nothing() {
    let world = world(Script::takes(Duration::ZERO));
    for _ in 0..7 {
        world.queue.fail_next("dead_letter", QueueError::Retry("throttled".to_owned()));
    }
    world.queue.send(b"no event");
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.codes(), ["BODY_MALFORMED"]);
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_fails_is_repeated_with_a_pause() {
    let world = world(Script::takes(Duration::ZERO));
    for _ in 0..3 {
        world.queue.fail_next("receive", QueueError::Retry("no such queue".to_owned()));
    }
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    assert!(world.queue.receives() <= 6);
}

#[tokio::test(start_paused = true)]
async fn without_keys_nothing_is_received() {
    let world = world_with(Script::takes(Duration::ZERO), settings(), false);
    world.queue.send(&world.event(1));
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(world.queue.receives(), 0);
    world.keys.publish(view(&world.key));
    world.until(|world| world.queue.left() == 0).await;
    assert!(world.queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn while_paused_or_unready_nothing_is_received() {
    let (ready, receiver) = watch::channel(false);
    let script = Script { ready: receiver, ..Script::takes(Duration::ZERO) };
    let world = world_with(script, Settings { paused: true, ..settings() }, true);
    world.queue.send(&world.event(1));
    sleep(Duration::from_secs(600)).await;
    world.settings.send_replace(Arc::new(settings()));
    sleep(Duration::from_secs(600)).await;
    assert_eq!(world.queue.receives(), 0);
    ready.send_replace(true);
    world.until(|world| world.queue.left() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_waits_for_a_confirmation_and_is_then_a_verdict() {
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let world = world(Script::takes(Duration::ZERO));
    world.queue.send(&stranger.body());
    world.keys.asked().await;
    assert!(world.queue.letters().is_empty());
    let confirmed = Some(Instant::now());
    world.keys.publish(KeyView { confirmed, ..view(&world.key) });
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.codes(), ["KID_UNKNOWN"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_new_key_waits_until_its_key_arrives() {
    let newer = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let world = world(Script::takes(Duration::ZERO));
    world.queue.send(&newer.body());
    world.keys.asked().await;
    sleep(Duration::from_secs(300)).await;
    let both = ring(&[(&bus("lamps"), &[&world.key, &newer])]);
    world.keys.publish(KeyView { ring: Some(Arc::new(both)), confirmed: None });
    world.until(|world| world.queue.left() == 0).await;
    assert!(world.queue.letters().is_empty());
    assert_eq!(world.handler.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_kids_holds_a_quarter_of_the_places() {
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let settings = Settings { max_in_flight: 8, ..settings() };
    let world = world_with(Script::takes(Duration::ZERO), settings, true);
    let forged = stranger.body();
    for _ in 0..12 {
        world.queue.send(&forged);
    }
    for n in 0..20 {
        world.queue.send(&world.event(n));
    }
    let began = Instant::now();
    world.until(|world| world.handler.got.lock().unwrap().len() == 20).await;
    assert!(began.elapsed() < Duration::from_secs(60));
    assert!(world.queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn draining_finishes_what_is_in_flight() {
    let world = world(Script::takes(Duration::from_secs(10)));
    for n in 0..5 {
        world.queue.send(&world.event(n));
    }
    world.until(|world| world.handler.got.lock().unwrap().len() == 5).await;
    world.queue.send(&world.event(9));
    let (queue, handler) = world.drained().await;
    assert_eq!(handler.got.lock().unwrap().len(), 5);
    assert_eq!(queue.left(), 1);
    assert!(queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_outlasts_the_grace_period_goes_back_at_once() {
    let world = world(Script::takes(Duration::from_secs(3_000)));
    world.queue.send(&world.event(1)).send(&world.event(2));
    world.until(|world| world.handler.got.lock().unwrap().len() == 2).await;
    let began = Instant::now();
    let (queue, _) = world.drained().await;
    assert!(began.elapsed() < Duration::from_secs(25));
    assert_eq!((queue.left(), queue.visible()), (2, 2));
    assert!(queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn fifty_restarts_lose_nothing_and_move_nothing() {
    let key = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let queue = FakeQueue::default();
    let handled = Arc::new(Mutex::new(Vec::new()));
    let sent: u64 = 200;
    for restart in 0..50 {
        let seen = handled.clone();
        let script = Script::new(move |delivery| {
            seen.lock().unwrap().push(delivery.event.event_key);
            (Duration::from_millis(300), HandlerAnswer::Done)
        });
        let (sender, keys) = keys::channel();
        sender.publish(view(&key));
        let drain = Drain::new(Duration::from_millis(100));
        let consumer = Consumer {
            queue: Arc::new(queue.clone()),
            handler: Arc::new(script),
            keys,
            settings: watch::channel(Arc::new(Settings { max_receive_count: 100, ..settings() })).1,
            memory: Arc::default(),
            metrics: Metrics::default(),
        };
        let running = tokio::spawn(consumer.run(drain.clone()));
        if restart < 20 {
            for n in 0..10 {
                queue.send(&event_of(&key, restart * 10 + n));
            }
        }
        sleep(Duration::from_millis(if restart == 49 { 60_000 } else { 700 })).await;
        drain.request();
        running.await.unwrap();
    }
    let mut distinct = handled.lock().unwrap().clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len() as u64, sent);
    assert_eq!(queue.left(), 0);
    assert!(queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fifo_group_keeps_its_order_while_others_go_on() {
    let script = Script::new({
        let mut failed = false;
        move |delivery| {
            let first = delivery.event.detail_core.as_str().contains(r#""n":1}"#);
            let answer = if first && !std::mem::replace(&mut failed, first) {
                HandlerAnswer::from_status(500, None)
            } else {
                HandlerAnswer::Done
            };
            (Duration::from_millis(10), answer)
        }
    });
    let world = world_with(script, Settings { fifo: true, ..settings() }, true);
    for (n, group) in [(1, "a"), (2, "a"), (3, "a"), (4, "b")] {
        world.queue.send_to_group(&event_of(&world.key, n), Some(group));
    }
    world.until(|world| world.queue.left() == 0).await;
    let got: Vec<String> = world.handler.got.lock().unwrap().iter().map(|(core, _)| core.clone()).collect();
    let order: Vec<char> = got.iter().filter_map(|core| core.chars().rev().nth(1)).filter(|n| *n != '4').collect();
    assert_eq!(order, ['1', '1', '2', '3']);
}
