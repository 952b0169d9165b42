//! What a sidecar stands on, in memory, and the journal too: their tests and benches start the real programs on it.
//!
//! [`Ground`] is one installation with one inbox and one bus: the signed configuration and the projected tokens in a
//! folder, [`aws`] (STS, SQS and EventBridge at one address; [`sqs`] is its queue), and [`signature_service`].
//! [`key`] makes the events. Whoever comes without the secret he was given is refused.

pub mod aws;
pub mod key;
pub mod signature_service;
pub mod sqs;

mod ground;
mod journal;

pub use aws::{Aws, Published};
pub use ground::{Ground, Names, Secrets, until};
pub use key::Key;
pub use sqs::Sqs;
