//! A store of claims that several consumers share, by the paused clock.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::claim::{Answer, Ask, Change, Key, Record, decide};
use crate::consumer::claims::{Claim, ClaimStore, ClaimStoreAway, Holder};
use crate::consumer::seen::SeenKey;
use crate::fixture::NOW;
use crate::time::Millis;

/// The fake; clones are the same store.
#[derive(Clone)]
pub(crate) struct FakeClaims {
    state: Arc<Mutex<State>>,
    began: Instant,
}

#[derive(Default)]
struct State {
    records: HashMap<[u8; 32], Record>,
    is_away: bool,
    probes: usize,
}

impl Default for FakeClaims {
    fn default() -> Self {
        Self { state: Arc::default(), began: Instant::now() }
    }
}

impl FakeClaims {
    /// Whether nothing asked of it is answered from now on.
    pub(crate) fn be_away(&self, is_away: bool) {
        self.state.lock().unwrap().is_away = is_away;
    }

    /// How often it was asked whether it is there.
    pub(crate) fn probes(&self) -> usize {
        self.state.lock().unwrap().probes
    }

    fn now(&self) -> Millis {
        NOW.plus(self.began.elapsed())
    }

    fn ask(&self, ask: Ask, holder: &Holder, keys: &[SeenKey]) -> Result<Answer, ClaimStoreAway> {
        let now = self.now();
        let mut state = self.state.lock().unwrap();
        if state.is_away {
            return Err(ClaimStoreAway("connection refused".to_owned()));
        }
        let known = |key: &SeenKey| Key { record: state.records.get(&key.digest).cloned(), keep: key.ttl };
        let known: Vec<Key> = keys.iter().map(known).collect();
        let (answer, changes) = decide(ask, &holder.to_string(), &known, now);
        for (key, change) in keys.iter().zip(changes) {
            match change {
                Change::None => {}
                Change::Write(record) => drop(state.records.insert(key.digest, record)),
                Change::Remove => drop(state.records.remove(&key.digest)),
            }
        }
        Ok(answer)
    }
}

impl ClaimStore for FakeClaims {
    fn probe(&self) -> BoxFuture<'_, Result<(), ClaimStoreAway>> {
        let mut state = self.state.lock().unwrap();
        state.probes += 1;
        let answer = if state.is_away { Err(ClaimStoreAway("connection refused".to_owned())) } else { Ok(()) };
        std::future::ready(answer).boxed()
    }

    fn claim<'a>(
        &'a self,
        holder: &'a Holder,
        keys: &'a [SeenKey],
        lapse: Duration,
    ) -> BoxFuture<'a, Result<Claim, ClaimStoreAway>> {
        let answer = self.ask(Ask::Claim { lapse }, holder, keys).map(|answer| match answer {
            Answer::Claimed { attempts } => Claim::Ours { attempts },
            Answer::Handled => Claim::Handled,
            Answer::Held { lapses_in } => Claim::Held { lapses_in },
            Answer::Settled => panic!("no answer to a claim"),
        });
        std::future::ready(answer).boxed()
    }

    fn confirm<'a>(&'a self, holder: &'a Holder, keys: &'a [SeenKey]) -> BoxFuture<'a, Result<(), ClaimStoreAway>> {
        std::future::ready(self.ask(Ask::Confirm, holder, keys).map(drop)).boxed()
    }

    fn release<'a>(
        &'a self,
        holder: &'a Holder,
        keys: &'a [SeenKey],
        attempts: u32,
    ) -> BoxFuture<'a, Result<(), ClaimStoreAway>> {
        std::future::ready(self.ask(Ask::Release { attempts }, holder, keys).map(drop)).boxed()
    }
}
