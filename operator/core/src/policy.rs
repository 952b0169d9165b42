//! Policy documents: compared as what they say, and the ones that the operator writes.
//!
//! - `document`: a document and its canonical form
//! - `key`: whether a KMS key's policy lets EventBridge use it
//! - `grants`: what a policy that somebody else wrote lets EventBridge do
//! - `queue`: who may send to an inbox and to its dead-letter queue
//! - `role`: who may take a role, and what it may do

mod document;
pub mod grants;
pub mod key;
pub mod queue;
pub mod role;

pub use document::PolicyDocument;
pub(crate) use document::list;

/// The version that every document of ours carries.
pub(crate) const VERSION: &str = "2012-10-17";
