//! What happens in AWS when an object is deleted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of the AWS resources when the object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They are deleted too, unless something is in the way (condition `DeletionBlocked`).
    #[default]
    Delete,
    /// They stay as they are, and belong to no object any more.
    Retain,
}
