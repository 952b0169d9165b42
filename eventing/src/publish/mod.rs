//! Publishing: events a service hands over leave signed, in batches a bus takes.
//!
//! In: the body of a request ([`input`], or CloudEvents: [`cloud_events`]), idempotency keys ([`ids`]). Out: for each event its id, or why it has none.
//! Rooms: [`batch`] is pure arithmetic over sizes and sources, `clocks` sees that events are signed at the time it is,
//! [`ports`] the signer and the bus, [`publisher`] where to begin; `rounds` signs what several posted at
//! once, `putting` puts and repeats what may be repeated, `shares` knows whose is which.

pub mod batch;
mod clocks;
pub mod cloud_events;
pub mod ids;
pub mod input;
pub mod ports;
pub mod publisher;
mod putting;
mod rounds;
mod shares;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use input::{InputFault, Keys, NewEvent, Posted, parse_event, parse_events};
pub use ports::{Bus, Entry, EntryFault, FieldError, PutError, SignFailure, Signed, Signer, ToSign};
pub use publisher::{Outcome, Placed, PublishError, Publisher};
