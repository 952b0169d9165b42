//! The consumer: poll, verify, deduplicate, handle, acknowledge. Sidecar, journal and gateway receive through it; the
//! handler is the only difference.
//!
//! In: a mounted directory of signed configuration ([`mount`]), a queue and a handler ([`ports`]), keys ([`keys`], kept
//! by [`key_client`]), and what an inbox's consumers share of what was handled ([`claims`]). Out: calls of the handler, dead letters, deletes. Pure rooms: [`disposition`], [`route`],
//! [`letter`], [`settings`]. [`pipeline`] is the loop, [`inbox`] everything around it: [`consume`] is where to begin.

mod acks;
mod business;
pub mod claims;
pub mod disposition;
pub mod drain;
mod heartbeat;
pub mod inbox;
pub mod key_client;
pub mod keys;
pub mod letter;
pub mod metrics;
pub mod mount;
mod one;
pub mod pipeline;
pub mod ports;
pub mod route;
pub mod seen;
pub mod settings;
pub mod told;

#[cfg(all(test, feature = "paused-clock"))]
mod fake;
#[cfg(all(test, feature = "paused-clock"))]
mod tests;

pub use claims::{Claim, ClaimStore, ClaimStoreAway, ConnectJournal, Holder, NoJournal};
pub use disposition::{Backoff, Disposition, HandlerAnswer, disposition};
pub use drain::Drain;
pub use inbox::{ConnectQueue, consume};
pub use key_client::{ConnectKeySets, FetchError, Fetched, KeySets};
pub use metrics::{ClaimMetrics, ConfigurationMetrics, Metrics};
pub use mount::{Mount, Roots};
pub use pipeline::{Clock, Consumer};
pub use ports::{DeadLetter, Delivery, Handler, Queue, QueueError, Receipt, Received};
pub use route::{Routed, route};
pub use seen::SeenKey;
pub use settings::Settings;
pub use told::{DeadLetterLog, DeadLetterNotice, NotTold, Subject};
