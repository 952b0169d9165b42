#![allow(clippy::unwrap_used)]

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::event::NewEvent;
use crate::store::{EventStore as _, SurrealStore};
use crate::testing::event;

async fn open(folder: &TempDir) -> Result<SurrealStore, StoreError> {
    SurrealStore::open(&Location::Folder(folder.path().to_owned())).await
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

/// The log that is written to.
fn log(folder: &TempDir) -> PathBuf {
    let files = fs::read_dir(home(folder.path())).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "log")).max().unwrap()
}

async fn keys(store: &SurrealStore) -> Vec<String> {
    store.changes(0, 10).await.unwrap().into_iter().flat_map(|entry| entry.event_bridge_ids).collect()
}

fn large(name: &str) -> NewEvent {
    event(name).body(&"x".repeat(200_000)).build()
}

#[tokio::test]
async fn what_is_written_after_half_a_record_outlives_the_next_kill() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await.unwrap();
    store.append(&[event("a").build()]).await.unwrap();
    let before = fs::metadata(log(&folder)).unwrap().len();
    store.append(&[large("b")]).await.unwrap();
    let left = killed(&folder);
    let log = fs::OpenOptions::new().write(true).open(log(&left)).unwrap();
    let whole = log.metadata().unwrap().len();
    assert!(whole > before + 100_000, "the second event is in the log");
    log.set_len(whole - 10).unwrap();

    let store = open(&left).await.unwrap();
    assert_eq!(keys(&store).await, ["eb-a"]);
    store.append(&[event("c").build()]).await.unwrap();
    let left_again = killed(&left);
    assert_eq!(keys(&open(&left_again).await.unwrap()).await, ["eb-a", "eb-c"]);
}

/// SurrealDB's client hands them down by the one statement of ours in `third-party`; without it they are silently ignored.
#[tokio::test]
async fn the_engine_has_the_settings_of_its_address() {
    let folder = TempDir::new().unwrap();
    let _store = open(&folder).await.unwrap();
    let files = fs::read_dir(home(folder.path())).unwrap().map(|file| file.unwrap().path());
    let options = files.filter(|file| file.to_string_lossy().contains("OPTIONS-")).max().unwrap();
    let options = fs::read_to_string(options).unwrap();
    for setting in [
        "level0_file_num_compaction_trigger=8",
        "level0_slowdown_writes_trigger=20",
        "level0_stop_writes_trigger=36",
        "WAL_size_limit_MB=0",
        "enable_blob_garbage_collection=false",
    ] {
        assert!(options.lines().any(|line| line.trim() == setting), "{setting}: {options}");
    }
}

#[tokio::test]
async fn whoever_has_it_open_keeps_it_and_nobody_waits_for_him() {
    let folder = TempDir::new().unwrap();
    let store = open(&folder).await.unwrap();
    let second = tokio::time::timeout(Duration::from_secs(10), open(&folder)).await.unwrap();
    assert!(is_open_elsewhere(&second.unwrap_err()));
    drop(store);
}
