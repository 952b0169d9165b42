//! What waits for a pass: the depth of the work queue. An object that is triggered again while it waits counts once;
//! one whose next look is a matter of time does not wait.

use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use super::metrics::Metrics;

/// The objects of one kind that wait.
#[derive(Debug)]
pub struct Pending<T> {
    kind: &'static str,
    waiting: Mutex<HashSet<T>>,
    metrics: Metrics,
}

impl<T: Hash + Eq> Pending<T> {
    /// None, of `kind`.
    pub fn new(kind: &'static str, metrics: Metrics) -> Self {
        metrics.queued(kind, 0);
        Self { kind, waiting: Mutex::default(), metrics }
    }

    /// This one was triggered.
    pub fn triggered(&self, object: T) {
        self.change(|waiting| waiting.insert(object));
    }

    /// A pass over this one began, or there is nothing to pass over.
    pub fn begun(&self, object: &T) {
        self.change(|waiting| waiting.remove(object));
    }

    fn change(&self, change: impl FnOnce(&mut HashSet<T>) -> bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut waiting) {
            self.metrics.queued(self.kind, waiting.len());
        }
    }
}
