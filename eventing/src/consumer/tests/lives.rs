//! A consumer that is killed, and an installation that nobody looks after.

use super::site::{DAY, HOUR, Site, entry, inbox_of, lamps, lasting_key, set, until};
use super::*;
use crate::consumer::ports::{DeadLetter, QueueError, Receipt, Received};

/// The queue as a process sees it that is killed when it deletes: none of its calls has an effect from then on.
struct Mortal {
    queue: FakeQueue,
    dead: watch::Sender<bool>,
}

impl Mortal {
    async fn alive(&self) -> &FakeQueue {
        if *self.dead.borrow() {
            std::future::pending::<()>().await;
        }
        &self.queue
    }
}

impl Queue for Mortal {
    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Received>, QueueError> {
        self.alive().await.receive(max, wait).await
    }

    async fn delete(&self, _: &[Receipt]) -> Result<Vec<Result<(), QueueError>>, QueueError> {
        self.dead.send_replace(true);
        std::future::pending().await
    }

    async fn change_visibility(&self, receipt: &Receipt, timeout: Duration) -> Result<(), QueueError> {
        self.alive().await.change_visibility(receipt, timeout).await
    }

    async fn dead_letter(&self, letter: &DeadLetter) -> Result<(), QueueError> {
        self.alive().await.dead_letter(letter).await
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_killed_before_he_deletes_has_a_successor_that_handles_those_events_once_more() {
    let world = world(Script::takes(Duration::from_millis(100)));
    // Only the key and the queue of it: nobody consumes yet.
    world.running.abort();
    let (dead, mut killed) = watch::channel(false);
    let first = Arc::new(Script::takes(Duration::from_millis(100)));
    let (sender, keys) = channel();
    sender.publish(view(&world.key));
    let consumer = |queue: Mortal, handler: Arc<Script>| Consumer {
        queue: Arc::new(queue),
        handler,
        keys: keys.clone(),
        settings: watch::channel(Arc::new(settings())).1,
        memory: Arc::default(),
        claims: None,
        dead_letters: None,
        metrics: Metrics::default(),
        clock: clock(),
    };
    for n in 0..40 {
        world.queue.send(&world.event(n));
    }
    let mortal = Mortal { queue: world.queue.clone(), dead };
    let running = tokio::spawn(consumer(mortal, Arc::clone(&first)).run(Drain::new(Duration::from_secs(20))));
    killed.wait_for(|dead| *dead).await.unwrap();
    let before = first.got.lock().unwrap().len();
    assert_eq!(world.queue.left(), 40, "killed before the first delete");
    running.abort();

    let second = Arc::new(Script::takes(Duration::from_millis(100)));
    let consumer = Consumer {
        queue: Arc::new(world.queue.clone()),
        handler: Arc::clone(&second),
        keys: keys.clone(),
        settings: watch::channel(Arc::new(settings())).1,
        memory: Arc::default(),
        claims: None,
        dead_letters: None,
        metrics: Metrics::default(),
        clock: clock(),
    };
    tokio::spawn(consumer.run(Drain::new(Duration::from_secs(20))));
    until(|| world.queue.left() == 0).await;
    // Each once by the successor, and once more what the first had: no more than it has places.
    assert_eq!(second.got.lock().unwrap().len(), 40);
    assert!((1..=settings().max_in_flight).contains(&before), "{before}");
    assert!(world.queue.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_week_without_the_operator_stops_receiving_when_the_sets_run_out_and_loses_nothing() {
    let site = Site::new().with_key(lasting_key());
    // Three days, as the operator signs; nobody renews it.
    let signed = |version| set(&lamps(), version, &[&site.key], DAY * 3);
    site.serve(&signed(1));
    site.mount_set(&signed(1));
    site.mount_entry(&crate::config::ConfigDocument {
        expires: NOW.plus(DAY * 3).seconds(),
        ..entry(1, inbox_of(&[&lamps()]))
    });
    site.consume();
    let expiry = || site.metric(r#"key_set_expiry_timestamp_seconds{bus="harbour/lamps"}"#);
    let mut warned = None;
    for hour in 0..7 * 24 {
        site.send(&site.key, hour);
        sleep(HOUR).await;
        if hour == 48 {
            warned = expiry();
        }
    }
    // By this gauge the alert warns a day before.
    let expiry = warned.unwrap();
    let expires = f64::from(u32::try_from(NOW.plus(DAY * 3).seconds()).unwrap());
    assert!((expiry - expires).abs() < 1.0, "{expiry}");
    assert_eq!((site.handled(), site.queue.left(), site.metric("keys_usable")), (72, 96, Some(0.0)));
    let receives = site.queue.receives();
    sleep(HOUR).await;
    assert_eq!(site.queue.receives(), receives, "it stands still");

    let back = |version| set(&lamps(), version, &[&site.key], DAY * 11);
    site.serve(&back(2));
    site.mount_set(&back(2));
    site.mount_inbox(2, &[&lamps()]);
    until(|| site.queue.left() == 0).await;
    let mut got: Vec<String> = site.handler.got.lock().unwrap().iter().map(|(core, _)| core.clone()).collect();
    got.sort_unstable();
    got.dedup();
    assert_eq!((site.handled(), got.len(), site.queue.letters().len()), (168, 168, 0));
}
