//! The journal: every verified event, durably, once, and in order.
//!
//! ```text
//!   qsl-journal-inbox ─▶ eventing::consumer (verify) ─▶ intake ─▶ recorder (batches) ─▶ EventStore ─▶ SurrealDB
//!                                                                    │ end of the journal (watch)
//!   gateway ─TLS, TokenReview─▶ api: changes ◀──────────────────────┘
//!   gateway, tools (by their right) ─▶ api: timeline, events, correlations, resources ─▶ EventReader ─▶ SurrealDB
//!   sidecars ─TLS, TokenReview, serviceAccounts─▶ api: claims ─▶ ClaimStore ─▶ SurrealDB
//! ```
//!
//! A message is acknowledged only after the transaction that holds it is on disk. Rooms: [`event`] is what is written,
//! [`entry`] what is read; [`append`] decides what a batch changes, [`query`] which index leads to what is asked for and
//! [`recent`] which correlations are of late, all purely; [`store`] is the ports and their SurrealDB adapter, which
//! [`retention`] and [`backup`] use too; [`recorder`] is the single writer; [`intake`] is the consumer's handler; [`claims`] are what the
//! consumers of an inbox share of what they handled, and [`consumers`] knows who those are; [`api`] answers; [`observe`] logs
//! and counts; [`settings`] are the flags; [`app`] wires all of it.

pub mod api;
pub mod app;
pub mod append;
pub mod backup;
pub mod claims;
pub mod consumers;
pub mod entry;
pub mod event;
pub mod intake;
pub mod observe;
pub mod query;
pub mod recent;
pub mod recorder;
pub mod retention;
pub mod settings;
pub mod store;
#[cfg(test)]
mod testing;
