//! The operator's adapters to AWS: EventBridge, SQS, IAM, CloudWatch and KMS behind the ports of `operator-core`, and
//! STS.
//!
//! An adapter turns the words of a port into calls of the SDK and its answers back, and an error's code into its
//! class. It decides nothing. Credentials come from the SDK's default chain (web identity in a cluster), and so
//! does an endpoint (`AWS_ENDPOINT_URL`).
//!
//! - [`connect`]: clients from one configuration; [`caller`]: whose credentials these are
//! - `buses`, `queues`, `roles`, `monitoring`, `keys`: one adapter a service; `error`: codes to classes

mod buses;
mod caller;
mod connect;
mod error;
mod keys;
mod monitoring;
mod queues;
mod roles;

pub use caller::{Caller, caller};
pub use connect::{ATTEMPT_TIMEOUT, connect, load};
