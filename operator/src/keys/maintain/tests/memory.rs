//! The key namespace in memory: it refuses what the API server refuses, can be stopped at each write, and lets tests
//! say who of two goes on at each step.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use eventing::types::BusId;

use crate::keys::{
    KeyRecord, Line, StoredKey,
    material::NewMaterial,
    plan::{KeyUpdate, NewKey},
    store::{Keys, StoreError, Written},
};

/// Where a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Before the write.
    Before,
    /// After the write took effect, which its caller does not hear of.
    After,
}

#[derive(Default)]
struct Inner {
    keys: BTreeMap<String, KeyRecord>,
    versions: u64,
    stop: Option<Stop>,
    through: usize,
}

/// The key namespace. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Memory {
    inner: Arc<Mutex<Inner>>,
    yields: bool,
}

impl Memory {
    /// The same keys; each call lets others go first.
    pub(super) fn yielding(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), yields: true }
    }

    /// The keys, by number.
    pub(super) fn keys(&self) -> Vec<StoredKey> {
        let mut keys: Vec<_> = self.with(|inner| inner.keys.values().map(|record| record.key.clone()).collect());
        keys.sort_by_key(|key| key.number);
        keys
    }

    pub(super) fn stop_at_next_write(&self, stop: Stop) {
        self.with(|inner| (inner.stop, inner.through) = (Some(stop), 0));
    }

    /// The next write is made, and the process ends before the one after it.
    pub(super) fn let_one_write_through(&self) {
        self.with(|inner| (inner.stop, inner.through) = (Some(Stop::Before), 1));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn write(&self, bus: &BusId, act: impl FnOnce(&mut Inner) -> Written) -> Result<Written, StoreError> {
        self.turn().await;
        self.with(|inner| {
            let stopped = || StoreError::Contended(bus.clone());
            inner.versions += 1;
            match inner.stop {
                Some(Stop::Before) if inner.through == 0 => {
                    inner.stop = None;
                    return Err(stopped());
                }
                Some(Stop::Before) => inner.through -= 1,
                Some(Stop::After) => {
                    inner.stop = None;
                    act(inner);
                    return Err(stopped());
                }
                None => {}
            }
            Ok(act(inner))
        })
    }

    async fn turn(&self) {
        if self.yields {
            let mut waited = false;
            std::future::poll_fn(
                |_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending },
            )
            .await;
        }
    }
}

impl Keys for Memory {
    async fn list(&self, bus: &BusId) -> Result<Vec<KeyRecord>, StoreError> {
        self.turn().await;
        Ok(self.with(|inner| inner.keys.values().filter(|record| record.line.bus() == bus).cloned().collect()))
    }

    async fn create(&self, line: &Line, new: &NewKey, material: &NewMaterial) -> Result<Written, StoreError> {
        let name = line.secret_name(new.number);
        let NewKey { number, algorithm, sources, nbf, exp, state, rotate_request } = new.clone();
        let kid = material.kid.as_str().to_owned();
        let key = StoredKey { number, kid, algorithm, sources, nbf, exp, state, has_private: true, rotate_request };
        self.write(line.bus(), |inner| {
            if inner.keys.contains_key(&name) {
                return Written::Stale;
            }
            let version = format!("made {}", inner.versions);
            inner.keys.insert(name, KeyRecord { line: line.clone(), key, public: material.public.clone(), version });
            Written::Done
        })
        .await
    }

    async fn update(&self, record: &KeyRecord, update: &KeyUpdate) -> Result<Written, StoreError> {
        self.write(record.line.bus(), |inner| {
            let version = format!("changed {}", inner.versions);
            let found = inner.keys.get_mut(&record.secret_name()).filter(|found| found.version == record.version);
            let Some(found) = found else { return Written::Stale };
            found.version = version;
            let KeyUpdate { number: _, exp, sources, state, keep_private } = update.clone();
            let key = &mut found.key;
            (key.exp, key.sources, key.state) = (exp, sources, state);
            key.has_private &= keep_private;
            Written::Done
        })
        .await
    }

    async fn forget(&self, record: &KeyRecord) -> Result<Written, StoreError> {
        self.write(record.line.bus(), |inner| match inner.keys.get(&record.secret_name()) {
            Some(found) if found.version == record.version => {
                inner.keys.remove(&record.secret_name());
                Written::Done
            }
            _ => Written::Stale,
        })
        .await
    }
}

/// Runs both to their ends: at each step the one that `order` names, and both in turn when it has run out.
pub(super) fn interleave<A, B>(
    mut first: Pin<Box<dyn Future<Output = A> + '_>>,
    mut second: Pin<Box<dyn Future<Output = B> + '_>>,
    order: &[bool],
) -> (A, B) {
    let (mut a, mut b) = (None, None);
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut order = order.iter().copied().chain([true, false].into_iter().cycle());
    loop {
        let first_s_turn = order.next().unwrap_or(true);
        if a.is_none()
            && (first_s_turn || b.is_some())
            && let Poll::Ready(done) = first.as_mut().poll(&mut context)
        {
            a = Some(done);
        }
        if b.is_none()
            && (!first_s_turn || a.is_some())
            && let Poll::Ready(done) = second.as_mut().poll(&mut context)
        {
            b = Some(done);
        }
        if a.is_some() && b.is_some() {
            break;
        }
    }
    (a.unwrap(), b.unwrap())
}
