//! The ports of `eventing` on AWS: an inbox is an SQS queue, a bus is EventBridge's.
//!
//! In: a role and a region from signed configuration, a projected token file. Out: [`Sqs`] (the consumer's queue) and
//! [`EventBridge`] (the publisher's bus). Credentials come by web identity alone; endpoints by the SDK's own variables.
//!
//! Rooms: [`credentials`] assumes roles; [`sqs`] and [`eventbridge`] translate, and decide nothing.

pub mod credentials;
pub mod eventbridge;
pub mod sqs;

pub use credentials::Identity;
pub use eventbridge::EventBridge;
pub use sqs::Sqs;
