//! The operator of QSL Eventing.
//!
//! In come the objects of the four kinds (watched), pods at admission, and what AWS holds; out go changes in AWS
//! (through the ports of `operator-core`), Secrets and ConfigMaps (keys, signed key sets and configuration), statuses
//! and Events, and the answers of the webhooks. The rooms:
//! - [`app`]: wiring; the only place that knows both Kubernetes and AWS clients;
//! - [`settings`]: flags and their variables;
//! - [`runner`]: what all controllers share: watches that wake, finalizer, error classes, backoff, conditions,
//!   Events, metrics;
//! - [`leadership`]: who of the replicas works, and the fence around what it writes; [`calls`]: what every call to AWS
//!   passes through: fence, budget, deadline, metrics;
//! - [`controllers`]: one room a kind: dereference → validate → observe → plan → apply → status;
//! - [`keys`], [`installation`], [`publication`]: keys and their rotation, root key and certificates, signed documents;
//! - [`pods`]: pods that have no sidecar though they ask, and what the sidecars of others wait for;
//! - [`secrets`]: how Secrets are read and written, by whoever of the above does;
//! - [`webhooks`]: the injector;
//! - [`uninstall`], [`check`]: what runs by itself, before the release goes and for `helm test`.

pub mod app;
pub mod calls;
pub mod check;
pub mod controllers;
pub mod installation;
pub mod keys;
pub mod leadership;
pub mod pods;
pub mod publication;
pub mod runner;
pub mod secrets;
pub mod settings;
pub mod uninstall;
pub mod webhooks;
