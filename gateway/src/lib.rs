//! Shows people the events that concern them: a correlation's timeline, and streams that follow it live.
//!
//! ```text
//!   journal /v1/changes ─▶ tail ──────────────▶ hub ─▶ cursor (once each, resumable) ─▶ SSE
//!   qsl-clientupdates-inbox ─▶ inbox (verified) ─▶ hub   (ahead of the tail, for speed)
//!   GET /events/{correlationId} ─▶ oidc ─▶ viewer ─▶ journal /v1/timeline
//!   GET / ─▶ page (files in the binary), which uses the others as any client does
//! ```
//!
//! Rooms: [`viewer`] (who may see what), [`cursor`] (what a client has got) and [`hub`] (who gets what) decide
//! purely; [`oidc`] proves who asks; [`tail`], [`inbox`] and [`journal`] bring events; [`http`] is thin, and [`page`] is
//! files with their headers.

pub mod app;
pub mod cursor;
pub mod event;
pub mod http;
pub mod hub;
pub mod inbox;
pub mod journal;
pub mod metrics;
pub mod oidc;
pub mod page;
pub mod settings;
pub mod tail;
pub mod viewer;
