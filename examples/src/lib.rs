//! What the five example services share: nothing of the platform's, only HTTP on localhost.
//!
//! A service that uses the platform needs one or both of these, in any language:
//! - [`delivery`]: events arrive as HTTP requests from the sidecar, which is known by its bearer token;
//! - [`publish`]: events leave by a `POST` to the sidecar.
//!
//! [`ledger`] is the table that makes a handler idempotent, and what `GET /handled` shows; [`records`] is where tests have
//! it written down as well. [`server`] is the usual frame around it.

pub mod delivery;
pub mod ledger;
pub mod publish;
pub mod records;
pub mod server;

pub use delivery::{Delivery, DeliveryToken};
pub use ledger::Ledger;
pub use publish::{Event, Publisher};
pub use records::NotWritten;
pub use server::{Consumer, consumer_routes, serve};
