//! A signature service's key sets: it serves, fails or hangs, and writes down what it was asked.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::config::ServicesConfig;
use crate::consumer::{ConnectKeySets, FetchError, Fetched, KeySets};
use crate::types::BusId;

/// How the service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Serves,
    Fails,
    /// What is asked for meanwhile, or was waiting, is never answered.
    Hangs,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) bus: BusId,
    pub(crate) known: Option<String>,
    pub(crate) wait: Duration,
}

struct State {
    mood: Mood,
    sets: BTreeMap<BusId, (String, String)>,
}

/// The fake; clones are the same service.
#[derive(Clone)]
pub(crate) struct FakeKeySets {
    state: Arc<watch::Sender<State>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Default for FakeKeySets {
    fn default() -> Self {
        let state = State { mood: Mood::Serves, sets: BTreeMap::new() };
        Self { state: Arc::new(watch::Sender::new(state)), asked: Arc::default() }
    }
}

impl FakeKeySets {
    /// From now on it has this set of the bus.
    pub(crate) fn serve(&self, bus: &BusId, jws: &str) {
        self.state.send_modify(|state| {
            let etag = format!("\"{}\"", hex::encode(crate::root::root_hash(jws.as_bytes())));
            state.sets.insert(bus.clone(), (jws.to_owned(), etag));
        });
    }

    pub(crate) fn turn(&self, mood: Mood) {
        self.state.send_modify(|state| state.mood = mood);
    }

    /// How often it was asked so far.
    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// What it was asked after the first so many.
    pub(crate) fn asked_after(&self, count: usize) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().skip(count).cloned().collect()
    }
}

impl ConnectKeySets for FakeKeySets {
    type KeySets = Self;

    fn connect(&self, _: &ServicesConfig) -> Result<Self, FetchError> {
        Ok(self.clone())
    }
}

impl KeySets for FakeKeySets {
    async fn fetch(&self, bus: &BusId, known: Option<&str>, wait: Duration) -> Result<Fetched, FetchError> {
        let asked = Asked { bus: bus.clone(), known: known.map(str::to_owned), wait };
        self.asked.lock().unwrap().push(asked);
        let end = Instant::now() + wait;
        let mut state = self.state.subscribe();
        loop {
            let answer = {
                let state = state.borrow_and_update();
                match (state.mood, state.sets.get(bus)) {
                    (Mood::Hangs, _) => None,
                    (Mood::Fails, _) => Some(Err(FetchError("503".to_owned()))),
                    (Mood::Serves, None) => Some(Err(FetchError("404".to_owned()))),
                    (Mood::Serves, Some((jws, etag))) if known != Some(etag) => {
                        Some(Ok(Fetched::Set { jws: jws.clone(), etag: Some(etag.clone()) }))
                    }
                    (Mood::Serves, Some(_)) => Some(Ok(Fetched::Unchanged)),
                }
            };
            match answer {
                None => pending().await,
                Some(Ok(Fetched::Unchanged)) if Instant::now() < end => drop(timeout_at(end, state.changed()).await),
                Some(answer) => return answer,
            }
        }
    }
}
