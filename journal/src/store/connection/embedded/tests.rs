#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::OpenOptions;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::store::{EventStore as _, SurrealStore};
use crate::testing::event;

/// The engine's log is made of blocks of so many bytes.
const BLOCK: u64 = 32 << 10;

async fn open(folder: &TempDir) -> SurrealStore {
    SurrealStore::open(&Location::Folder(folder.path().to_owned())).await.unwrap()
}

/// The folder as a kill of who has it open now would leave it.
fn killed(folder: &TempDir) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_all(folder.path(), copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.unwrap(), to.to_owned());
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&to).unwrap();
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn last_log(folder: &TempDir) -> PathBuf {
    let files = fs::read_dir(folder.path().join("wal")).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.is_file()).max().unwrap()
}

/// Cuts the log in the middle of its last record, as a kill does that comes while it is written.
fn cut(folder: &TempDir, to: impl Fn(u64) -> u64) {
    let log = OpenOptions::new().write(true).open(last_log(folder)).unwrap();
    log.set_len(to(log.metadata().unwrap().len())).unwrap();
}

async fn keys(store: &SurrealStore) -> Vec<String> {
    store.changes(0, 10).await.unwrap().into_iter().map(|mut entry| entry.event_bridge_ids.remove(0)).collect()
}

/// A database killed while it wrote its second event, of which it has the log up to there.
async fn half_written(to: impl Fn(u64) -> u64) -> TempDir {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    store.append(&[event("a").build()]).await.unwrap();
    store.append(&[event("b").body(&"x".repeat(200_000)).build()]).await.unwrap();
    let left = killed(&folder);
    cut(&left, to);
    left
}

async fn outlives_the_next_kill(left: TempDir) {
    let store = open(&left).await;
    assert_eq!(keys(&store).await, ["eb-a"]);
    store.append(&[event("c").build()]).await.unwrap();
    let left_again = killed(&left);
    assert_eq!(keys(&open(&left_again).await).await, ["eb-a", "eb-c"]);
}

#[tokio::test]
async fn what_is_written_after_half_a_record_outlives_the_next_kill() {
    // The engine takes a half that ends with a block for the log's end.
    outlives_the_next_kill(half_written(|length| length / BLOCK * BLOCK).await).await;
}

#[tokio::test]
async fn what_is_written_after_a_repair_outlives_the_next_kill() {
    outlives_the_next_kill(half_written(|length| length - 10).await).await;
}

#[tokio::test]
async fn half_a_copy_that_a_repair_left_spoils_nothing() {
    let left = half_written(|length| length - 10).await;
    fs::create_dir(left.path().join("wal/repair_temp")).unwrap();
    fs::write(left.path().join("wal/repair_temp/00000000000000000000.wal"), "half a copy").unwrap();
    outlives_the_next_kill(left).await;
}

#[tokio::test]
async fn of_a_database_that_was_not_closed_the_log_is_gone_once_it_is_open() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await;
    store.append(&[event("a").build()]).await.unwrap();
    let left = killed(&folder);
    let before = last_log(&left);
    let again = open(&left).await;
    assert_ne!(last_log(&left), before, "what it held is in the tables");
    assert!(!before.exists());
    assert_eq!(keys(&again).await, ["eb-a"]);
    // Whoever has it open keeps it: nobody waits for him.
    assert!(SurrealStore::open(&Location::Folder(left.path().to_owned())).await.is_err());
}
