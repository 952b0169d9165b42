//! Roles, which buses (publishers) and inboxes (consumers) make.

use crate::arn::PolicyArn;
use crate::claim::Claim;
use crate::difference::Difference;
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{RoleName, role_path};
use crate::owner::{Owner, ServiceAccount};
use crate::policy::PolicyDocument;
use crate::policy::role::{INLINE_POLICY, TRUST_POLICY_MAX, trust};
use crate::ports::{Aws, NewRole, RoleFacts};
use crate::tags::{self, TagChange, Tags};
use std::collections::BTreeSet;

/// A role that should be there: the role itself and its one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRole {
    /// The role.
    pub role: NewRole,
    /// What it may do.
    pub policy: PolicyDocument,
}

impl DesiredRole {
    /// A role of `owner` that `accounts` may take.
    pub fn new(
        installation: &Installation,
        owner: &Owner,
        name: RoleName,
        accounts: &BTreeSet<ServiceAccount>,
        policy: PolicyDocument,
        user_tags: &Tags,
    ) -> Self {
        let role = NewRole {
            name,
            path: role_path(installation, owner),
            description: format!("Made by QSL Eventing for {owner}"),
            trust: trust(installation, accounts),
            boundary: installation.permissions_boundary.clone(),
            tags: tags::wanted(installation, owner, user_tags),
        };
        Self { role, policy }
    }
}

/// A role of ours that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRole {
    /// The role.
    pub facts: RoleFacts,
    /// Its policy.
    pub policy: Option<PolicyDocument>,
}

/// Something to do about a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleAction {
    /// Make it.
    Create(Box<NewRole>),
    /// Set who may take it.
    SetTrust(RoleName, PolicyDocument),
    /// Set its permissions boundary.
    SetBoundary(RoleName, Option<PolicyArn>),
    /// Set what it may do.
    PutPolicy(RoleName, PolicyDocument),
    /// Add tags.
    Tag(RoleName, Tags),
    /// Take away tags that were set by us.
    Untag(RoleName, BTreeSet<String>),
    /// Delete it and its policy.
    Delete(RoleName),
}

impl RoleAction {
    /// A change of tags.
    pub fn of_tags(name: &RoleName, change: TagChange) -> Self {
        match change {
            TagChange::Put(tags) => Self::Tag(name.clone(), tags),
            TagChange::Take(keys) => Self::Untag(name.clone(), keys),
        }
    }

    /// The role that it is about.
    pub fn name(&self) -> &RoleName {
        match self {
            Self::Create(role) => &role.name,
            Self::SetTrust(name, _)
            | Self::SetBoundary(name, _)
            | Self::PutPolicy(name, _)
            | Self::Tag(name, _)
            | Self::Untag(name, _)
            | Self::Delete(name) => name,
        }
    }

    /// What it does, in a reader's words.
    pub fn describe(&self) -> String {
        match self {
            Self::Create(role) => format!("create role {}", role.name),
            Self::SetTrust(name, _) => format!("set who may take role {name}"),
            Self::SetBoundary(name, _) => format!("set the permissions boundary of role {name}"),
            Self::PutPolicy(name, _) => format!("set the policy of role {name}"),
            Self::Tag(name, _) => format!("tag role {name}"),
            Self::Untag(name, _) => format!("untag role {name}"),
            Self::Delete(name) => format!("delete role {name}"),
        }
    }
}

/// What an action that is planned puts right of a role.
pub(crate) fn differences(seen: Option<&SeenRole>, action: &RoleAction) -> Vec<Difference> {
    let thing = format!("role {}", action.name());
    let tags = |seen: Option<&SeenRole>| seen.map(|role| role.facts.tags.clone()).unwrap_or_default();
    match action {
        RoleAction::Create(_) => vec![Difference::missing(thing)],
        RoleAction::SetTrust(..) => vec![Difference::document(thing, "trust policy")],
        RoleAction::SetBoundary(_, wanted) => {
            let found = seen.and_then(|role| role.facts.boundary.as_ref()).map(ToString::to_string);
            let wanted = wanted.as_ref().map(ToString::to_string);
            vec![Difference::optional(thing, "permissions boundary", found, wanted)]
        }
        // The permissions of a role that is not there go with the role.
        RoleAction::PutPolicy(..) if seen.is_none() => Vec::new(),
        RoleAction::PutPolicy(..) => vec![Difference::document(thing, "permissions")],
        RoleAction::Tag(_, put) => Difference::tags_put(thing, put, &tags(seen)),
        RoleAction::Untag(_, keys) => Difference::tags_taken(thing, keys, &tags(seen)),
        RoleAction::Delete(_) => vec![Difference::superfluous(thing)],
    }
}

/// Reads a role and refuses one that the owner's claim does not reach.
pub(crate) async fn observe(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    claim: Claim,
    name: &RoleName,
) -> Result<Option<SeenRole>, AwsError> {
    let Some(facts) = aws.roles.role(name).await? else {
        return Ok(None);
    };
    claim.check(installation, owner, &facts.tags, "IAM", &format!("role {name}"))?;
    let policy = aws.roles.inline_policy(name, INLINE_POLICY).await?;
    Ok(Some(SeenRole { facts, policy }))
}

/// Reads a role that may be somebody else's: then it is as if it were not there.
pub(crate) async fn observe_own(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    name: &RoleName,
) -> Result<Option<SeenRole>, AwsError> {
    match observe(aws, installation, owner, Claim::Own, name).await {
        Err(error) if matches!(error.class, ErrorClass::NotOurs { .. }) => Ok(None),
        other => other,
    }
}

/// What makes a role nobody's.
pub(crate) fn release(name: &RoleName, owner: &Owner) -> [RoleAction; 2] {
    tags::release(owner).map(|change| RoleAction::of_tags(name, change))
}

/// What to do about one role.
pub(crate) fn plan(desired: &DesiredRole, seen: Option<&SeenRole>) -> Vec<RoleAction> {
    let DesiredRole { role, policy } = desired;
    let name = || role.name.clone();
    let mut actions = Vec::new();
    if let Some(SeenRole { facts, .. }) = seen {
        // Marked first: what is adopted is ours before it is changed.
        actions.extend(
            tags::changes(&role.tags, &facts.tags).into_iter().map(|change| RoleAction::of_tags(&role.name, change)),
        );
        if facts.boundary != role.boundary {
            actions.push(RoleAction::SetBoundary(name(), role.boundary.clone()));
        }
        if facts.trust != role.trust {
            actions.push(RoleAction::SetTrust(name(), role.trust.clone()));
        }
    } else {
        actions.push(RoleAction::Create(Box::new(role.clone())));
    }
    if seen.and_then(|seen| seen.policy.as_ref()) != Some(policy) {
        actions.push(RoleAction::PutPolicy(name(), policy.clone()));
    }
    actions
}

/// Does it.
pub(crate) async fn apply(aws: &Aws, action: &RoleAction) -> Result<(), AwsError> {
    let roles = &aws.roles;
    match action {
        RoleAction::Create(role) => {
            check_trust(&role.trust)?;
            roles.create(role).await.map(drop)
        }
        RoleAction::SetTrust(name, trust) => {
            check_trust(trust)?;
            roles.set_trust(name, trust).await
        }
        RoleAction::SetBoundary(name, boundary) => roles.set_boundary(name, boundary.as_ref()).await,
        RoleAction::PutPolicy(name, policy) => roles.put_inline_policy(name, INLINE_POLICY, policy).await,
        RoleAction::Tag(name, tags) => roles.tag(name, tags).await,
        RoleAction::Untag(name, keys) => roles.untag(name, keys).await,
        RoleAction::Delete(name) => {
            roles.delete_inline_policy(name, INLINE_POLICY).await?;
            roles.delete(name).await
        }
    }
}

fn check_trust(trust: &PolicyDocument) -> Result<(), AwsError> {
    let length = trust.as_text().len();
    if length <= TRUST_POLICY_MAX {
        return Ok(());
    }
    Err(AwsError::new(
        ErrorClass::Invalid,
        "IAM",
        "AssumeRolePolicyDocument",
        format!("the trust policy has {length} characters of {TRUST_POLICY_MAX}: name fewer service accounts"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_trust_policy_that_is_too_long_is_refused_with_the_way_out() {
        let padded = |length: usize| PolicyDocument::new(json!({"Sid": "x".repeat(length)}));
        let frame = padded(0).as_text().len();
        assert_eq!(check_trust(&padded(TRUST_POLICY_MAX - frame)), Ok(()));
        let refused = check_trust(&padded(TRUST_POLICY_MAX - frame + 1)).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|said| said.contains("2049 characters of 2048: name fewer service accounts")));
    }
}
