//! Work, while leading.

use std::pin::pin;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Election, Fence, Term, Times};
use crate::runner::metrics::Metrics;

/// An election, and what the elected does.
pub struct Campaign {
    /// The candidate.
    pub election: Election,
    /// The fence that it opens.
    pub fence: Fence,
    /// The election's times.
    pub times: Times,
    /// Where it is shown who leads.
    pub metrics: Metrics,
}

impl Campaign {
    /// Runs `work` for each term, until `shutdown`. Work is told to stop when its term is over or the process stops;
    /// then running passes may end, while the Lease is still renewed, and the Lease is given back only if they did.
    pub async fn run<F: Future<Output = ()>>(
        self,
        shutdown: CancellationToken,
        work: impl Fn(Term, CancellationToken) -> F,
    ) {
        let resign = CancellationToken::new();
        let terms = async {
            let ended = self.terms(&shutdown, work).await;
            resign.cancel();
            ended
        };
        let (standing, all_ended) = tokio::join!(self.election.run(&resign), terms);
        if all_ended {
            self.election.release(&standing).await;
        } else {
            self.fence.close();
            tracing::warn!("passes were cut off: the lease is left to run out, so that nothing is written by two");
        }
    }

    /// Says whether the last term's work came to its own end.
    async fn terms<F: Future<Output = ()>>(
        &self,
        shutdown: &CancellationToken,
        work: impl Fn(Term, CancellationToken) -> F,
    ) -> bool {
        let mut all_ended = true;
        while !shutdown.is_cancelled() {
            let term = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                term = self.fence.opened() => term,
            };
            self.metrics.leads(true);
            tracing::info!(term = term.number(), "leading");
            let stop = shutdown.child_token();
            let mut running = pin!(work(term.clone(), stop.clone()));
            let ended_early = tokio::select! {
                () = running.as_mut() => true,
                () = term.watch() => false,
                () = shutdown.cancelled() => false,
            };
            stop.cancel();
            all_ended = ended_early || timeout(self.times.drain, running).await.is_ok();
            self.metrics.leads(false);
            tracing::info!(term = term.number(), all_ended, "not leading any more");
            if ended_early && !shutdown.is_cancelled() {
                // Work that ends by itself would be begun again without a pause.
                tokio::time::sleep(self.times.retry).await;
            }
        }
        all_ended
    }
}
