//! How a consumer ends: it stops receiving, finishes what it holds within a grace period, and gives the rest back.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A request to stop, shared by everything that has to.
#[derive(Clone, Debug)]
pub struct Drain {
    requested: CancellationToken,
    grace: Duration,
}

impl Drain {
    /// Nothing is asked for yet; once it is, what is in flight has `grace` to finish.
    pub fn new(grace: Duration) -> Self {
        Self { requested: CancellationToken::new(), grace }
    }

    /// Asks everything that holds this to stop.
    pub fn request(&self) {
        self.requested.cancel();
    }

    /// Whether it was asked for.
    pub fn is_requested(&self) -> bool {
        self.requested.is_cancelled()
    }

    /// Resolves when it is asked for.
    pub async fn requested(&self) {
        self.requested.cancelled().await;
    }

    /// The grace period.
    pub const fn grace(&self) -> Duration {
        self.grace
    }

    /// A request of its own that this one implies.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { requested: self.requested.child_token(), grace: self.grace }
    }
}
