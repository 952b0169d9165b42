//! A Kubernetes and an AWS for tests, started as child processes and gone with the value that holds them.
//!
//! - [`Assets`]: where the programs are (`KUBEBUILDER_ASSETS`, or the cached build of `node/`).
//! - [`ControlPlane`]: etcd and an API server; no root; ready in seconds; any number at once.
//! - [`Node`]: a whole node that runs pods; root, Linux.
//! - [`Emulator`]: an AWS emulator on a free loopback port.
//! - [`Definitions`]: the CustomResourceDefinitions of other projects (KEDA, cert-manager, the Prometheus operator).
//! - [`cache`]: the folder outside the tree in which all slow things are kept, and its keys.
//!
//! Everything here is synchronous and blocks; from async tests call it before the first await, or in `spawn_blocking`.

pub mod cache;

mod assets;
mod control_plane;
mod definitions;
mod emulator;
mod kubectl;
mod node;
mod supervisor;

pub use assets::Assets;
pub use control_plane::ControlPlane;
pub use definitions::Definitions;
pub use emulator::Emulator;
pub use kubectl::Kubectl;
pub use node::{Node, NodeFacts, NodeOptions};
