#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::*;
use crate::entry::Entry;
use crate::store::{Location, SurrealStore};
use crate::testing::event;

/// A store that can be taken away, that can be slow, that takes nothing but probes, and whose database refuses the event
/// of this correlation.
struct Faulty {
    inner: SurrealStore,
    away: AtomicBool,
    full: AtomicBool,
    held: Mutex<()>,
    refused: &'static str,
}

impl Faulty {
    async fn new() -> Arc<Self> {
        let inner = SurrealStore::open(&Location::Memory).await.unwrap();
        let no = AtomicBool::default;
        Arc::new(Self { inner, away: no(), full: no(), held: Mutex::default(), refused: "poison" })
    }

    fn fails(&self, event: Option<&NewEvent>) -> Result<(), StoreError> {
        let refused = event.is_some_and(|event| event.correlation_id.as_str() == self.refused);
        if refused || self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Record { record: "a".to_owned(), reason: "away".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl EventStore for Faulty {
    async fn append(&self, batch: &[NewEvent]) -> Result<Appended, StoreError> {
        drop(self.held.lock().await);
        if self.full.load(Ordering::SeqCst) {
            let source = Box::new(surrealdb::Error::internal("no space left on device".to_owned()));
            return Err(StoreError::Commit { doing: "commit a batch", source });
        }
        batch.iter().try_for_each(|event| self.fails(Some(event)))?;
        self.inner.append(batch).await
    }

    async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.changes(after, limit).await
    }

    async fn end(&self) -> Result<u64, StoreError> {
        self.inner.end().await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.fails(None)?;
        self.inner.probe().await
    }

    async fn generation(&self) -> Result<u64, StoreError> {
        self.inner.generation().await
    }
}

async fn recorder(store: Arc<dyn EventStore>, limits: Limits) -> (Recorder, watch::Receiver<u64>) {
    let (recorder, writer, end) = Recorder::new(store, Metrics::default(), limits).await.unwrap();
    tokio::spawn(writer.run());
    (recorder, end)
}

#[tokio::test]
async fn events_that_arrive_together_are_all_recorded_and_answered() {
    let store = Faulty::new().await;
    let (recorder, end) = recorder(store.clone(), Limits { events: 10, ..Limits::default() }).await;
    let events = (0..35).map(|n| event(&format!("e-{n}")).build());
    let answers = join_all(events.map(|event| recorder.record(event))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(*end.borrow(), 35);
    assert_eq!(store.end().await.unwrap(), 35);
}

#[tokio::test]
async fn an_answer_comes_after_the_event_can_be_read() {
    let store = Faulty::new().await;
    let (recorder, _) = recorder(store.clone(), Limits::default()).await;
    recorder.record(event("a").build()).await.unwrap();
    assert_eq!(store.changes(0, 10).await.unwrap().len(), 1);
}

/// The recording of an event, once it shows that nothing is written.
async fn held(recorder: &Recorder) -> JoinHandle<Result<(), NotRecorded>> {
    let (mut writing, recorder) = (recorder.writing(), recorder.clone());
    let recording = tokio::spawn(async move { recorder.record(event("a").build()).await });
    writing.wait_for(|writing| !writing).await.unwrap();
    recording
}

#[tokio::test]
async fn while_the_database_is_away_events_are_held_and_then_recorded() {
    let store = Faulty::new().await;
    let (recorder, _) = recorder(store.clone(), Limits::default()).await;
    store.away.store(true, Ordering::SeqCst);
    let recording = held(&recorder).await;
    assert!(!recording.is_finished());
    store.away.store(false, Ordering::SeqCst);
    assert_eq!(recording.await.unwrap(), Ok(()));
    assert!(*recorder.writing().borrow());
}

#[tokio::test]
async fn an_event_the_database_refuses_does_not_stop_those_it_came_with() {
    let store = Faulty::new().await;
    let (recorder, _) = recorder(store.clone(), Limits::default()).await;
    let events = [event("a").build(), event("b").correlation("poison").build(), event("c").build()];
    let answers = join_all(events.into_iter().map(|event| recorder.record(event))).await;
    assert_eq!(answers, [Ok(()), Err(NotRecorded), Ok(())]);
    assert_eq!(store.end().await.unwrap(), 2);
}

#[tokio::test]
async fn a_writer_whose_recorders_are_gone_ends_though_the_database_is_away() {
    let store = Faulty::new().await;
    store.away.store(true, Ordering::SeqCst);
    let (recorder, writer, _) = Recorder::new(store, Metrics::default(), Limits::default()).await.unwrap();
    let recording = tokio::spawn(async move { recorder.record(event("a").build()).await });
    let writing = tokio::spawn(writer.run());
    tokio::time::sleep(Duration::from_millis(50)).await;
    recording.abort();
    tokio::time::timeout(Duration::from_secs(5), writing).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_database_that_takes_but_little_is_full_and_no_event_is_to_blame() {
    let store = Faulty::new().await;
    let (recorder, _) = recorder(store.clone(), Limits::default()).await;
    store.full.store(true, Ordering::SeqCst);
    let recording = held(&recorder).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!recording.is_finished());
    store.full.store(false, Ordering::SeqCst);
    assert_eq!(recording.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn while_the_database_is_slow_nothing_more_is_received_and_then_it_goes_on() {
    let store = Faulty::new().await;
    let limits = Limits { slow: Duration::from_millis(50), ..Limits::default() };
    let (recorder, _) = recorder(store.clone(), limits).await;
    let slow = store.held.lock().await;
    let recording = held(&recorder).await;
    assert!(!recording.is_finished());
    drop(slow);
    assert_eq!(recording.await.unwrap(), Ok(()));
    assert!(*recorder.writing().borrow());
    assert_eq!(store.end().await.unwrap(), 1);
}

#[tokio::test]
async fn receiving_goes_on_when_the_database_is_back_though_nobody_waits_for_what_was_held() {
    let store = Faulty::new().await;
    let (recorder, _) = recorder(store.clone(), Limits::default()).await;
    store.away.store(true, Ordering::SeqCst);
    let recording = held(&recorder).await;
    recording.abort();
    tokio::time::sleep(Duration::from_millis(500)).await;
    store.away.store(false, Ordering::SeqCst);
    let mut writing = recorder.writing();
    let again = writing.wait_for(|writing| *writing);
    tokio::time::timeout(Duration::from_secs(20), again).await.unwrap().unwrap();
}
