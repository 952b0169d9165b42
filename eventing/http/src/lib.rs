//! Clients of our own services, over TLS with the installation's private CA.
//!
//! In: addresses and the CA from signed configuration, a projected token file that is read each time (or,
//! for tools, a token that somebody renews, and the address a port-forward has). Out:
//! [`HttpKeySets`] (the consumer's key sets), [`HttpSigner`] (the publisher's signer), [`GrantClient`]
//! (the tools' redrive and replay), [`JournalClient`] (the gateway's tail and timelines).

pub mod client;
pub mod grants;
pub mod journal;
pub mod key_sets;
pub mod signer;

pub use client::{Bearer, ClientError, Problem, Service};
pub use grants::{GrantClient, GrantRequest, Granted};
pub use journal::{Changes, Entry, JournalClient, Timeline};
pub use key_sets::{HttpKeySets, KeySetClient};
pub use signer::HttpSigner;
