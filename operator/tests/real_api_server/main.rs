//! The controllers against a real API server, with an AWS in memory that refuses what AWS refuses; and once against
//! the emulator, through the real adapters.
//!
//! One control plane and one operator serve all tests of this program; each test has namespaces and names of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod asked;
mod bounds;
mod buses;
mod by_hand;
mod consent;
mod defaults;
mod deletion;
mod disturbed;
mod drill;
mod emulator;
mod events;
mod expiry;
mod inbox_in_aws;
mod inbox_refusals;
mod inbox_status;
mod keda;
mod lifecycle;
mod observing;
mod outages;
mod refusals;
mod replicas;
mod rig;
mod rule_refusals;
mod rules;
mod sequences;
mod settling;
mod subscriptions;
#[path = "../support/mod.rs"]
mod support;
mod taking;
mod uninstall;
