//! What the metrics say of what happened.

use super::site::{DAY, Site, lamps, set, until};
use super::*;
use crate::attributes::Attributes;

#[tokio::test(start_paused = true)]
async fn times_are_of_the_queue_of_the_handler_and_of_the_whole_way() {
    let mut site = Site::with_inbox();
    site.handler = Arc::new(Script::takes(Duration::from_secs(2)));
    // Signed now, it enters the queue after a minute, and is received after another two.
    let signed = site.clock.now();
    site.queue.send_at(signed.plus(Duration::from_mins(1)), &event_at(&site.key, 1, signed), Attributes::new());
    sleep(Duration::from_mins(3)).await;
    site.mount_set(&set(&lamps(), 7, &[&site.key], DAY));
    site.consume();
    until(|| site.metric("end_to_end_seconds_count") == Some(1.0)).await;
    let about = |name: &str, seconds: f64| {
        let sum = site.metric(&format!("{name}_sum")).unwrap();
        assert!((seconds..seconds + 10.0).contains(&sum), "{name}: {sum}");
    };
    about("queue_seconds", 120.0);
    about("handling_seconds", 2.0);
    about("end_to_end_seconds", 182.0);
    let issued = site.metric(r#"key_set_issue_timestamp_seconds{bus="harbour/lamps"}"#).unwrap();
    let expected = f64::from(i32::try_from(NOW.seconds()).unwrap());
    assert!((issued - expected).abs() < 0.5, "{issued}");
}

#[tokio::test(start_paused = true)]
async fn what_verification_refuses_is_counted_apart_from_what_the_handler_does() {
    let mut site = Site::with_inbox();
    site.handler = Arc::new(Script::answers([HandlerAnswer::from_status(422, None)]));
    site.mount_set(&set(&lamps(), 7, &[&site.key], DAY));
    site.consume();
    site.queue.send(b"no event").send(b"another");
    site.send(&site.key, 1);
    until(|| site.queue.codes().len() == 3).await;
    let counted = |labels: &str| site.metric(&format!("dead_letters_total{{{labels}}}"));
    until(|| counted(r#"code="HANDLER_REJECTED",stage="handle""#) == Some(1.0)).await;
    assert_eq!(counted(r#"code="BODY_MALFORMED",stage="verify""#), Some(2.0));
}
