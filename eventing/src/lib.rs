//! The signed event, and everything a part of QSL Eventing needs to trust one.
//!
//! In: bytes of a queue message, signed key sets, signed configuration, facts of an event to publish. Out: a
//! [`verify::Verified`] event or one [`verify::Code`]; a compact signature. No I/O, no clock, no AWS: adapters live in
//! `eventing-aws` and `eventing-http`.
//!
//! Rooms: [`types`], [`time`], [`envelope`], [`json`] and [`trace_context`] parse; [`compact`] and [`algorithm`] are the signature;
//! [`root`], [`keyset`], [`config`] and [`grant`] are the four things signed besides events; [`event_key`] names an
//! event; [`verify`] judges one; [`signing`] makes one; [`claim`] is what an inbox's consumers share of those handled.

pub mod algorithm;
pub mod attributes;
pub mod claim;
pub mod compact;
pub mod config;
pub mod consumer;
pub mod envelope;
pub mod event_key;
#[cfg(test)]
mod fixture;
pub mod grant;
pub mod json;
pub mod keyset;
pub mod publish;
pub mod root;
pub mod signing;
pub mod time;
pub mod trace_context;
pub mod types;
pub mod verify;
