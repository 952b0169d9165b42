//! Shows people the events that concern them: a correlation's timeline, and streams that follow it live.
//!
//! ```text
//!   journal /v1/changes ─▶ tail ──────────────▶ hub ─▶ outgoing (cursor: once each, resumable) ─▶ server ─▶ SSE
//!   qsl-clientupdates-inbox ─▶ inbox (verified) ─▶ hub   (ahead of the tail, for speed)
//!   GET /events/{correlationId} ─▶ oidc ─▶ viewer ─▶ journal /v1/timeline
//!   GET / ─▶ page (files in the binary), which uses the others as any client does
//! ```
//!
//! Rooms: [`viewer`] (who may see what), [`cursor`] (what a client has got), [`hub`] (who gets what, and what is
//! remembered) and [`outgoing`] (what goes to one client) decide purely; [`oidc`] and [`tickets`] prove who asks,
//! [`addresses`] says from where; [`tail`], [`inbox`] and [`journal`] bring events; [`http`] is thin, and [`page`] is
//! files with their headers; [`server`] holds thousands of connections in little memory.

pub mod addresses;
pub mod app;
pub mod cursor;
pub mod event;
pub mod http;
pub mod hub;
pub mod inbox;
pub mod journal;
pub mod metrics;
pub mod oidc;
pub mod outgoing;
pub mod page;
pub mod server;
pub mod settings;
pub mod sse;
pub mod tail;
pub mod tickets;
pub mod viewer;
