//! Signs events for those whom a bus names as publishers, and serves the buses' key sets.
//!
//! ```text
//!   EventBuses, SigningKeys, key Secrets, key-set ConfigMaps ─▶ watches ─▶ Directory (one immutable value)
//!   POST /v1/sign ─▶ TokenReview ─▶ request ─▶ Directory::plan ─▶ signer ─▶ audit, answer
//!   GET /keys/jwks-pqc ───────────────────────▶ Directory::key_set ─▶ plain JSON or the signed bytes
//! ```
//!
//! Rooms: [`directory`] is pure (who may, which key), [`request`] parses, [`signer`] signs what was planned,
//! [`http`] is thin, [`watches`] follows the API server, [`audit`] and [`metrics`] tell.

pub mod app;
pub mod audit;
pub mod directory;
pub mod http;
pub mod metrics;
pub mod request;
pub mod settings;
pub mod signer;
pub mod watches;
