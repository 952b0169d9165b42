//! The journal's program through kills: what was sent is recorded, each event
//! once, and nothing is acknowledged before it is on disk.
//!
//! `QSL_SOAK_MINUTES` makes the kills go on for so long (`cargo xtask soak journal`).
#![allow(missing_docs, clippy::unwrap_used)]

mod commits;
mod kills;
mod site;
