//! How a resource stands is the same whichever way its events come: early, late, twice, in batches of any size.

use proptest::collection::vec;
use proptest::prelude::*;

use std::collections::HashMap;

use super::*;
use crate::event::NewEvent;

/// An event of one of three resources, at one of few times, so that many share theirs.
#[derive(Clone, Copy, Debug)]
struct Told {
    resource: u8,
    action: u8,
    ts: i64,
    signed: bool,
}

fn told() -> impl Strategy<Value = Told> {
    (0..3_u8, 0..4_u8, 0..6_i64, prop::bool::weighted(0.8)).prop_map(|(resource, action, ts, signed)| Told {
        resource,
        action,
        ts,
        signed,
    })
}

fn events(told: &[Told]) -> Vec<NewEvent> {
    const ACTIONS: [&str; 4] = ["Opened", "Granted", "Repaid", "Closed"];
    told.iter()
        .enumerate()
        .map(|(n, Told { resource, action, ts, signed })| {
            event(&format!("e-{n}"))
                .resource(&format!("urn:qsl:teller:loan:l-{resource}"))
                .detail_type(&format!("Loan.{}.v1", ACTIONS[usize::from(*action)]))
                .ts(*ts)
                .envelope_verified(*signed)
                .build()
        })
        .collect()
}

/// The latest signed event of each resource, by its time and, of those of one time, its key.
fn latest(events: &[NewEvent]) -> HashMap<String, (String, i64, String)> {
    let mut latest: HashMap<String, (String, i64, String)> = HashMap::new();
    for event in events.iter().filter(|event| event.envelope_verified) {
        let this = (event.status().to_owned(), event.ts.0, event.key.to_string());
        let standing = latest.entry(event.resource.to_string()).or_insert_with(|| this.clone());
        if (this.1, &this.2) > (standing.1, &standing.2) {
            *standing = this;
        }
    }
    latest
}

/// How a store tells that they stand.
async fn told_by_a_store(
    batches: &[Vec<NewEvent>],
    resources: impl Iterator<Item = &String>,
) -> HashMap<String, (String, i64, String)> {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    for batch in batches {
        store.append(batch).await.unwrap();
    }
    let mut standing = HashMap::new();
    for resource in resources {
        let told = store.projection(&Resource::parse(resource).unwrap()).await.unwrap();
        standing.extend(told.map(|now| (now.resource, (now.status, now.last_updated, now.event_key))));
    }
    standing
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn in_any_order_with_any_copies_each_resource_stands_as_its_latest_signed_event_says(
        (told, order, sizes) in vec(told(), 1..40).prop_flat_map(|told| {
            // Each event comes one to three times.
            let copies: Vec<usize> = (0..told.len()).flat_map(|n| std::iter::repeat_n(n, 1 + n % 3)).collect();
            (Just(told), Just(copies).prop_shuffle(), vec(1..30_usize, 1..10))
        })
    ) {
        let events = events(&told);
        let (mut arrivals, mut batches) = (order.iter().map(|n| events[*n].clone()).peekable(), Vec::new());
        for size in sizes.iter().cycle() {
            if arrivals.peek().is_none() {
                break;
            }
            batches.push(arrivals.by_ref().take(*size).collect::<Vec<_>>());
        }
        let resources: Vec<String> = (0..3).map(|n| format!("urn:qsl:teller:loan:l-{n}")).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let standing = runtime.block_on(told_by_a_store(&batches, resources.iter()));
        prop_assert_eq!(standing, latest(&events));
    }
}
