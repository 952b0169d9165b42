//! `kubectl-qsl` as people run it: a real API server that gives tokens, an emulated AWS, a signature service over TLS behind
//! what stands for `kubectl port-forward`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

mod checking;
mod consuming;
mod dead_letters;
mod granting;
mod keys;
#[path = "../program/mod.rs"]
mod program;
mod publishing;
mod replaying;
mod service;
mod site;
mod tailing;
mod tracing;

use serde_json::Value;

/// The lines of an answer.
fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
