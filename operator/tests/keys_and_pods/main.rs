//! Keys, signed documents and webhooks against a real API server; AWS is not asked for any of it.
//!
//! One control plane, one operator (its first start, webhooks, SigningKeys and publication) serve all tests of this
//! program; each test has namespaces of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod certificates;
mod deletion;
mod documents;
mod first_start;
mod logged;
mod pods;
mod rig;
mod roots;
mod rotation;
mod sidecars;
mod signing_keys;
#[path = "../support/mod.rs"]
mod support;
mod two_operators;
mod validation;
