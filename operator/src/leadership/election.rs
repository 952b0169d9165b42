//! The loop that holds, or waits for, the Lease.

use std::time::Duration;

use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::{Api, Client, api::PostParams};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Fence, Times,
    standing::{Standing, Step},
};

/// The longest that one request about the Lease may take: short, since a renewal that hangs is better sent again.
const REQUEST: Duration = Duration::from_secs(3);

/// A candidate.
pub struct Election {
    leases: Api<Lease>,
    name: String,
    identity: String,
    times: Times,
    fence: Fence,
}

/// What one round came to.
enum Round {
    /// Look or write again after this time.
    Again(Duration),
    /// What was seen is out of date: look at once.
    Stale,
}

/// A request about the Lease that did not succeed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Kubernetes(#[from] kube::Error),
    #[error("no answer within {REQUEST:?}")]
    Silent,
}

impl Failed {
    /// Whether somebody else was faster, or the Lease is gone.
    fn is_stale(&self) -> bool {
        matches!(self, Self::Kubernetes(kube::Error::Api(status)) if matches!(status.code, 404 | 409))
    }
}

impl Election {
    /// A candidate for the Lease `name` in `namespace`. `identity` must be of this process alone: one that was
    /// restarted is another candidate, since what its predecessor sent may still be under way.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String, times: Times, fence: Fence) -> Self {
        Self { leases: Api::namespaced(client, namespace), name: name.to_owned(), identity, times, fence }
    }

    /// Takes and renews the Lease until `stop`, opening the fence while it is held.
    pub(super) async fn run(&self, stop: &CancellationToken) -> Standing {
        let mut standing = Standing::default();
        let mut stale = true;
        while !stop.is_cancelled() {
            let round = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                round = self.round(&mut standing, stale) => round,
            };
            let wait = match round {
                Ok(Round::Again(wait)) => {
                    stale = !standing.is_held_by(&self.identity);
                    wait
                }
                Ok(Round::Stale) => {
                    stale = true;
                    // Two that race for one Lease must not race in step.
                    Duration::from_millis(rand::random_range(10..100))
                }
                Err(error) => {
                    tracing::warn!(%error, lease = self.name, "the lease could not be read or written; trying again");
                    stale = true;
                    self.times.retry.mul_f64(rand::random_range(0.4..0.6))
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
        standing
    }

    /// Gives the Lease back, where it is ours. Only when nothing that was sent is still under way.
    pub(super) async fn release(&self, standing: &Standing) {
        self.fence.close();
        let Some(released) = standing.released(&self.identity, Timestamp::now()) else { return };
        match answer(self.leases.replace(&self.name, &PostParams::default(), &released)).await {
            Ok(_) => tracing::info!(lease = self.name, "lease given back"),
            Err(error) => tracing::warn!(%error, lease = self.name, "the lease was not given back; it will run out"),
        }
    }

    async fn round(&self, standing: &mut Standing, stale: bool) -> Result<Round, Failed> {
        if stale {
            let found = answer(self.leases.get_opt(&self.name)).await?;
            standing.saw(found, Instant::now());
            if !standing.is_held_by(&self.identity) {
                standing.lost();
                self.fence.close();
            }
        }
        let sent = Instant::now();
        let written = match standing.next(&self.identity, &self.name, sent, Timestamp::now(), &self.times) {
            Step::Wait(until) => return Ok(Round::Again(until.saturating_duration_since(sent))),
            Step::Create(lease) => answer(self.leases.create(&PostParams::default(), &lease)).await,
            Step::Write(lease) => answer(self.leases.replace(&self.name, &PostParams::default(), &lease)).await,
        };
        match written {
            Ok(lease) => {
                let until = standing.wrote(lease, sent, Instant::now(), &self.times);
                self.fence.open_until(until);
                Ok(Round::Again(self.times.renew.saturating_sub(sent.elapsed())))
            }
            Err(error) if error.is_stale() => Ok(Round::Stale),
            Err(error) => Err(error),
        }
    }
}

async fn answer<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Failed> {
    timeout(REQUEST, request).await.map_err(|_| Failed::Silent)?.map_err(Failed::from)
}
