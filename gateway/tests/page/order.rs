//! The page's order is the timeline's, whatever comes in which order.

use eventing::time::Micros;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::world::{PAYMENT, World, step};

/// The module is the page's own, loaded by the browser from the gateway; the order is the journal's: signed time to the
/// microsecond, then arrival, then key.
#[tokio::test]
async fn events_in_any_order_and_number_are_the_timeline() {
    let world = World::new().await;
    let (_replica, _path, browser) = world.page().await;
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    for _ in 0..20 {
        let mut entries: Vec<_> = (1..=60)
            .map(|name| {
                let mut entry = step(name, 0, "Payment.Initiated.v1", PAYMENT, json!({}));
                let fraction = ["", ".5", ".500000", ".500001", ".123456789"][random.random_range(0..5)];
                entry.ts = format!("2026-11-23T08:00:0{}{fraction}Z", random.random_range(0..4));
                entry.position = random.random_range(1..30);
                entry
            })
            .collect();
        entries
            .sort_by_key(|entry| (Micros::parse_rfc3339(&entry.ts).unwrap(), entry.position, entry.event_key.clone()));
        let expected: Vec<Value> = entries.iter().map(|entry| json!(entry.event_key)).collect();
        entries.extend_from_within(20..40);
        entries.shuffle(&mut random);
        let script = format!(
            "return import('/page/timeline.js').then(({{ Timeline }}) => {{
               const timeline = new Timeline();
               for (const event of {}) {{
                 // Some come ahead of the journal first, without a position.
                 if (event.eventKey < '20') timeline.add({{ ...event, position: undefined }});
                 timeline.add(event);
               }}
               return timeline.steps.map((step) => step.key);
             }})",
            serde_json::to_string(&entries).unwrap()
        );
        assert_eq!(browser.script(&script).await, Value::Array(expected));
    }
}
