//! What must hold of whatever comes from outside, one check a module. Each takes bytes and panics where it does not
//! hold; what the bytes stand for is its own business.
//!
//! `cargo xtask soak fuzz` searches for bytes that break one. `eventing/tests/seeds.rs` runs each over the seeds, which
//! is where a find is put once it is mended.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "to panic is to find"
)]

pub mod body;
pub mod canonical;
pub mod compact;
pub mod event;
pub mod grant;
pub mod key_set;
mod keys;
