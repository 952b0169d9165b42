//! What the operator wants of AWS, and what it does about it: pure decisions, and ports they act through.
//!
//! In comes a *desired* thing, fully parsed; `observe` reads what is there (and refuses what is somebody else's);
//! `plan` says what to do, in order, and is empty after it was done; `apply` does it and returns what stands.
//! No Kubernetes and no AWS SDK here: the controllers are in `operator`, the adapters in `operator-aws`.
//!
//! - [`bus`], [`rule`], [`inbox`]: a room a kind, each with desired, observed, plan, apply and delete
//! - [`subscription`]: the rules that an inbox's subscriptions stand for
//! - [`role`], [`alarm`], [`key`]: roles, alarms and customers' keys, which buses and inboxes share; [`policy`]: the
//!   documents; [`pattern`]: event patterns
//! - [`names`], [`arn`], [`owner`], [`tags`], [`claim`], [`installation`]: what things are called and whose they are
//! - [`difference`]: what differs, for drift and for who only observes
//! - [`budget`]: how many calls a service gets, and what throttled answers do to that
//! - [`ports`], [`error`]: what is asked of AWS, and how it fails; [`economy`]: what need not be asked again; `fake`:
//!   an AWS in memory that refuses as AWS does

pub mod alarm;
pub mod arn;
pub mod budget;
pub mod bus;
pub mod claim;
pub mod deletion;
pub mod difference;
pub mod economy;
pub mod error;
#[cfg(feature = "test-util")]
pub mod fake;
pub mod inbox;
pub mod installation;
pub mod key;
pub mod names;
pub mod owner;
pub mod parse;
pub mod pattern;
pub mod policy;
pub mod ports;
pub mod role;
pub mod rule;
pub mod subscription;
pub mod tags;
pub mod tenancy;

pub use claim::Claim;
pub use error::{AwsError, ErrorClass};
pub use installation::Installation;
pub use parse::ParseError;
pub use ports::Aws;
pub use tenancy::Tenancy;
