//! The controllers, one room a kind. Each is a pipeline of named steps, one file a step:
//! dereference → validate → observe → plan (pure, in `operator-core`) → apply → status.

pub(crate) mod consent;
pub mod event_bus;
pub mod event_rule;
mod granted;
pub mod inbox_queue;
mod owned;
pub mod signing_key;
#[cfg(test)]
mod templates;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests build objects that are right")]
pub(crate) mod tests;
pub mod world;
