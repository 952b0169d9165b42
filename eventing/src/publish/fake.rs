//! A bus that refuses what EventBridge refuses, and a signer that signs with a key of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use super::batch::{BYTES, ENTRIES};
use super::ports::{Bus, Entry, EntryFault, PutError, SignFailure, Signed, Signer, ToSign};
use crate::algorithm::Algorithm;
use crate::fixture::TestKey;
use crate::keyset::KeyUse;
use crate::signing::{EventFacts, MonotonicStamp, sign_event};
use crate::time::Micros;
use crate::types::{BusId, Jti};

/// What the next put does.
#[cfg_attr(not(feature = "paused-clock"), allow(dead_code, reason = "failures are waited out on a paused clock"))]
pub(crate) enum Next {
    /// It fails whole.
    Fails(PutError),
    /// It never answers; what it was given may have arrived.
    Hangs,
    /// It takes all but these entries.
    Spares(Vec<(usize, &'static str)>),
}

#[derive(Default)]
pub(crate) struct FakeBus {
    next: Mutex<VecDeque<Next>>,
    pub(crate) puts: Mutex<Vec<Vec<Entry>>>,
}

impl FakeBus {
    pub(crate) fn next(self, next: Next) -> Self {
        self.next.lock().unwrap().push_back(next);
        self
    }

    /// The sizes of the puts, in order.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.puts.lock().unwrap().iter().map(Vec::len).collect()
    }
}

fn fault(code: &str) -> EntryFault {
    EntryFault { code: code.to_owned(), message: "no".to_owned() }
}

impl Bus for FakeBus {
    async fn put(&self, entries: &[Entry]) -> Result<Vec<Result<String, EntryFault>>, PutError> {
        self.puts.lock().unwrap().push(entries.to_vec());
        if entries.is_empty() || entries.len() > ENTRIES || entries.iter().map(Entry::size).sum::<usize>() > BYTES {
            return Err(PutError::Refused(fault("ValidationException")));
        }
        // One source that is denied denies the whole batch, so batches must not mix them.
        assert!(entries.iter().all(|entry| entry.source == entries[0].source));
        let next = self.next.lock().unwrap().pop_front();
        let spared = match next {
            None => Vec::new(),
            Some(Next::Fails(error)) => return Err(error),
            Some(Next::Hangs) => {
                tokio::time::sleep(Duration::from_hours(1)).await;
                Vec::new()
            }
            Some(Next::Spares(spared)) => spared,
        };
        let answer = |(at, entry): (usize, &Entry)| {
            if let Some((_, code)) = spared.iter().find(|(spared, _)| *spared == at) {
                return Err(fault(code));
            }
            match serde_json::from_str::<Value>(&entry.detail) {
                Ok(Value::Object(_)) => Ok(format!("eb-{}", entry.detail.len())),
                _ => Err(fault("MalformedDetail")),
            }
        };
        Ok(entries.iter().enumerate().map(answer).collect())
    }
}

pub(crate) struct FakeSigner {
    key: TestKey,
    stamp: MonotonicStamp,
    /// What it was asked to sign, answered or not.
    pub(crate) asked: Mutex<Vec<Vec<ToSign>>>,
    /// What it answers before it signs.
    pub(crate) failures: Mutex<VecDeque<SignFailure>>,
    /// A source it refuses, and how.
    refuses: Mutex<Option<(String, SignFailure)>>,
}

impl FakeSigner {
    /// It refuses every request that has an event of this source.
    pub(crate) fn refuses(&self, source: &str, failure: SignFailure) {
        *self.refuses.lock().unwrap() = Some((source.to_owned(), failure));
    }

    /// How many events each request had.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.asked.lock().unwrap().iter().map(Vec::len).collect()
    }
}

impl Default for FakeSigner {
    fn default() -> Self {
        Self {
            key: TestKey::new(Algorithm::MlDsa44, KeyUse::Sig),
            stamp: MonotonicStamp::new(),
            asked: Mutex::default(),
            failures: Mutex::default(),
            refuses: Mutex::default(),
        }
    }
}

impl Signer for FakeSigner {
    async fn sign(&self, _: &BusId, events: &[ToSign]) -> Result<Vec<Signed>, SignFailure> {
        self.asked.lock().unwrap().push(events.to_vec());
        if let Some(failure) = self.failures.lock().unwrap().pop_front() {
            return Err(failure);
        }
        let refuses = self.refuses.lock().unwrap().clone();
        if let Some((source, failure)) = refuses
            && events.iter().any(|event| event.source.as_str() == source)
        {
            return Err(failure);
        }
        let sign = |event: &ToSign| {
            let facts = EventFacts {
                source: &event.source,
                detail_type: &event.detail_type,
                resource: &event.resource,
                trace: &event.trace,
                detail_core: event.detail_core.as_str(),
            };
            let jti = event.jti.clone().unwrap_or_else(|| Jti::from_uuid(uuid::Uuid::new_v4()));
            let signed =
                sign_event(&self.key.private, self.key.kid(), facts, jti, self.stamp.next(Micros::now())).unwrap();
            Signed { detail: signed.detail, kid: signed.kid, jti: signed.jti }
        };
        Ok(events.iter().map(sign).collect())
    }
}
