//! Waiting for something to be seen, and saying meanwhile where it stands.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

/// How often a line is told.
const TELL: Duration = Duration::from_secs(10);

/// Waits until `seen` is true.
///
/// # Errors
/// When it is not within `limit`, or cannot be looked for.
pub(crate) async fn until(
    what: &str,
    limit: Duration,
    mut seen: impl AsyncFnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let wait = async {
        while !seen().await? {
            sleep(Duration::from_millis(300)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(limit, wait).await.with_context(|| format!("{what}: not within {limit:?}"))?
}

/// Says every few seconds where it stands, until `stop`.
///
/// # Errors
/// Never; it runs beside what may fail.
pub(crate) async fn tell(stop: &CancellationToken, say: impl Fn()) -> anyhow::Result<()> {
    let mut tick = interval(TELL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = tick.tick() => say(),
        }
    }
}
