//! Tests of the whole system, on a cluster where the chart and the examples are installed.
//!
//! In: a kubeconfig, the AWS endpoint and the identity provider ([`environment`]). Out: what happened to each event
//! ([`report`]). The rooms: [`forward`] reaches Services, [`cloud`] is AWS as an outsider sees it, [`services`] speaks to
//! the example services, [`stream`] follows the gateway, [`tool`] is a person's
//! program, [`scenario`] is the story that demo and tests share. Three stories
//! are told by soaks, tests and a benchmark, two of them over one [`ground`]: [`rotation`] of keys that rotate under a
//! stream of events, [`flow`] of many events, poison among them, while pods are killed; [`replay`] of old events that are
//! handled once more.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a surprise ends the run with its place"
)]

pub mod cloud;
mod door;
pub mod environment;
pub mod flow;
mod forger;
pub mod forward;
pub mod ground;
mod letters;
pub mod replay;
pub mod report;
pub mod rotation;
pub mod scenario;
pub mod services;
mod shared;
pub mod stream;
pub mod tool;
pub mod verdict;
mod wait;
