//! The sidecar: events arrive at the application as plain HTTP on localhost, already verified; events it posts to
//! localhost leave signed.
//!
//! In: an inbox (SQS), `POST /v1/events` on loopback, signed configuration and key sets (mounted), projected tokens.
//! Out: requests to the application's port, signed events on a bus, dead letters, metrics.
//!
//! Rooms: [`args`] is what it is told, [`app`] puts the parts together and ends them in order; [`forward`] is the
//! consumer's handler, [`exposure`] a look at who else may reach the application; [`api`] and [`guard`] the loopback API,
//! [`content`] what a request may hold, [`problem`]s its answers; [`publishing`] the bus as
//! its configuration changes; [`token`] the delivery token; [`admin`] health and metrics; [`serve`] the servers of
//! both; [`traces`] the spans it records; [`drain`] the other end of
//! `consumer-sidecar drain`.

pub mod admin;
pub mod api;
pub mod app;
pub mod args;
pub mod content;
pub mod drain;
pub mod exposure;
pub mod forward;
pub mod guard;
pub mod problem;
pub mod publishing;
pub mod serve;
pub mod token;
pub mod traces;
