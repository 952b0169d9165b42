#![allow(clippy::unwrap_used)]

use eventing::types::Resource;

use super::*;
use crate::event::NewEvent;
use crate::store::{EventReader as _, EventStore as _, Location};
use crate::testing::event;

async fn store() -> SurrealStore {
    SurrealStore::open(&Location::Memory).await.unwrap()
}

/// An event that entered the queue at this time.
fn sent(name: &str, at: i64) -> NewEvent {
    let resource = format!("urn:qsl:teller:loan:{name}");
    NewEvent { sent_at: Millis(at), ..event(name).resource(&resource).build() }
}

async fn positions(store: &SurrealStore) -> Vec<u64> {
    store.changes(0, 100).await.unwrap().iter().map(|entry| entry.position).collect()
}

/// What is left of what arrived together, by the last position of each.
async fn arrivals(store: &SurrealStore) -> Vec<i64> {
    store.rows("read", "SELECT VALUE record::id(id) FROM event_arrival".to_owned(), object! {}).await.unwrap()
}

#[tokio::test]
async fn what_is_older_goes_in_parts_and_what_is_not_stays() {
    let store = store().await;
    let batch: Vec<NewEvent> = (1..=7).map(|at| sent(&format!("e-{at}"), at * 10)).collect();
    store.append(&batch).await.unwrap();
    assert_eq!(store.prune_events(Millis(60), 3).await.unwrap(), Pruned { removed: 3, last: 3 });
    assert_eq!(positions(&store).await, [4, 5, 6, 7]);
    // The sixth entered at just that time.
    assert_eq!(store.prune_events(Millis(60), 3).await.unwrap(), Pruned { removed: 2, last: 5 });
    assert_eq!(store.prune_events(Millis(60), 3).await.unwrap(), Pruned { removed: 0, last: 5 });
    assert_eq!(positions(&store).await, [6, 7]);
    assert_eq!(store.pruned().await.unwrap(), 5);
}

#[tokio::test]
async fn positions_go_on_although_everything_was_removed() {
    let store = store().await;
    store.append(&[sent("a", 10), sent("b", 20)]).await.unwrap();
    store.prune_events(Millis(100), 1).await.unwrap();
    assert_eq!(arrivals(&store).await, [2]);
    store.prune_events(Millis(100), 10).await.unwrap();
    assert!(positions(&store).await.is_empty() && arrivals(&store).await.is_empty());
    assert_eq!(store.append(&[sent("c", 110)]).await.unwrap().end, 3);
    assert_eq!(positions(&store).await, [3]);
}

#[tokio::test]
async fn what_arrives_together_is_kept_fifty_by_fifty_so_that_a_look_reads_little() {
    let store = store().await;
    let batch: Vec<NewEvent> = (1..=120).map(|at| sent(&format!("e-{at}"), at)).collect();
    store.append(&batch).await.unwrap();
    assert_eq!(arrivals(&store).await, [50, 100, 120]);
    store.prune_events(Millis(1_000), 60).await.unwrap();
    assert_eq!((arrivals(&store).await, positions(&store).await.first()), (vec![100, 120], Some(&61)));
}

#[tokio::test]
async fn one_that_came_before_its_elders_keeps_them_until_it_may_go() {
    let store = store().await;
    store.append(&[sent("a", 10), sent("b", 90), sent("c", 20)]).await.unwrap();
    assert_eq!(store.prune_events(Millis(50), 10).await.unwrap(), Pruned { removed: 1, last: 1 });
    assert_eq!(positions(&store).await, [2, 3]);
    assert_eq!(store.prune_events(Millis(100), 10).await.unwrap(), Pruned { removed: 2, last: 3 });
}

/// The last microsecond that RFC 3339 can write.
const LAST: i64 = 253_402_300_799_999_999;

#[tokio::test]
async fn a_resource_is_known_as_long_as_the_event_it_stands_by() {
    let store = store().await;
    let loan = Resource::parse("urn:qsl:teller:loan:a").unwrap();
    let repaid = NewEvent { sent_at: Millis(90), ..event("z").resource(loan.as_str()).ts(LAST).build() };
    store.append(&[sent("a", 10), repaid]).await.unwrap();
    store.prune_events(Millis(50), 10).await.unwrap();
    assert!(store.projection(&loan).await.unwrap().is_some());
    store.prune_events(Millis(100), 10).await.unwrap();
    assert_eq!(store.projection(&loan).await.unwrap(), None);
}

#[tokio::test]
async fn removing_and_recording_at_the_same_time_lose_nothing() {
    let store = store().await;
    // All of one resource, so that both write how it stands.
    let at = |n: i64| NewEvent { sent_at: Millis(n), ..event(&format!("e-{n}")).ts(n).build() };
    let recording = async {
        for n in 1..=60 {
            store.append(&[at(n)]).await.unwrap();
        }
    };
    let removing = async {
        let mut removed = 0;
        while removed < 40 {
            // Another transaction may be in the way; the retention's loop comes again.
            removed += store.prune_events(Millis(41), 3).await.map_or(0, |pruned| pruned.removed);
            tokio::task::yield_now().await;
        }
        removed
    };
    let ((), removed) = tokio::join!(recording, removing);
    assert_eq!(removed, 40);
    assert_eq!(positions(&store).await, (41..=60).collect::<Vec<_>>());
    assert!(store.projection(&Resource::parse("urn:qsl:teller:loan:l-1").unwrap()).await.unwrap().is_some());
}
