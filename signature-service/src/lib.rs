//! Signs events for those whom a bus names as publishers, grants that a message is sent again, and serves the buses'
//! key sets.
//!
//! ```text
//!   EventBuses, SigningKeys, key Secrets, key-set ConfigMaps,
//!   the namespaces' signed configuration ─▶ watches ─▶ trust (what the root signed) ─▶ Directory (one immutable value)
//!   POST /v1/sign ───▶ TokenReview ─▶ request ─▶ Directory::plan ─▶ signer ─▶ audit, answer
//!   POST /v1/grants ─▶ TokenReview ─▶ grant::Ask ─▶ SubjectAccessReview ─▶ grant::plan ─▶ signer ─▶ audit, answer
//!   GET /keys/jwks-pqc ─▶ Directory::key_sets ─▶ plain JSON or the signed bytes, held open until they change
//! ```
//!
//! Rooms: [`directory`], [`inbox`], [`trust`] and [`grant`] are pure (who may, which key, what is trusted, whether a
//! body verifies), [`request`] parses, [`signer`] signs what was planned within its [`places`], [`http`] is thin,
//! [`watches`] follows the API server, [`audit`] and [`metrics`] tell.

pub mod app;
pub mod audit;
pub mod directory;
pub mod grant;
pub mod http;
pub mod inbox;
pub mod metrics;
pub mod places;
pub mod request;
pub mod settings;
pub mod signer;
pub mod trust;
pub mod watches;
