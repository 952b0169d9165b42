//! When messages are received, and how many are held.

use super::*;
use crate::attributes::Attributes;

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
    sleep(Duration::from_hours(1)).await;
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
    sleep(Duration::from_mins(10)).await;
    world.settings.send_replace(Arc::new(settings()));
    sleep(Duration::from_mins(10)).await;
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
async fn an_event_of_a_bus_that_the_configuration_does_not_name_yet_waits_for_it() {
    let newer = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let world = world(Script::takes(Duration::ZERO));
    world.queue.send(&newer.body());
    world.keys.asked().await;
    // The sets of all buses that are known are confirmed, and the bus is not among them.
    world.keys.publish(KeyView { confirmed: Some(Instant::now()), ..view(&world.key) });
    sleep(Duration::from_mins(2)).await;
    assert!(world.queue.letters().is_empty());
    let both = ring(&[(&bus("lamps"), &[&world.key]), (&bus("doors"), &[&newer])]);
    world.keys.publish(KeyView { ring: Some(Arc::new(both)), confirmed: None });
    world.until(|world| world.queue.left() == 0).await;
    assert!(world.queue.letters().is_empty());
    assert_eq!(world.handler.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_kids_gets_its_verdict_before_its_receives_are_used_up() {
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let world = world_with(Script::takes(Duration::ZERO), Settings { max_in_flight: 8, ..settings() }, true);
    let forged = stranger.body();
    for _ in 0..40 {
        world.queue.send(&forged);
    }
    world.keys.asked().await;
    let confirming = async {
        loop {
            world.keys.publish(KeyView { confirmed: Some(Instant::now()), ..view(&world.key) });
            world.keys.asked().await;
            sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        () = confirming => {}
        () = world.until(|world| world.queue.left() == 0) => {}
    }
    assert_eq!(world.queue.codes(), vec!["KID_UNKNOWN"; 40], "none ran out of receives");
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_new_key_waits_until_its_key_arrives() {
    let newer = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let world = world(Script::takes(Duration::ZERO));
    world.queue.send(&newer.body());
    world.keys.asked().await;
    sleep(Duration::from_mins(5)).await;
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
    assert!(began.elapsed() < Duration::from_mins(1));
    assert!(world.queue.letters().is_empty());
}

/// A handler that goes away when it is first handed an event, and the word that it is back.
fn goes_away() -> (Script, watch::Sender<bool>) {
    let (ready, receiver) = watch::channel(true);
    let (back, mut is_first) = (ready.clone(), true);
    let script = Script::new(move |_| {
        if std::mem::take(&mut is_first) {
            ready.send_replace(false);
            return (Duration::ZERO, HandlerAnswer::Unreachable);
        }
        (Duration::ZERO, HandlerAnswer::Done)
    });
    (Script { ready: receiver, ..script }, back)
}

#[tokio::test(start_paused = true)]
async fn what_is_held_while_the_handler_is_away_waits_for_it_and_uses_up_nothing() {
    let (script, back) = goes_away();
    // The second receive would be the last.
    let world = world_with(script, Settings { max_receive_count: 2, max_attempts: 1, ..settings() }, true);
    world.queue.send(&world.event(1));
    sleep(Duration::from_hours(1)).await;
    assert_eq!((world.handler.attempts(), world.queue.left()), (vec![1], 1));
    let receives = world.queue.receives();
    back.send_replace(true);
    world.until(|world| world.queue.left() == 0).await;
    assert_eq!(world.handler.attempts(), [1, 1]);
    assert!(world.queue.heartbeats() >= 100 && receives <= 2, "{receives}");
    assert!(world.drained().await.0.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_the_handler_goes_back_when_draining_begins() {
    let (script, _back) = goes_away();
    let world = world(script);
    world.queue.send(&world.event(1));
    world.until(|world| world.handler.got.lock().unwrap().len() == 1).await;
    let began = Instant::now();
    let (queue, _) = world.drained().await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!((queue.left(), queue.visible()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn on_its_last_receive_an_unknown_kid_is_the_verdict_when_it_cannot_wait_any_more() {
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let settings = Settings { max_receive_count: 1, max_in_flight: 4, ..settings() };
    let world = world_with(Script::takes(Duration::ZERO), settings, true);
    // One waits and three find no place.
    for _ in 0..4 {
        world.queue.send(&stranger.body());
    }
    world.until(|world| world.queue.left() == 1).await;
    assert_eq!(world.queue.codes(), ["KID_UNKNOWN"; 3]);
    assert_eq!(world.drained().await.0.codes(), ["KID_UNKNOWN"; 4]);
}

#[tokio::test(start_paused = true)]
async fn without_places_and_keys_for_an_hour_an_unknown_kid_keeps_its_receives() {
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let world = world_with(Script::takes(Duration::ZERO), Settings { max_in_flight: 4, ..settings() }, true);
    for _ in 0..4 {
        world.queue.send(&stranger.body());
    }
    sleep(Duration::from_hours(1)).await;
    assert!(world.queue.letters().is_empty());
    world.keys.publish(KeyView { confirmed: Some(Instant::now()), ..view(&world.key) });
    let confirming = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            world.keys.publish(KeyView { confirmed: Some(Instant::now()), ..view(&world.key) });
        }
    };
    tokio::select! {
        () = confirming => {}
        () = world.until(|world| world.queue.left() == 0) => {}
    }
    assert_eq!(world.queue.codes(), ["KID_UNKNOWN"; 4]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_confirmed_keys_alone_is_not_kept_waiting_by_what_waits_for_configuration() {
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let world = world_with(Script::takes(Duration::ZERO), Settings { max_in_flight: 4, ..settings() }, true);
    world.queue.send(&stranger.body());
    world.keys.asked().await;
    // By now the configuration knows what fed the inbox when this one was sent.
    world.queue.send_at(Millis(NOW.0 - 300_000), &stranger.body(), Attributes::new());
    world.keys.asked().await;
    world.keys.publish(KeyView { confirmed: Some(Instant::now()), ..view(&world.key) });
    sleep(Duration::from_secs(2)).await;
    assert_eq!((world.queue.codes(), world.queue.left()), (vec!["KID_UNKNOWN".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn of_two_places_unknown_kids_of_any_age_hold_one() {
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let world = world_with(Script::takes(Duration::ZERO), Settings { max_in_flight: 2, ..settings() }, true);
    world.queue.send(&stranger.body());
    world.queue.send_at(Millis(NOW.0 - 300_000), &stranger.body(), Attributes::new());
    world.queue.send(&world.event(1));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(world.handler.attempts(), [1]);
}
