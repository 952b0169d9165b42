//! What a kind's controller does, and what a pass came to.

use std::{future::Future, time::Duration};

use crds::Eventing;

use operator_core::difference::Difference;

use super::{Failure, Found, Terminal, Wait};

/// The two things that a kind's controller does.
pub trait Reconciler<K: Eventing>: Send + Sync + 'static {
    /// Brings the world to what the object says.
    fn apply(&self, object: &K) -> impl Future<Output = Result<Report<K>, Failure>> + Send;

    /// Reads what there is and what differs, and changes nothing: for an object that only observes.
    fn look(&self, object: &K) -> impl Future<Output = Result<Look<K>, Failure>> + Send;

    /// Takes away what the object made. Called with `deletionPolicy: Retain` too: what stays is the controller's to
    /// know. It skips what `apply` validates, so that a bad spec never blocks a deletion.
    fn cleanup(&self, object: &K) -> impl Future<Output = Result<Cleanup, Failure>> + Send;
}

/// What `apply` came to.
#[derive(Clone, Debug)]
pub struct Report<K: Eventing> {
    /// The status. Of its conditions those that all kinds have are the runner's to set; a kind's own (as
    /// `ReplayProtected`) stand here, and go where they are left out.
    pub status: K::Status,
    /// Whether all is in effect.
    pub progress: Progress,
    /// Whether the spec names other objects: then condition `ReferencesResolved` is shown.
    pub has_references: bool,
    /// What was changed, for an Event; empty in a steady state.
    pub changes: Vec<String>,
    /// What was found in AWS before it was changed: for Events, and to tell drift from what follows an edit.
    pub found: Option<Found>,
    /// When to look again, if earlier than the resync.
    pub again: Option<Duration>,
}

/// What `look` came to.
#[derive(Clone, Debug)]
pub struct Look<K: Eventing> {
    /// The status, whose conditions are the runner's to set.
    pub status: K::Status,
    /// What differs from the spec.
    pub differences: Vec<Difference>,
    /// Whether the spec names other objects: then condition `ReferencesResolved` is shown.
    pub has_references: bool,
}

/// Whether all is in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is.
    Ready,
    /// What could be done is done; the rest waits.
    Waiting(Wait),
    /// What could be done is done; the rest takes an edit.
    Terminal(Terminal),
}

/// What `cleanup` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Nothing is left: the object may go.
    Done,
    /// The object's own way out takes time; `Wait` says for what.
    Waiting(Wait),
    /// Something is in the way that a person must remove, or force.
    Blocked(Blocked),
}

/// What is in the way of a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The reason of condition `DeletionBlocked`.
    pub reason: &'static str,
    /// What is in the way, and the way out.
    pub message: String,
    /// When to look again.
    pub again: Duration,
}
