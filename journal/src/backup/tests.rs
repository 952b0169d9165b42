#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use eventing::time::Millis;
use eventing::types::Resource;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::store::{EventReader as _, EventStore as _, Location, RetentionStore as _, SurrealStore};
use crate::testing::event;

async fn empty() -> SurrealStore {
    SurrealStore::open(&Location::Memory).await.unwrap()
}

/// 450 events of which the first 5 are forgotten, one of them under two ids.
async fn journal() -> SurrealStore {
    let store = empty().await;
    let batch: Vec<_> = (0..450).map(|n| event(&format!("e-{n}")).ts(n).build()).collect();
    store.append(&batch).await.unwrap();
    store.append(&[event("e-7").id("again").build()]).await.unwrap();
    let later = event("e-1").build().sent_at;
    store.prune_events(Millis(later.0 + 1), 5).await.unwrap();
    store
}

async fn backup(store: &SurrealStore) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(store, &mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn a_restored_journal_is_the_same_to_the_byte_of_its_backup() {
    let first = journal().await;
    let bytes = backup(&first).await;
    let second = empty().await;
    assert_eq!(restore(&second, bytes.as_slice()).await.unwrap(), 445);
    assert_eq!(backup(&second).await, bytes);
    let loan = Resource::parse("urn:qsl:teller:loan:l-1").unwrap();
    let standing = second.projection(&loan).await.unwrap();
    assert!(standing.is_some());
    assert_eq!(standing, first.projection(&loan).await.unwrap());
    assert_eq!(second.changes(0, 1).await.unwrap().remove(0).position, 6);
    // What comes next has the next position, and what is there is known.
    let next = [event("e-449").build(), event("new").build()];
    assert_eq!(second.append(&next).await.unwrap(), first.append(&next).await.unwrap());
}

#[tokio::test]
async fn a_backup_of_nothing_restores_to_nothing_and_positions_go_on() {
    let first = journal().await;
    while first.prune_events(Millis(i64::MAX), 500).await.unwrap().removed > 0 {}
    let second = empty().await;
    assert_eq!(restore(&second, backup(&first).await.as_slice()).await.unwrap(), 0);
    assert_eq!(second.append(&[event("new").build()]).await.unwrap().end, 451);
}

#[tokio::test]
async fn what_is_cut_off_or_changed_is_refused_with_the_reason() {
    let bytes = backup(&journal().await).await;
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let without = |gone: usize| -> String {
        lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| *line).collect()
    };
    let (without_last, without_one) = (without(lines.len() - 1), without(9));
    let changed = text.replacen("eb-e-9\"", "eb-e-x\"", 1);
    let unknown = text.replacen("\"source\":\"qsl.teller\"", "\"source\":\"teller\"", 1);
    let (before, behind) = text.split_once("\"ts\":").unwrap();
    let no_time = format!("{before}\"ts\":{},{}", i64::MAX, behind.split_once(',').unwrap().1);
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    for (given, reason) in [
        (without_last.as_str(), "it has no last line"),
        (without_one.as_str(), "it has not as many events as it says"),
        (changed.as_str(), "its hash is another one"),
        (unknown.as_str(), "line 2 is not an event: source"),
        (no_time.as_str(), "line 2 is not an event: ts"),
        (newer.as_str(), "line 1 is not the head"),
        ("", "line 1 is not the head"),
    ] {
        let said = restore(&empty().await, given.as_bytes()).await.unwrap_err().to_string();
        assert!(said.contains(reason), "{said}, not {reason}");
    }
}

#[tokio::test]
async fn nothing_is_restored_over_events() {
    let store = journal().await;
    let bytes = backup(&store).await;
    let said = restore(&store, bytes.as_slice()).await.unwrap_err().to_string();
    assert!(said.contains("up to position 450"), "{said}");
    assert_eq!(backup(&store).await, bytes);
}

#[tokio::test]
async fn the_process_that_has_the_database_open_gives_a_backup_and_no_other_is_asked() {
    let (folder, store) = (TempDir::new().unwrap(), journal().await);
    let mut taken = Vec::new();
    assert!(socket::take(folder.path(), &mut taken).await.is_none());
    let shutdown = CancellationToken::new();
    // One that was killed left this.
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("backup.sock")).unwrap());
    assert!(socket::take(folder.path(), &mut taken).await.is_none());
    let serving = tokio::spawn(socket::serve(folder.path().to_owned(), Arc::new(store.clone()), shutdown.clone()));
    let taken = loop {
        let mut taken = Vec::new();
        if let Some(done) = socket::take(folder.path(), &mut taken).await {
            done.unwrap();
            break taken;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(taken, backup(&store).await);
    shutdown.cancel();
    serving.await.unwrap().unwrap();
}
