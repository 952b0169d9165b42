//! What came after a position: nothing is missed, by nobody, across restarts.

use std::collections::BTreeSet;

use eventing::time::Millis;
use eventing_http::{Changes, LINES};
use futures::{FutureExt as _, StreamExt as _};
use tempfile::TempDir;

use super::*;
use crate::store::RetentionStore as _;

/// The positions of one answer, and where to go on.
async fn step(journal: &Journal, after: u64, limit: usize) -> (Vec<u64>, u64) {
    let (status, answer) = journal.get(&format!("/v1/changes?after={after}&wait=5&limit={limit}")).await;
    assert_eq!(status, 200, "{answer}");
    let changes = answer["changes"].as_array().unwrap();
    (changes.iter().map(|entry| entry["position"].as_u64().unwrap()).collect(), answer["position"].as_u64().unwrap())
}

/// Follows from a position, once that was given, to another, and says what it was told.
async fn follow(journal: &Journal, from: u64, to: u64, limit: usize) -> Vec<u64> {
    journal.end.clone().wait_for(|end| *end >= from).await.unwrap();
    let (mut after, mut seen) = (from, Vec::new());
    while after < to {
        let (positions, position) = step(journal, after, limit).await;
        seen.extend(positions);
        after = position;
    }
    seen
}

/// Writers that come and go, so that batches of every size meet the readers.
async fn write(journal: &Journal, from: u64, to: u64) {
    let writers = (0..4).map(async |writer| {
        for n in (from..to).filter(|n| n % 4 == writer) {
            journal.recorder.record(event(&format!("e-{n}")).build()).await.unwrap();
            if n % 3 == 0 {
                // A copy takes no position.
                journal.recorder.record(event(&format!("e-{n}")).id("again").build()).await.unwrap();
            }
        }
    });
    futures::future::join_all(writers).await;
}

async fn open(folder: &TempDir) -> SurrealStore {
    let location = Location::Folder(folder.path().to_owned());
    // A store that was just dropped gives its lock back in the background.
    for _ in 0..200 {
        if let Ok(store) = SurrealStore::open(&location).await {
            return store;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    SurrealStore::open(&location).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_from_each_position_miss_nothing_while_it_is_written_and_across_a_restart() {
    const FIRST: u64 = 60;
    const ALL: u64 = 120;
    let folder = TempDir::new().unwrap();
    let mut left_at = Vec::new();
    {
        let journal = over(open(&folder).await).await;
        let readers = (0..FIRST).map(async |from| {
            // Each goes away at another place, in the middle of what it reads.
            let until = from + 1 + from % 7;
            let seen = follow(&journal, from, until.min(FIRST), 1 + usize::try_from(from % 5).unwrap()).await;
            (from, seen)
        });
        let ((), seen) = tokio::join!(write(&journal, 0, FIRST), futures::future::join_all(readers));
        for (from, seen) in seen {
            assert_eq!(seen, (from + 1..=from + seen.len() as u64).collect::<Vec<_>>(), "from {from}");
            left_at.push(from + seen.len() as u64);
        }
    }
    let journal = over(open(&folder).await).await;
    let readers = left_at.into_iter().map(async |from| (from, follow(&journal, from, ALL, 13).await));
    let ((), seen) = tokio::join!(write(&journal, FIRST, ALL), futures::future::join_all(readers));
    for (from, seen) in seen {
        assert_eq!(seen, (from + 1..=ALL).collect::<Vec<_>>(), "from {from}");
    }
    // What was written is what was told.
    let events = journal.get("/v1/events?limit=1000").await.1;
    let keys: BTreeSet<&str> =
        events["events"].as_array().unwrap().iter().map(|entry| entry["eventKey"].as_str().unwrap()).collect();
    assert_eq!(keys.len() as u64, ALL);
}

#[tokio::test]
async fn a_journal_that_was_opened_again_is_the_same_and_one_that_began_anew_is_another() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let generation = async |folder: &TempDir| {
        let journal = over(open(folder).await).await;
        let (_, answer) = journal.get("/v1/changes?after=0").await;
        answer["generation"].as_u64().unwrap()
    };
    let first = generation(&folder).await;
    assert_eq!(generation(&folder).await, first);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_ne!(generation(&other).await, first);
}

#[tokio::test]
async fn who_asks_for_what_retention_removed_goes_on_behind_it() {
    let store = SurrealStore::open(&Location::Memory).await.unwrap();
    let journal = over(store.clone()).await;
    for n in 0..5 {
        journal.recorder.record(event(&format!("e-{n}")).build()).await.unwrap();
    }
    let long_after = Millis(i64::MAX);
    assert_eq!(store.prune_events(long_after, 3).await.unwrap().last, 3);
    // A first position that is not the next says that something is gone.
    assert_eq!(step(&journal, 1, 10).await, (vec![4, 5], 5));
    assert_eq!(store.prune_events(long_after, 3).await.unwrap().last, 5);
    assert_eq!(step(&journal, 1, 10).await, (vec![], 5));
    journal.recorder.record(event("e-5").build()).await.unwrap();
    assert_eq!(step(&journal, 5, 10).await, (vec![6], 6));
}

#[tokio::test]
async fn a_waiting_caller_is_answered_when_something_is_recorded() {
    let journal = journal().await;
    journal.recorder.record(event("a").build()).await.unwrap();
    let waiting = journal.get("/v1/changes?after=1&wait=30");
    let recording = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        journal.recorder.record(event("b").build()).await.unwrap();
    };
    let ((_, answer), ()) = tokio::join!(waiting, recording);
    assert_eq!(answer["position"], 2);
    assert_eq!(answer["changes"][0]["position"], 2);
}

#[tokio::test]
async fn a_caller_without_a_position_or_beyond_the_end_is_told_the_end() {
    let journal = journal().await;
    journal.recorder.record(event("a").build()).await.unwrap();
    for path in ["/v1/changes?wait=30", "/v1/changes?after=9&wait=30"] {
        let (_, answer) = journal.get(path).await;
        assert_eq!((&answer["changes"], &answer["position"]), (&serde_json::json!([]), &1.into()));
    }
}

/// The lines of an answer that goes on, as they come: the positions of each, and where to go on.
async fn lines(journal: &Journal, path: &str) -> impl futures::Stream<Item = (Vec<u64>, u64)> + use<> {
    let request = Request::get(path).header("authorization", "Bearer shop/window").header("accept", LINES);
    let answer = journal.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], LINES);
    answer.into_body().into_data_stream().map(|line| {
        let line = line.unwrap();
        assert!(line.ends_with(b"\n"), "a piece is a line");
        let changes: Changes = serde_json::from_slice(&line).unwrap();
        (changes.changes.iter().map(|entry| entry.position).collect(), changes.position)
    })
}

#[tokio::test]
async fn who_accepts_lines_gets_one_for_each_time_something_is_recorded_until_its_wait_is_over() {
    let journal = journal().await;
    for n in 0..3 {
        journal.recorder.record(event(&format!("e-{n}")).build()).await.unwrap();
    }
    let begun = tokio::time::Instant::now();
    let mut lines = Box::pin(lines(&journal, "/v1/changes?after=0&wait=5&limit=2").await);
    assert_eq!(lines.next().await, Some((vec![1, 2], 2)));
    assert_eq!(lines.next().await, Some((vec![3], 3)));
    for n in 4..7 {
        // One that is not recorded yet is waited for.
        assert!(lines.next().now_or_never().is_none());
        journal.recorder.record(event(&format!("e-{n}")).build()).await.unwrap();
        assert_eq!(lines.next().await, Some((vec![n], n)));
    }
    assert_eq!(lines.next().await, None);
    assert!(begun.elapsed() >= Duration::from_secs(5), "it ended before the time");
}

#[tokio::test]
async fn an_answer_of_lines_ends_with_the_writer_and_begins_with_the_end_where_no_position_is_asked_for() {
    let Journal { routes, recorder, end } = journal().await;
    recorder.record(event("a").build()).await.unwrap();
    let journal = Journal { routes, recorder, end };
    let mut lines = Box::pin(lines(&journal, "/v1/changes?wait=60&limit=2").await);
    assert_eq!(lines.next().await, Some((vec![], 1)));
    // The last recorder is gone, so the writer ends.
    drop(journal);
    let ended = tokio::time::timeout(Duration::from_secs(20), lines.next()).await;
    assert_eq!(ended.unwrap(), None);
}
