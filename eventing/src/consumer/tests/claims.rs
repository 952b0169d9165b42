//! Several consumers of one queue that share what they handled.

use super::site::until;
use super::*;
use crate::config::WhenUnavailable;
use crate::consumer::claims::SharedClaims;
use crate::consumer::fake::FakeClaims;

/// One queue, one store, and the consumers that are started over them.
struct Shop {
    queue: FakeQueue,
    claims: FakeClaims,
    key: TestKey,
    settings: Settings,
    when_unavailable: WhenUnavailable,
}

struct Replica {
    handler: Arc<Script>,
    drain: Drain,
    running: JoinHandle<()>,
    _keys: KeysSender,
}

fn shop() -> Shop {
    Shop {
        queue: FakeQueue::default(),
        claims: FakeClaims::default(),
        key: TestKey::new(Algorithm::MlDsa44, KeyUse::Sig),
        settings: Settings { shared_retention: Some(Duration::from_hours(24)), ..settings() },
        when_unavailable: WhenUnavailable::Wait,
    }
}

impl Shop {
    /// A consumer that has handled nothing yet.
    fn replica(&self, script: Script) -> Replica {
        let (sender, keys): (KeysSender, Keys) = channel();
        sender.publish(view(&self.key));
        let (handler, drain) = (Arc::new(script), Drain::new(Duration::from_secs(20)));
        let claims = SharedClaims::new(Arc::new(self.claims.clone()), self.when_unavailable, ClaimMetrics::default());
        let consumer = Consumer {
            queue: Arc::new(self.queue.clone()),
            handler: handler.clone(),
            keys,
            settings: watch::channel(Arc::new(self.settings.clone())).1,
            memory: Arc::default(),
            claims: Some(Arc::new(claims)),
            dead_letters: None,
            metrics: Metrics::default(),
            clock: clock(),
        };
        let running = tokio::spawn(consumer.run(drain.clone()));
        Replica { handler, drain, running, _keys: sender }
    }

    /// A copy of the `n`th event.
    fn send(&self, n: u64) {
        self.queue.send(&event_of(&self.key, n));
    }
}

impl Replica {
    fn got(&self) -> Vec<String> {
        self.handler.got.lock().unwrap().iter().map(|(core, _)| core.clone()).collect()
    }

    async fn drained(self) {
        self.drain.request();
        timeout(Duration::from_mins(1), self.running).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn two_consumers_handle_each_event_once() {
    let shop = shop();
    let takes = || Script::takes(Duration::from_secs(1));
    let (one, other) = (shop.replica(takes()), shop.replica(takes()));
    for n in 0..30 {
        shop.send(n);
        shop.send(n);
        sleep(Duration::from_millis(100)).await;
    }
    until(|| shop.queue.left() == 0).await;
    // Those come when each was handled, to whichever consumer.
    (0..30).for_each(|n| shop.send(n));
    until(|| shop.queue.left() == 0).await;
    let mut got = [one.got(), other.got()].concat();
    let deliveries = got.len();
    got.sort_unstable();
    got.dedup();
    assert_eq!((got.len(), deliveries), (30, 30));
    assert!(!one.got().is_empty() && !other.got().is_empty(), "both were at work");
    assert!(shop.queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_copy_waits_while_another_consumer_has_the_event_however_long_that_takes() {
    let shop = shop();
    // Longer than the message's visibility, and so than the claim, unless both are renewed.
    let slow = shop.replica(Script::takes(Duration::from_secs(200)));
    shop.send(1);
    until(|| slow.got().len() == 1).await;
    let other = shop.replica(Script::takes(Duration::ZERO));
    shop.send(1);
    sleep(Duration::from_secs(150)).await;
    assert_eq!((shop.queue.left(), other.got().len()), (2, 0));
    until(|| shop.queue.left() == 0).await;
    assert_eq!((slow.got().len(), other.got().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_one_consumer_failed_at_another_may_have_at_once_and_attempts_are_counted_over_both() {
    let shop = Shop { settings: Settings { max_attempts: 4, max_receive_count: 50, ..shop().settings }, ..shop() };
    let fails = || Script::answers(vec![HandlerAnswer::from_status(500, None); 20]);
    let first = shop.replica(fails());
    shop.send(1);
    until(|| first.got().len() == 2).await;
    let attempts = first.handler.attempts();
    first.drained().await;
    // It has handled nothing yet, and counts on.
    let second = shop.replica(fails());
    until(|| shop.queue.left() == 0).await;
    assert_eq!([attempts, second.handler.attempts()].concat(), [1, 2, 3, 4]);
    assert_eq!(shop.queue.codes(), ["HANDLER_EXHAUSTED"]);
    assert_eq!(shop.queue.letters()[0].attributes.get("qsl.attempts").unwrap(), "4");
    // Brought back, it starts anew.
    shop.send(1);
    until(|| shop.queue.left() == 0).await;
    assert_eq!(second.handler.attempts(), [3, 4, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn the_claim_of_a_consumer_that_died_lapses_and_the_event_goes_to_another() {
    let shop = shop();
    // Its task is gone, with nothing released and no heartbeat left.
    let dies = shop.replica(Script::new(|_| panic!("as if killed")));
    shop.send(1);
    until(|| dies.got().len() == 1).await;
    dies.drained().await;
    let began = Instant::now();
    let other = shop.replica(Script::takes(Duration::ZERO));
    // A copy is there before the message itself is visible again.
    shop.send(1);
    until(|| shop.queue.left() == 0).await;
    assert_eq!(other.handler.attempts(), [1]);
    let waited = began.elapsed();
    assert!(Duration::from_secs(50) < waited && waited < Duration::from_mins(2), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_consumer_knows_a_copy() {
    let shop = shop();
    let first = shop.replica(Script::takes(Duration::ZERO));
    shop.send(1);
    until(|| shop.queue.left() == 0).await;
    first.drained().await;
    let second = shop.replica(Script::takes(Duration::ZERO));
    shop.send(1);
    until(|| shop.queue.left() == 0).await;
    assert!(second.got().is_empty());
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_away_nothing_is_received() {
    let shop = shop();
    shop.claims.be_away(true);
    let replica = shop.replica(Script::takes(Duration::ZERO));
    shop.send(1);
    sleep(Duration::from_hours(1)).await;
    assert_eq!((shop.queue.receives(), replica.got().len()), (0, 0));
    assert!((100..1_000).contains(&shop.claims.probes()), "{}", shop.claims.probes());
    shop.claims.be_away(false);
    until(|| shop.queue.left() == 0).await;
    assert_eq!(replica.handler.attempts(), [1]);
    assert!(shop.queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_held_when_the_store_goes_is_held_until_it_is_back_and_is_handled_once() {
    // A second receive would be one too many.
    let shop = Shop { settings: Settings { max_receive_count: 1, max_in_flight: 2, ..shop().settings }, ..shop() };
    let replica = shop.replica(Script::takes(Duration::from_secs(5)));
    shop.send(1);
    until(|| replica.got().len() == 1).await;
    // One event is at the handler; the next is received and cannot be claimed.
    shop.claims.be_away(true);
    shop.send(2);
    shop.send(3);
    sleep(Duration::from_hours(1)).await;
    assert_eq!((shop.queue.left(), replica.got().len()), (3, 1));
    let heartbeats = shop.queue.heartbeats();
    assert!(heartbeats >= 100, "{heartbeats}");
    shop.claims.be_away(false);
    until(|| shop.queue.left() == 0).await;
    assert_eq!(replica.handler.attempts(), [1, 1, 1]);
    assert!(shop.queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_inbox_that_would_rather_have_an_event_twice_goes_on_without_the_store() {
    let shop = Shop { when_unavailable: WhenUnavailable::DeliverAnyway, ..shop() };
    shop.claims.be_away(true);
    let failure = HandlerAnswer::from_status(503, None);
    let (one, other) = (shop.replica(Script::answers([failure.clone()])), shop.replica(Script::answers([failure])));
    for n in 0..20 {
        shop.send(n);
    }
    until(|| shop.queue.left() == 0).await;
    let mut got = [one.got(), other.got()].concat();
    got.sort_unstable();
    got.dedup();
    assert_eq!(got.len(), 20);
    // What one handled while the store was away, it alone knows.
    shop.claims.be_away(false);
    sleep(Duration::from_mins(1)).await;
    shop.send(77);
    until(|| shop.queue.left() == 0).await;
    one.drained().await;
    let before = other.got().len();
    shop.send(77);
    until(|| shop.queue.left() == 0).await;
    assert_eq!(other.got().len(), before, "since the store is back it is shared again");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_while_the_store_is_away_and_gives_back_what_was_not_handled() {
    let shop = Shop { settings: Settings { max_in_flight: 2, ..shop().settings }, ..shop() };
    let replica = shop.replica(Script::takes(Duration::from_secs(5)));
    shop.send(1);
    until(|| replica.got().len() == 1).await;
    shop.claims.be_away(true);
    shop.send(2);
    sleep(Duration::from_mins(1)).await;
    let began = Instant::now();
    replica.drained().await;
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    // The first is done with, confirmed or not; the second was never handed on.
    assert_eq!((shop.queue.left(), shop.queue.visible()), (1, 1));
    assert!(shop.queue.letters().is_empty());
}
