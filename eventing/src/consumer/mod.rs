//! The consumer: poll, verify, deduplicate, handle, acknowledge. Sidecar, journal and gateway receive through it; the
//! handler is the only difference.
//!
//! In: a mounted directory of signed configuration ([`mount`]), a queue and a handler ([`ports`]), keys ([`keys`], kept
//! by [`key_client`]). Out: calls of the handler, dead letters, deletes. Pure rooms: [`disposition`], [`route`],
//! [`letter`], [`settings`]. [`pipeline`] is the loop, [`inbox`] everything around it: [`consume`] is where to begin.

mod acks;
mod business;
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

#[cfg(all(test, feature = "paused-clock"))]
mod fake;
#[cfg(all(test, feature = "paused-clock"))]
mod tests;

pub use disposition::{Backoff, Disposition, HandlerAnswer, disposition};
pub use drain::Drain;
pub use inbox::{ConnectQueue, consume};
pub use key_client::{ConnectKeySets, FetchError, Fetched, KeySets};
pub use metrics::{ConfigurationMetrics, Metrics};
pub use mount::{Mount, Roots};
pub use pipeline::{Clock, Consumer};
pub use ports::{DeadLetter, Delivery, Handler, Queue, QueueError, Receipt, Received};
pub use route::{Routed, route};
pub use settings::Settings;
