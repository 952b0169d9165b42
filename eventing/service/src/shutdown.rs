//! The tokens by which a process is told to stop: at once, and after a while in which it answers still.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::admin::Check;

/// A token that is cancelled by the first SIGTERM or SIGINT. Must be called inside a Tokio runtime.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
        cancel.cancel();
    });
    Ok(token)
}

/// A token that is cancelled `after` another one: meanwhile the process is not ready, by `check`, and answers whoever
/// has not heard of that yet. Cancelled itself, it cancels the other. Must be called inside a Tokio runtime.
pub fn lingering(asked: CancellationToken, check: Check, after: Duration) -> CancellationToken {
    check.ready();
    let stop = CancellationToken::new();
    let cancel = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = asked.cancelled() => {}
            () = cancel.cancelled() => {}
        }
        check.not_ready("it was asked to stop");
        asked.cancel();
        tokio::select! {
            () = tokio::time::sleep(after) => cancel.cancel(),
            () = cancel.cancelled() => {}
        }
    });
    stop
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::admin::Readiness;

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn readiness_goes_first_and_the_stop_comes_after() {
        let (asked, readiness, after) = (CancellationToken::new(), Readiness::new(), Duration::from_millis(300));
        let stop = lingering(asked.clone(), readiness.check("running", "to start"), after);
        assert!(readiness.is_ready());
        let before = Instant::now();
        asked.cancel();
        let gone = async {
            while readiness.is_ready() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, gone).await.unwrap();
        assert!(!stop.is_cancelled(), "it answers still");
        timeout(LONG, stop.cancelled()).await.unwrap();
        assert!(before.elapsed() >= after);
    }

    #[tokio::test]
    async fn what_breaks_does_not_linger() {
        let (asked, readiness) = (CancellationToken::new(), Readiness::new());
        let stop = lingering(asked.clone(), readiness.check("running", "to start"), LONG * 100);
        stop.cancel();
        timeout(LONG, asked.cancelled()).await.unwrap();
        assert!(!readiness.is_ready());
    }
}
