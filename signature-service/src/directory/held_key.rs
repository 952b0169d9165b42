//! A private key of a bus, and what it serves: events or grants, never both.

use std::fmt;
use std::sync::Arc;

use eventing::signing::PrivateKey;
use eventing::types::{BusId, Kid};

/// What a key serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serves {
    /// Events.
    Sig {
        /// The name of its SigningKey, of the bus's namespace.
        signing_key: String,
    },
    /// Grants of its bus, which has no SigningKey for them.
    Grant,
}

/// A private key and whose it is. `Debug` shows the kid alone.
#[derive(Clone)]
pub struct HeldKey {
    /// The bus it signs for.
    pub bus: BusId,
    /// What it serves.
    pub serves: Serves,
    /// Its name.
    pub kid: Kid,
    /// The key.
    pub private: Arc<PrivateKey>,
}

/// The same key, however often its Secret was read.
impl PartialEq for HeldKey {
    fn eq(&self, other: &Self) -> bool {
        let Self { bus, serves, kid, private } = self;
        let same_key = Arc::ptr_eq(private, &other.private) || private.public_key() == other.private.public_key();
        *bus == other.bus && *serves == other.serves && *kid == other.kid && same_key
    }
}

impl fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}
