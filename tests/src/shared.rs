//! What several tasks of a run write into.

use std::sync::{Arc, Mutex, PoisonError};

/// Something that many write into.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T: Default> Shared<T> {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Reads or writes it.
    pub(crate) fn with<R>(&self, what: impl FnOnce(&mut T) -> R) -> R {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
