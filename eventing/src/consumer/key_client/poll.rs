//! The long poll of one bus, held open for ever: what the service has reaches the ring within seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::client::Outcome;
use super::{BETWEEN, FetchError, Fetched, KeySets, SLACK};
use crate::consumer::disposition::backoff;
use crate::types::BusId;

/// How long a poll for a newer set waits.
const POLL: Duration = Duration::from_secs(50);
/// A service that does not wait is asked no oftener than this.
const UNWAITED: Duration = Duration::from_secs(5);
/// The steps that the pause after a failure may double: a service that is back is asked within four seconds.
const DOUBLINGS: u32 = 3;

/// A signed set, the bus it is said to be of, and who wants to hear what became of it.
pub(super) struct Offer {
    pub(super) bus: BusId,
    pub(super) jws: String,
    pub(super) etag: Option<String>,
    pub(super) told: oneshot::Sender<Outcome>,
}

/// Polls until nobody takes offers any more.
pub(super) async fn poll<S: KeySets>(source: Arc<S>, bus: BusId, offers: mpsc::Sender<Offer>) {
    let mut known: Option<String> = None;
    let mut failures = 0;
    loop {
        let wait = if known.is_some() { POLL } else { Duration::ZERO };
        let began = Instant::now();
        let pause = match fetch(source.as_ref(), &bus, known.as_deref(), wait).await {
            Ok(Fetched::Set { jws, etag }) => match offer(&offers, &bus, jws, etag.clone()).await {
                None => return,
                // It may be taken later, when its root or its time has come, so it stays unknown.
                Some(Outcome::Refused) => None,
                Some(Outcome::Taken | Outcome::Older) => {
                    known = etag;
                    Some(if known.is_some() { BETWEEN } else { UNWAITED })
                }
            },
            Ok(Fetched::Unchanged) => Some(UNWAITED),
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%bus, %error, "key set not fetched; mounted sets and the last one serve on");
                }
                None
            }
        };
        if let Some(pause) = pause {
            failures = 0;
            sleep_until(began + pause).await;
        } else {
            failures = (failures + 1).min(DOUBLINGS);
            sleep(backoff(failures, rand::random())).await;
        }
    }
}

/// Fetches; what hangs is cut off.
pub(super) async fn fetch<S: KeySets>(
    source: &S,
    bus: &BusId,
    known: Option<&str>,
    wait: Duration,
) -> Result<Fetched, FetchError> {
    let hung = |_| Err(FetchError("no answer in time".to_owned()));
    timeout(wait + SLACK, source.fetch(bus, known, wait)).await.unwrap_or_else(hung)
}

/// What became of a set; `None` when nobody takes any more.
async fn offer(offers: &mpsc::Sender<Offer>, bus: &BusId, jws: String, etag: Option<String>) -> Option<Outcome> {
    let (told, outcome) = oneshot::channel();
    offers.send(Offer { bus: bus.clone(), jws, etag, told }).await.ok()?;
    outcome.await.ok()
}
