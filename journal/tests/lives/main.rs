//! The journal's program through kills, outages of its database and full disks: what was sent is recorded, each event
//! once, and nothing is acknowledged before it is on disk.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod backups;
mod commits;
mod disk;
mod kills;
mod remote;
mod site;
mod slow;
mod soak;
