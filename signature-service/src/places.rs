//! How much is done at once: what signs or is about to, and what waits for news. Neither takes the other's places.

use std::sync::Arc;

use eventing_service::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Signing computes, so more at once than this only wait for a core.
const SIGNING_A_CORE: usize = 4;
/// Requests that wait for their turn to sign: a burst, or what comes while the machine is away for some milliseconds, is
/// answered a little later, where sending it back would cost it a second.
const QUEUED_A_CORE: usize = 64;
/// Requests held open until a key set changes. The server answers 16,384 at once: the rest is left to signing.
const WAITING: usize = 12_288;
/// When those who found no place to sign come back.
const SIGN_AGAIN_SECONDS: u32 = 1;
/// When those who found no place to wait come back; their next answer may be as late as this.
const WAIT_AGAIN_SECONDS: u32 = 5;

/// The places. Clones share them.
#[derive(Debug, Clone)]
pub struct Places {
    signing: Arc<Semaphore>,
    queued: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::new(cores * SIGNING_A_CORE, cores * QUEUED_A_CORE, WAITING)
    }
}

impl Places {
    /// So many batches and grants at once, so many more that are next, and so many that wait for news.
    pub fn new(signing: usize, queued: usize, waiting: usize) -> Self {
        let [signing, queued, waiting] = [signing, queued, waiting].map(|places| Arc::new(Semaphore::new(places)));
        Self { signing, queued, waiting }
    }

    /// A place to sign one batch or one grant, in the order of asking.
    ///
    /// # Errors
    /// 503 when there is none, and none in the queue for one.
    pub async fn to_sign(&self) -> Result<OwnedSemaphorePermit, Problem> {
        if let Ok(place) = Arc::clone(&self.signing).try_acquire_owned() {
            return Ok(place);
        }
        let _queued = take(&self.queued, "Too much is being signed.", SIGN_AGAIN_SECONDS)?;
        Arc::clone(&self.signing).acquire_owned().await.map_err(|_| Problem::internal())
    }

    /// A place to wait for a key set's change.
    ///
    /// # Errors
    /// 503 when there is none.
    pub fn to_wait(&self) -> Result<OwnedSemaphorePermit, Problem> {
        take(&self.waiting, "Too many wait for key sets.", WAIT_AGAIN_SECONDS)
    }
}

fn take(places: &Arc<Semaphore>, why: &'static str, again_seconds: u32) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(places).try_acquire_owned().map_err(|_| Problem::unavailable("OVERLOADED", why, again_seconds))
}
