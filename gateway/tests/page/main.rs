//! The page in a real Chromium, on a gateway with a journal and an identity provider on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod access;
mod browser;
#[path = "../world/mod.rs"]
mod ground;
mod interface;
mod live;
mod order;
mod path;
mod world;
