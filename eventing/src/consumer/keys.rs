//! The keys as the pipeline sees them: a set of the inbox's buses, or none, and when it was last confirmed.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::keyset::KeyRing;

/// The keys at one moment.
#[derive(Clone, Debug, Default)]
pub struct KeyView {
    /// The key sets of all buses of the inbox; `None` while one of them is missing or expired.
    pub ring: Option<Arc<KeyRing>>,
    /// When the fetch began that last brought every set, or the word that it is unchanged.
    pub confirmed: Option<Instant>,
}

impl KeyView {
    fn same(&self, other: &Self) -> bool {
        let ring = match (&self.ring, &other.ring) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        ring && self.confirmed == other.confirmed
    }
}

/// The consumer's end.
#[derive(Clone, Debug)]
pub struct Keys {
    view: watch::Receiver<KeyView>,
    ask: Arc<Notify>,
}

/// The key client's end.
#[derive(Debug)]
pub struct KeysSender {
    view: watch::Sender<KeyView>,
    ask: Arc<Notify>,
}

/// The two ends; no keys at first.
pub fn channel() -> (KeysSender, Keys) {
    let (sender, receiver) = watch::channel(KeyView::default());
    let ask = Arc::new(Notify::new());
    (KeysSender { view: sender, ask: ask.clone() }, Keys { view: receiver, ask })
}

impl KeysSender {
    /// Shows new keys.
    pub fn publish(&self, view: KeyView) {
        self.view.send_if_modified(|current| {
            let changed = !current.same(&view);
            *current = view;
            changed
        });
    }

    /// Keeps a question open that could not be answered.
    pub fn ask_again(&self) {
        self.ask.notify_one();
    }

    /// Resolves when somebody wants the keys confirmed.
    pub async fn asked(&self) {
        self.ask.notified().await;
    }
}

impl Keys {
    /// The keys now.
    pub fn view(&self) -> KeyView {
        self.view.borrow().clone()
    }

    /// Whether events can be verified.
    pub fn is_usable(&self) -> bool {
        self.view.borrow().ring.is_some()
    }

    /// Resolves when events can be verified.
    pub async fn usable(&self) {
        let mut view = self.view.clone();
        if view.borrow_and_update().ring.is_some() {
            return;
        }
        tracing::warn!("no usable keys: receiving stands still");
        if view.wait_for(|view| view.ring.is_some()).await.is_err() {
            // Nobody fetches keys any more: there will be none.
            std::future::pending::<()>().await;
        }
        tracing::info!("keys are usable: receiving goes on");
    }

    /// Asks for a confirmation and resolves when the keys differ from `known`.
    pub async fn newer_than(&self, known: &KeyView) {
        self.ask.notify_one();
        self.other_than(known).await;
    }

    /// Resolves when the keys differ from `known`.
    pub async fn other_than(&self, known: &KeyView) {
        let mut view = self.view.clone();
        if view.wait_for(|view| !view.same(known)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
