//! What `operator-core` decides, on an AWS in memory that refuses what AWS refuses. One program: what a mutant costs is
//! mostly the linking of its tests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]

mod adoption;
mod alarms_sound;
mod bus_encryption;
mod bus_extras;
mod buses;
mod drift;
mod economy;
mod faults;
mod inbox_alarms;
mod inbox_encryption;
mod inbox_policies;
mod inbox_retention;
mod inbox_room;
mod inbox_settings;
mod inboxes;
mod leaving;
mod patterns;
mod properties;
mod rules;
mod splitting;
mod support;
mod what_aws_refuses;
