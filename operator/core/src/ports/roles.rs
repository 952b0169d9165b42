//! The port to IAM's roles.

use super::Answer;
use crate::arn::{PolicyArn, RoleArn};
use crate::names::RoleName;
use crate::policy::PolicyDocument;
use crate::tags::{Packed, Tags};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

/// A role as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleFacts {
    /// Its ARN.
    pub arn: RoleArn,
    /// Who may take it.
    pub trust: PolicyDocument,
    /// Its permissions boundary.
    pub boundary: Option<PolicyArn>,
    /// Its tags.
    pub tags: Tags,
}

/// A role as a listing of many has it: with its inline policies by their names, and with its tags at rest, because
/// thousands are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRole {
    /// Its ARN.
    pub arn: RoleArn,
    /// Who may take it.
    pub trust: PolicyDocument,
    /// Its permissions boundary.
    pub boundary: Option<PolicyArn>,
    /// Its tags.
    pub tags: Packed,
    /// Its inline policies.
    pub policies: BTreeMap<String, PolicyDocument>,
}

impl ListedRole {
    /// The role as it is described alone.
    pub fn facts(&self) -> RoleFacts {
        let Self { arn, trust, boundary, tags, policies: _ } = self;
        RoleFacts { arn: arn.clone(), trust: trust.clone(), boundary: boundary.clone(), tags: tags.tags() }
    }
}

/// A role to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRole {
    /// Its name.
    pub name: RoleName,
    /// Its path.
    pub path: String,
    /// Its description.
    pub description: String,
    /// Who may take it.
    pub trust: PolicyDocument,
    /// Its permissions boundary.
    pub boundary: Option<PolicyArn>,
    /// Its tags.
    pub tags: Tags,
}

/// IAM's roles.
#[async_trait]
pub trait Roles: Send + Sync {
    /// The roles under a path, with all that is known of them: few calls for many roles.
    async fn list(&self, path: &str) -> Answer<BTreeMap<RoleName, ListedRole>>;
    /// The names of the roles under a path.
    async fn under(&self, path: &str) -> Answer<BTreeSet<RoleName>>;
    /// The role, if there is one.
    async fn role(&self, name: &RoleName) -> Answer<Option<RoleFacts>>;
    /// One inline policy of a role, if it has it.
    async fn inline_policy(&self, role: &RoleName, policy: &str) -> Answer<Option<PolicyDocument>>;
    /// Makes a role; a role of the name is a conflict.
    async fn create(&self, role: &NewRole) -> Answer<RoleArn>;
    /// Sets who may take a role.
    async fn set_trust(&self, name: &RoleName, trust: &PolicyDocument) -> Answer<()>;
    /// Sets a role's permissions boundary, or takes it away.
    async fn set_boundary(&self, name: &RoleName, boundary: Option<&PolicyArn>) -> Answer<()>;
    /// Sets an inline policy.
    async fn put_inline_policy(&self, role: &RoleName, policy: &str, document: &PolicyDocument) -> Answer<()>;
    /// Adds tags to a role.
    async fn tag(&self, name: &RoleName, tags: &Tags) -> Answer<()>;
    /// Takes tags away.
    async fn untag(&self, name: &RoleName, keys: &BTreeSet<String>) -> Answer<()>;
    /// Deletes an inline policy.
    async fn delete_inline_policy(&self, role: &RoleName, policy: &str) -> Answer<()>;
    /// Deletes a role; one that still has policies is a conflict.
    async fn delete(&self, name: &RoleName) -> Answer<()>;
}
