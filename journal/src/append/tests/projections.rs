//! How a resource stands is the same whichever way its events come: early, late, twice, in batches of any size.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

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

/// A store in miniature: what the decision is told next time is what it changed.
fn record(batches: &[Vec<NewEvent>]) -> HashMap<String, Projection> {
    let (mut end, mut recorded, mut standing) = (0, HashMap::new(), HashMap::new());
    for batch in batches {
        let projections = standing.clone();
        let changes = append(batch, Known { end, recorded: recorded.clone(), projections });
        end = changes.end;
        recorded.extend(changes.new.iter().map(|placed| (placed.event.key, placed.ids.clone())));
        recorded.extend(changes.ids.iter().cloned());
        for projection in changes.projections {
            standing.insert(Resource::parse(&projection.resource).unwrap(), projection);
        }
    }
    standing.into_iter().map(|(resource, projection)| (resource.to_string(), projection)).collect()
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

proptest! {
    #[test]
    fn in_any_order_with_any_copies_each_resource_stands_as_its_latest_signed_event_says(
        (told, order, sizes) in vec(told(), 1..25).prop_flat_map(|told| {
            // Each event comes one to three times.
            let copies: Vec<usize> = (0..told.len()).flat_map(|n| std::iter::repeat_n(n, 1 + n % 3)).collect();
            (Just(told), Just(copies).prop_shuffle(), vec(1..6_usize, 1..10))
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
        let standing: HashMap<String, (String, i64, String)> = record(&batches)
            .into_iter()
            .map(|(resource, now)| (resource, (now.status, now.last_updated, now.event_key)))
            .collect();
        prop_assert_eq!(standing, latest(&events));
    }
}
