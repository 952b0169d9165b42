#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use eventing::types::CorrelationId;
use eventing_http::EventFilter;
use tempfile::TempDir;

mod projections;
mod reading;

use super::*;
use crate::testing::event;

/// Opens the folder; a store that was just dropped gives its lock back in the background.
async fn open(folder: &TempDir) -> SurrealStore {
    let location = Location::Folder(folder.path().to_owned());
    for _ in 0..100 {
        match SurrealStore::open(&location).await {
            Ok(store) => return store,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    SurrealStore::open(&location).await.unwrap()
}

/// A part of a correlation's events.
fn of(story: &str, after: Option<Cursor>, limit: usize) -> Asked {
    let correlation_id = Some(CorrelationId::parse(story).unwrap());
    Asked { filter: EventFilter { correlation_id, ..EventFilter::default() }, after, limit, bodies: false }
}

fn read(page: &Page) -> Vec<Entry> {
    page.entries.iter().map(|told| told.read().unwrap()).collect()
}

fn keys(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.event_bridge_ids[0].as_str()).collect()
}

#[tokio::test]
async fn a_redelivery_changes_nothing_but_the_list_of_ids() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let first = [event("a").build()];
    assert_eq!(store.append(&first).await.unwrap(), Appended { new: 1, copies: 0, end: 1 });
    assert_eq!(store.append(&first).await.unwrap(), Appended { new: 0, copies: 1, end: 1 });
    let again = event("a").id("eb-2").ts(5).correlation("other").build();
    assert_eq!(store.append(&[again]).await.unwrap(), Appended { new: 0, copies: 1, end: 1 });
    let changes = store.changes(0, 10).await.unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].event_bridge_ids, ["eb-a", "eb-2"]);
    assert_eq!(changes[0].correlation_id, "story-1");
}

#[tokio::test]
async fn what_was_recorded_is_there_after_a_reopen_and_positions_go_on() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    store.append(&[event("a").build(), event("b").build()]).await.unwrap();
    drop(store);
    let store = open(&folder).await;
    assert_eq!(store.end().await.unwrap(), 2);
    assert_eq!(store.append(&[event("b").build(), event("c").build()]).await.unwrap().end, 3);
    let changes = store.changes(0, 10).await.unwrap();
    assert_eq!(changes.iter().map(|entry| entry.position).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(keys(&changes), ["eb-a", "eb-b", "eb-c"]);
    assert_eq!(changes[0].detail_core.get(), r#"{"amount":0.1}"#);
}

#[tokio::test]
async fn a_timeline_is_one_correlations_by_signed_time_then_position() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let batch = [
        event("late").ts(30).build(),
        event("same-1").ts(20).build(),
        event("same-2").ts(20).build(),
        event("other").ts(15).correlation("story-2").build(),
    ];
    store.append(&batch).await.unwrap();
    store.append(&[event("early").ts(10).build()]).await.unwrap();
    let page = store.events(&of("story-1", None, 10)).await.unwrap();
    assert_eq!(keys(&read(&page)), ["eb-early", "eb-same-1", "eb-same-2", "eb-late"]);
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn a_timeline_is_paged_without_gap_or_double() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let batch: Vec<_> = (0..7).map(|n| event(&format!("e-{n}")).ts(n / 3).build()).collect();
    store.append(&batch).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.events(&of("story-1", after, 2)).await.unwrap();
        seen.extend(read(&page).iter().map(|entry| entry.position));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn changes_are_read_from_any_position_in_order() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let batch: Vec<_> = (0..20).map(|n| event(&format!("e-{n}")).build()).collect();
    store.append(&batch).await.unwrap();
    let positions = |entries: Vec<Entry>| entries.iter().map(|entry| entry.position).collect::<Vec<_>>();
    assert_eq!(positions(store.changes(4, 3).await.unwrap()), [5, 6, 7]);
    assert_eq!(positions(store.changes(18, 10).await.unwrap()), [19, 20]);
    assert!(store.changes(20, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_resource_stands_as_its_latest_signed_event_says_late_or_twice() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let loan = Resource::parse("urn:qsl:teller:loan:l-1").unwrap();
    let at = |name: &str, action: &str, ts| event(name).detail_type(&format!("Loan.{action}.v1")).ts(ts).build();
    store.append(&[at("b", "Repaid", 200)]).await.unwrap();
    store.append(&[at("a", "Granted", 100)]).await.unwrap();
    store.append(&[at("b", "Repaid", 200)]).await.unwrap();
    let standing = store.projection(&loan).await.unwrap().unwrap();
    assert_eq!((standing.status.as_str(), standing.last_updated), ("Repaid", 200));
    store.append(&[at("c", "Closed", 300)]).await.unwrap();
    assert_eq!(store.projection(&loan).await.unwrap().unwrap().status, "Closed");
    let other = Resource::parse("urn:qsl:teller:loan:l-2").unwrap();
    assert_eq!(store.projection(&other).await.unwrap(), None);
}

#[tokio::test]
async fn an_unsigned_envelope_tells_nothing_of_the_resource_it_names() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let loan = Resource::parse("urn:qsl:teller:loan:l-1").unwrap();
    let unsigned = |n: i64| event(&format!("u-{n}")).ts(1_000 + n).envelope_verified(false).build();
    store.append(&(0..30).map(unsigned).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(store.projection(&loan).await.unwrap(), None);
    store.append(&[event("a").ts(5).build()]).await.unwrap();
    assert_eq!(store.projection(&loan).await.unwrap().unwrap().last_updated, 5);
}

#[tokio::test]
async fn what_has_no_user_tenant_or_time_is_recorded_too() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    let mut bare = event("a").resource("urn:qsl:teller:loan:`x`:';\\").build();
    (bare.user_id, bare.tenant_id, bare.time) = (None, Some("tenant-1".to_owned()), None);
    store.append(&[bare]).await.unwrap();
    let entry = store.changes(0, 1).await.unwrap().remove(0);
    assert_eq!((entry.user_id, entry.tenant_id.as_deref(), entry.time), (None, Some("tenant-1"), None));
}

#[tokio::test]
async fn a_database_that_works_takes_a_probe() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    store.probe().await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(store.end().await.unwrap(), 0);
}
