//! A confirmation: that what the ring holds is what the service has, now. Asked for when somebody meets an unknown kid;
//! one at a time, at most one a second, shared by all who wait.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, join_all};
use tokio::time::{Instant, sleep_until};

use super::poll::fetch;
use super::{BETWEEN, FetchError, Fetched, KeySets};
use crate::types::BusId;

/// By what the service named the set of a bus that the ring holds, and that set's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) etag: String,
    pub(super) version: u64,
}

/// What the service said of one bus, asked for another set than the tag's.
pub(super) struct Answer {
    pub(super) bus: BusId,
    pub(super) tag: Option<Tag>,
    pub(super) fetched: Result<Fetched, FetchError>,
}

/// The confirmation under way, and when the next may begin.
pub(super) struct Confirming {
    under_way: Option<BoxFuture<'static, (Instant, Vec<Answer>)>>,
    next: Instant,
    failures: u32,
}

impl Confirming {
    pub(super) fn new() -> Self {
        Self { under_way: None, next: Instant::now(), failures: 0 }
    }

    pub(super) const fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Asks for every bus's set anew, as soon as that may be.
    pub(super) fn begin<S: KeySets>(&mut self, source: Arc<S>, known: Vec<(BusId, Option<Tag>)>) {
        let next = self.next;
        let asking = async move {
            sleep_until(next).await;
            let began = Instant::now();
            let source = source.as_ref();
            let fetches = known.into_iter().map(|(bus, tag)| async move {
                let etag = tag.as_ref().map(|tag| tag.etag.as_str());
                let fetched = fetch(source, &bus, etag, std::time::Duration::ZERO).await;
                Answer { bus, tag, fetched }
            });
            (began, join_all(fetches).await)
        };
        self.under_way = Some(asking.boxed());
    }

    /// When it was begun, and what came of it. For ever, while none is under way.
    pub(super) async fn ended(&mut self) -> (Instant, Vec<Answer>) {
        match self.under_way.as_mut() {
            Some(asking) => asking.await,
            None => std::future::pending().await,
        }
    }

    /// The one that began then is over; after failures the next waits longer.
    pub(super) fn over(&mut self, began: Instant, confirmed: bool) {
        self.under_way = None;
        self.failures = if confirmed { 0 } else { (self.failures + 1).min(5) };
        self.next = began + BETWEEN * (self.failures + 1);
    }
}
