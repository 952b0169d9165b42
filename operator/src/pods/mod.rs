//! Pods as they stand: which were to have a sidecar and have none, and what the sidecars of the others wait for.
//!
//! In: all pods, page by page every few minutes, the objects of the hub, and what is published. Out: an Event on each
//! such pod, once, and two metrics. Pods themselves are never changed.
//!
//! Pure: [`missed`] and [`waits`] judge one pod. [`pages`] reads, [`told`] remembers who was told, [`metrics`] shows
//! what the last round found, [`rounds`] goes round. The leader does this; it needs no more than to list pods.

pub mod metrics;
pub mod missed;
pub mod pages;
pub mod rounds;
pub mod told;
pub mod waits;

pub use metrics::PodMetrics;
pub use rounds::Rounds;
pub use told::Told;
