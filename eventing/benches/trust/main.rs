//! `cargo xtask bench trust`: what it costs to trust an event, measured against the bare signature in the same run.
//!
//! [`events`] makes signed events of a size; [`measure`] times their verification and the bare one in turns, so that a
//! busy machine falls on both; [`figures`] says what of.

#![allow(unreachable_pub, reason = "in a program, `pub` says what its other modules use")]
#![allow(missing_docs, reason = "a program's own parts")]

mod events;
mod figures;
mod measure;

use std::alloc::System;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts allocations; what it adds to one is two additions.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Debug, Parser)]
pub struct Arguments {
    /// How often each event is verified.
    #[arg(long, default_value_t = 4_000)]
    pub rounds: usize,
    /// Write the figures here too.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

fn main() -> Result<()> {
    // Cargo adds this to whatever it runs as a benchmark.
    let given = std::env::args().filter(|argument| argument != "--bench");
    figures::run(&Arguments::parse_from(given))
}
