//! Clients of our own services, over TLS with the installation's private CA.
//!
//! In: addresses and the CA from signed configuration, a projected token file that is read each time (or,
//! for tools, a token that somebody renews, and the address a port-forward has). Out:
//! [`HttpKeySets`] (the consumer's key sets), [`HttpSigner`] (the publisher's signer), [`GrantClient`]
//! (the tools' redrive and replay), [`JournalClient`] (the gateway's tail and timelines, the tools' replay), [`InboxJournal`] (claims and dead letters of an inbox's consumers).

pub mod claims;
pub mod client;
pub mod dead_letters;
pub mod events;
pub mod grants;
pub mod inbox_journal;
pub mod journal;
pub mod key_sets;
mod retry_after;
pub mod signer;

pub use claims::{ClaimAction, ClaimAnswer, ClaimKey, ClaimRequest, HttpClaims};
pub use client::{Bearer, ClientError, Problem, Service};
pub use dead_letters::{DeadLetterReport, DeadLetters, HttpDeadLetters};
pub use events::{Correlation, Correlations, EventFilter, Events, MAX_EVENTS, Part, ResourceStatus, Whose};
pub use grants::{GrantClient, GrantRequest, Granted};
pub use inbox_journal::InboxJournal;
pub use journal::{ChangeLines, Changes, Entry, JournalClient, LINES, Timeline};
pub use key_sets::{HttpKeySets, KeySetClient};
pub use retry_after::retry_after;
pub use signer::HttpSigner;
