//! The program against a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod keys;
mod plane;
#[path = "../program/mod.rs"]
mod program;
