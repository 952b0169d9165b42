//! What all controllers share.
//!
//! A kind's controller implements [`Reconciler`]: two functions, apply and clean up, that answer with a [`Report`] or a
//! [`Failure`]. Around them the [`Runner`] keeps the finalizer, writes conditions on every way out, and decides when
//! to look again. The rooms:
//! - [`hub`], [`watch`]: one watch and one store a kind, shared; every change reaches whoever may have waited for it;
//! - [`failure`]: `Wait`, `Retry`, `Terminal`, which are different types;
//! - [`outcome`] (what a pass came to), [`verdict`] (the conditions and the pause that follow; pure);
//! - [`backoff`]: how long to wait after a failure; pure;
//! - [`annotations`]: what an object's annotations ask for, [`expiry`]: and when it is to go; [`tell`]: what a pass
//!   changed, and drift; all pure;
//! - [`drive`]: the pass over one object, [`finalizer`], [`status`], [`record`]: what it writes; [`pending`]: what waits;
//! - [`metrics`], [`telemetry`]: what is counted and logged of all this.

pub mod annotations;
pub mod backoff;
pub mod drive;
pub mod expiry;
pub mod failure;
pub mod finalizer;
pub mod hub;
pub mod index;
pub mod metrics;
pub mod outcome;
pub mod pending;
pub mod record;
pub mod status;
pub mod telemetry;
pub mod tell;
pub mod verdict;
pub mod watch;

pub use drive::{Runner, RunnerSettings, run};
pub use failure::{Failure, Pace, Retry, Terminal, Wait};
pub use hub::Hub;
pub use index::Word;
pub use outcome::{Blocked, Cleanup, Look, Progress, Reconciler, Report};
pub use tell::Found;
pub use watch::{Change, Watched};

/// The name under which the operator owns what it writes in Kubernetes.
pub const FIELD_MANAGER: &str = "qsl-operator";
