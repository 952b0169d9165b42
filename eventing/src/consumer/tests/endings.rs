//! Draining, and restarts.

use super::*;

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
    let world = world(Script::takes(Duration::from_mins(50)));
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
    let (mut started, mut cut_off) = (Vec::new(), 0);
    let sent: u64 = 200;
    for restart in 0..50 {
        let handler = Arc::new(Script::takes(Duration::from_secs(4)));
        let (sender, keys) = channel();
        sender.publish(view(&key));
        let drain = Drain::new(Duration::from_secs(1));
        let consumer = Consumer {
            queue: Arc::new(queue.clone()),
            handler: Arc::clone(&handler),
            keys,
            settings: watch::channel(Arc::new(settings())).1,
            memory: Arc::default(),
            claims: None,
            dead_letters: None,
            metrics: Metrics::default(),
            clock: clock(),
        };
        let running = tokio::spawn(consumer.run(drain.clone()));
        // Half of them come so late that they outlast the grace, and the second in which a receive ends before it.
        for pause in [6, 1] {
            if restart < 20 {
                for n in 0..5 {
                    queue.send(&event_of(&key, restart * 10 + n + pause / 6 * 5));
                }
            }
            sleep(Duration::from_secs(pause)).await;
        }
        if restart == 49 {
            sleep(Duration::from_mins(1)).await;
        }
        drain.request();
        running.await.unwrap();
        started.extend(handler.got.lock().unwrap().iter().map(|(core, _)| core.clone()));
        cut_off += handler.running.load(Ordering::SeqCst);
    }
    // A handler that outlasts the grace has its event once more; nobody else has.
    assert_eq!(started.len(), usize::try_from(sent).unwrap() + cut_off);
    assert!(cut_off > 0, "no restart met a handler at work");
    started.sort_unstable();
    started.dedup();
    assert_eq!(started.len() as u64, sent);
    assert_eq!(queue.left(), 0);
    assert!(queue.letters().is_empty());
}
