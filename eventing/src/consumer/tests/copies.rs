//! Copies, and who gets them.

use super::*;

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
    let failure = HandlerAnswer::from_status(500, Some(Duration::from_mins(5)));
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
