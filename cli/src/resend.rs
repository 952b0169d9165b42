//! Sending a message to an inbox again, which redrive and replay share.
//!
//! In: an event that its command has judged. Out: it is in the inbox, with a grant of its own, or why it is not.
//! [`message`] is what is sent, [`courier`] asks for the grant and sends, over the [`ports`] that [`sqs`] and the
//! signature service stand behind; [`patience`] says which failures are waited out, [`pace`] how fast it goes. [`inbox`]
//! opens an inbox, [`rules`] finds what feeds it.

pub mod courier;
#[cfg(test)]
pub mod fake;
pub mod inbox;
pub mod message;
pub mod pace;
pub mod patience;
pub mod ports;
pub mod rules;
#[cfg(test)]
pub mod samples;
pub mod sqs;

pub use courier::Courier;
pub use message::{Leaving, Outgoing};
pub use patience::{Stop, stopped};
