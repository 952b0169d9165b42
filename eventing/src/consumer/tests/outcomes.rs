//! What becomes of a message: acknowledged, tried again, moved.

use super::*;

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
async fn what_is_done_within_a_moment_is_deleted_by_one_call() {
    let world = world(Script::takes(Duration::ZERO));
    for n in 0..5 {
        world.queue.send(&world.event(n));
        sleep(LINGER / 10).await;
    }
    assert_eq!((world.handler.attempts(), world.queue.delete_calls()), (vec![1; 5], 0));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.delete_calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_is_deleted_at_once() {
    let world = world(Script::takes(Duration::ZERO));
    let began = Instant::now();
    for n in 0..10 {
        world.queue.send(&world.event(n));
    }
    world.until(|world| world.queue.left() == 0).await;
    assert!(began.elapsed() < LINGER, "{:?}", began.elapsed());
    assert_eq!(world.queue.delete_calls(), 1);
}

/// One place: the next message is not received before the one before is deleted. A group: it is not given before.
#[tokio::test(start_paused = true)]
async fn a_delete_that_the_next_message_waits_for_waits_for_no_other() {
    for (max_in_flight, fifo) in [(1, false), (16, true)] {
        let world = world_with(Script::takes(Duration::ZERO), Settings { max_in_flight, fifo, ..settings() }, true);
        let began = Instant::now();
        for n in 0..10 {
            world.queue.send_to_group(&world.event(n), Some("a lamp"));
        }
        world.until(|world| world.queue.left() == 0).await;
        assert!(began.elapsed() < LINGER, "{max_in_flight}, {fifo}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_no_delete_waits_for_others() {
    let world = world(Script::takes(Duration::ZERO));
    world.queue.send(&world.event(1));
    world.until(|world| world.handler.attempts() == [1]).await;
    let began = Instant::now();
    world.drain.request();
    world.until(|world| world.queue.left() == 0).await;
    assert!(began.elapsed() < LINGER / 2, "{:?}", began.elapsed());
    assert_eq!(world.drained().await.0.delete_calls(), 1);
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

#[tokio::test(start_paused = true)]
async fn good_events_outlive_a_handler_that_ends_again_and_again_while_it_has_them() {
    let world = world(Script::answers(vec![HandlerAnswer::Gone; 9]));
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1; 10]);
    assert!(world.drained().await.0.letters().is_empty());
}

/// Writes down what it is told, or refuses to.
#[derive(Default)]
struct Log {
    told: Mutex<Vec<DeadLetterNotice>>,
    hangs: bool,
}

impl DeadLetterLog for Log {
    fn tell<'a>(&'a self, notice: &'a DeadLetterNotice) -> futures::future::BoxFuture<'a, Result<(), NotTold>> {
        Box::pin(async move {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            self.told.lock().unwrap().push(notice.clone());
            Err(NotTold("connection refused".to_owned()))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_told_of_dead_letters_with_the_key_of_a_verified_event_and_the_claim_of_another() {
    let log = Arc::new(Log::default());
    let script = Script::answers([HandlerAnswer::from_status(422, None)]);
    let world = world_told(script, settings(), true, clock(), Some(log.clone()));
    world.queue.send(&world.event(1));
    world.until(|world| world.queue.left() == 0).await;
    let changed = String::from_utf8(world.event(2)).unwrap().replace("l-9\",\"n\"", "l-8\",\"n\"");
    world.queue.send(changed.as_bytes()).send(b"no event");
    world.until(|_| log.told.lock().unwrap().len() == 3).await;
    let told = log.told.lock().unwrap().clone();
    let of = |notice: &DeadLetterNotice| (notice.code.as_str(), notice.stage.as_str(), notice.attempts);
    assert_eq!(of(&told[0]), ("HANDLER_REJECTED", "handle", 1));
    let jti = Jti::from_uuid(uuid::Uuid::from_u128(1));
    assert_eq!(told[0].subject, Subject::Event(crate::event_key::of_jti(&SOURCE.parse().unwrap(), &jti)));
    assert_eq!(of(&told[1]), ("PAYLOAD_MISMATCH", "verify", 0));
    assert_eq!(told[1].subject, Subject::Claimed(Some("story-17".parse().unwrap())));
    assert_eq!((of(&told[2]), &told[2].subject), (("BODY_MALFORMED", "verify", 0), &Subject::Claimed(None)));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_does_not_answer_delays_no_dead_letter() {
    let log = Arc::new(Log { hangs: true, ..Log::default() });
    let world = world_told(Script::takes(Duration::ZERO), settings(), true, clock(), Some(log));
    for _ in 0..400 {
        world.queue.send(b"no event");
    }
    let began = Instant::now();
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.queue.letters().len(), 400);
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    world.drained().await;
}
