//! Whose things in AWS an object may take, whether it changes them, and what becomes of them when it is deleted.

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

/// Whether the object may take over what it finds in AWS under its names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum AdoptionPolicy {
    /// It may not: what carries no mark of ours is refused (condition `Terminal`, reason `NotOurs`).
    #[default]
    Never,
    /// It takes over what nobody has marked, as far as `tenancy` of the installation lets its namespace; what is not
    /// there is made. What another object or another cluster owns is refused all the same.
    AdoptOrCreate,
}

/// Whether the object changes anything in AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ManagementPolicy {
    /// It brings AWS to what the spec says, and keeps it there.
    #[default]
    Manage,
    /// It reads and reports. Nothing is written or deleted; condition `Synced` says what differs from the spec.
    Observe,
}
