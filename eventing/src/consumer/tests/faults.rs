//! A queue, a clock and a network that fail.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_receive_that_hangs_is_cut_off_and_repeated() {
    let world = world(Script::takes(Duration::ZERO));
    world.queue.hang_next_receive();
    world.queue.send(&world.event(1));
    let began = Instant::now();
    world.until(|world| world.queue.left() == 0).await;
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert_eq!(world.handler.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_by_an_expired_receipt_is_no_success_and_the_message_comes_back_as_a_copy() {
    let world = world(Script::takes(Duration::ZERO));
    world.queue.fail_next("delete-entry", QueueError::ReceiptExpired);
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.delete_calls() == 1).await;
    assert_eq!(world.queue.left(), 1);
    world.until(|world| world.queue.left() == 0).await;
    // Not repeated with the same receipt: it came back, and was known.
    assert_eq!((world.queue.delete_calls(), world.handler.attempts()), (2, vec![1]));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_rejects_no_good_event() {
    for minutes in [-10, 10] {
        let began = Instant::now();
        let off = Clock::new(move || {
            let went = i64::try_from(began.elapsed().as_millis()).unwrap();
            NOW.plus_millis(minutes * 60_000 + went)
        });
        let world = world_at(Script::takes(Duration::ZERO), settings(), true, off);
        world.queue.send(&world.event(1));
        world.until(|world| world.queue.left() == 0).await;
        assert_eq!((world.handler.attempts(), world.queue.codes().len()), (vec![1], 0), "{minutes}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_queue_flaps_no_event_is_lost_and_the_calls_stay_few() {
    let world = world(Script::takes(Duration::from_millis(200)));
    let operations = ["receive", "delete", "change_visibility", "receive", "delete-entry", "receive", "dead_letter"];
    let away = || QueueError::Retry("connection refused".to_owned());
    for n in 0..60 {
        // In this order: whoever calls next for something else gets through.
        operations.iter().for_each(|operation| world.queue.fail_next(operation, away()));
        world.queue.send(&if n % 20 == 7 { b"no event".to_vec() } else { world.event(n) });
        sleep(Duration::from_secs(1)).await;
    }
    world.until(|world| world.queue.left() == 0).await;
    let mut got: Vec<String> = world.handler.got.lock().unwrap().iter().map(|(core, _)| core.clone()).collect();
    let deliveries = got.len();
    got.sort_unstable();
    got.dedup();
    assert_eq!((got.len(), deliveries), (57, 57));
    assert_eq!(world.queue.codes(), ["BODY_MALFORMED"; 3]);
    let receives = world.queue.receives();
    assert!(receives < 400, "{receives}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_was_deleted_and_made_again_is_received_from_without_a_restart() {
    let world = world(Script::takes(Duration::from_secs(90)));
    world.queue.send(&world.event(1));
    world.until(|world| world.handler.got.lock().unwrap().len() == 1).await;
    // A message is held while it goes: its heartbeat and its delete find nothing.
    world.queue.make_again();
    for _ in 0..20 {
        world.queue.fail_next("receive", QueueError::Retry("AWS.SimpleQueueService.NonExistentQueue".to_owned()));
    }
    sleep(Duration::from_mins(30)).await;
    world.queue.send(&world.event(2));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1, 1]);
    // Its pauses grow to half a minute.
    assert!(world.queue.receives() < 150, "{}", world.queue.receives());
}
