//! What our server binaries share, and nothing of their subject: TLS and its provider, logs, limits, health,
//! authentication and authorisation of service accounts, watches that tell when they hang, problems.
//!
//! ```text
//!   main ─▶ install_crypto, logging::init or traces::init ─▶ shutdown::on_signals ─▶ Tasks
//!                                                                     ├─ server::Server (TLS from a mounted folder)
//!                                                                     └─ admin (/livez /readyz /metrics)
//!   request ─▶ server::Limits ─▶ authentication::Caller (TokenReview) ─▶ authorisation ─▶ handler ─▶ Problem | answer
//! ```
//!
//! Rooms: [`logging`], [`traces`], [`shutdown`], [`tasks`], [`server`], [`admin`], [`authentication`],
//! [`authorisation`], [`watching`], [`unquoted`], [`seldom`], [`problem`].

pub mod admin;
pub mod authentication;
pub mod authorisation;
pub mod logging;
pub mod problem;
pub mod seldom;
pub mod server;
pub mod shutdown;
pub mod tasks;
pub mod traces;
pub mod unquoted;
pub mod watching;

pub use problem::Problem;
pub use unquoted::Unquoted;

/// Makes aws-lc-rs the provider of every TLS connection of this process. Call it first in `main`; calling it again
/// changes nothing.
pub fn install_crypto() {
    // An error means that a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The exit code of a process whose configuration is wrong (`EX_USAGE` of sysexits).
pub const EXIT_CONFIGURATION: u8 = 64;
