//! First start: what has to exist before anything else can work, made with the API server alone.
//!
//! In: the release's namespace. Out: Secret and ConfigMap `qsl-root` (the root key and its hash), Secret `qsl-ca`,
//! the serving certificates, the CA in the webhook configurations; and [`Installed`], for whoever signs or serves.
//!
//! - [`certificates`] makes and reads certificates, purely;
//! - [`root`], [`authority`], [`serving`] and [`webhooks`] each keep one thing, and heal it when it is gone;
//! - [`run`] goes through them at start and again and again.
//!
//! Every replica does this. They race: a *create* that finds the name taken reads what the other wrote, and a change
//! carries the version it is based on.

pub mod authority;
pub mod certificates;
pub mod root;
pub mod run;
pub mod serving;
pub mod webhooks;

pub use root::Root;
pub use run::{InstallError, Installation, Installed, ServingIdentity, WebhookCertificates};
