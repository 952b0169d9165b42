//! IAM, in memory.

use super::writing::as_returned;
use super::{FakeAws, State, refuse};
use crate::arn::{PolicyArn, RoleArn};
use crate::error::{AwsError, ErrorClass};
use crate::names::RoleName;
use crate::policy::PolicyDocument;
use crate::policy::role::TRUST_POLICY_MAX;
use crate::ports::{Answer, ListedRole, NewRole, RoleFacts, Roles};
use crate::tags::{Packed, Tags};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};

const SERVICE: &str = "IAM";

#[derive(Debug)]
pub(super) struct Role {
    pub(super) path: String,
    arn: RoleArn,
    pub(super) trust: PolicyDocument,
    pub(super) boundary: Option<PolicyArn>,
    pub(super) tags: Packed,
    pub(super) policies: BTreeMap<String, PolicyDocument>,
}

impl Role {
    fn returned(&self) -> RoleFacts {
        let Self { path: _, arn, trust, boundary, tags, policies: _ } = self;
        RoleFacts { arn: arn.clone(), trust: as_returned(trust), boundary: boundary.clone(), tags: tags.tags() }
    }

    fn listed(&self) -> ListedRole {
        let Self { path: _, arn, trust, boundary, tags, policies } = self;
        ListedRole {
            arn: arn.clone(),
            trust: as_returned(trust),
            boundary: boundary.clone(),
            tags: tags.clone(),
            policies: policies.iter().map(|(name, policy)| (name.clone(), as_returned(policy))).collect(),
        }
    }
}

impl State {
    fn role_mut(&mut self, operation: &'static str, name: &RoleName) -> Result<&mut Role, AwsError> {
        self.roles.get_mut(name).ok_or_else(|| {
            AwsError::new(ErrorClass::Missing, SERVICE, operation, format!("role {name} does not exist"))
        })
    }
}

fn check_trust(operation: &'static str, trust: &PolicyDocument) -> Result<(), AwsError> {
    if trust.as_text().len() <= TRUST_POLICY_MAX {
        return Ok(());
    }
    let message = "cannot exceed the quota for ACLSizePerRole".to_owned();
    refuse(ErrorClass::LimitExceeded, SERVICE, operation, message)
}

#[async_trait]
impl Roles for FakeAws {
    async fn list(&self, path: &str) -> Answer<BTreeMap<RoleName, ListedRole>> {
        self.call(SERVICE, "GetAccountAuthorizationDetails", false, |state| {
            let found = state.roles.iter().filter(|(_, role)| role.path.starts_with(path));
            Ok(found.map(|(name, role)| (name.clone(), role.listed())).collect())
        })
        .await
    }

    async fn under(&self, path: &str) -> Answer<BTreeSet<RoleName>> {
        self.call(SERVICE, "ListRoles", false, |state| {
            let found = state.roles.iter().filter(|(_, role)| role.path.starts_with(path));
            Ok(found.map(|(name, _)| name.clone()).collect())
        })
        .await
    }

    async fn role(&self, name: &RoleName) -> Answer<Option<RoleFacts>> {
        self.call(SERVICE, "GetRole", false, |state| Ok(state.roles.get(name).map(Role::returned))).await
    }

    async fn inline_policy(&self, role: &RoleName, policy: &str) -> Answer<Option<PolicyDocument>> {
        self.call(SERVICE, "GetRolePolicy", false, |state| {
            Ok(state.roles.get(role).and_then(|role| role.policies.get(policy).map(as_returned)))
        })
        .await
    }

    async fn create(&self, new: &NewRole) -> Answer<RoleArn> {
        let operation = "CreateRole";
        self.call(SERVICE, operation, true, |state| {
            check_trust(operation, &new.trust)?;
            if state.role_names.contains(&new.name.as_str().to_ascii_lowercase()) {
                return refuse(ErrorClass::Conflict, SERVICE, operation, format!("{} exists", new.name));
            }
            let installation = &self.0.installation;
            let text =
                format!("arn:{}:iam::{}:role{}{}", installation.partition, installation.account, new.path, new.name);
            let arn = RoleArn::parse(&text)
                .map_err(|error| AwsError::new(ErrorClass::Invalid, SERVICE, operation, error.to_string()))?;
            let role = Role {
                path: new.path.clone(),
                arn: arn.clone(),
                trust: new.trust.clone(),
                boundary: new.boundary.clone(),
                tags: Packed::new(&new.tags),
                policies: BTreeMap::new(),
            };
            state.role_names.insert(new.name.as_str().to_ascii_lowercase());
            state.roles.insert(new.name.clone(), role);
            Ok(arn)
        })
        .await
    }

    async fn set_trust(&self, name: &RoleName, trust: &PolicyDocument) -> Answer<()> {
        let operation = "UpdateAssumeRolePolicy";
        self.call(SERVICE, operation, true, |state| {
            check_trust(operation, trust)?;
            state.role_mut(operation, name)?.trust = trust.clone();
            Ok(())
        })
        .await
    }

    async fn set_boundary(&self, name: &RoleName, boundary: Option<&PolicyArn>) -> Answer<()> {
        let operation = "PutRolePermissionsBoundary";
        self.call(SERVICE, operation, true, |state| {
            state.role_mut(operation, name)?.boundary = boundary.cloned();
            Ok(())
        })
        .await
    }

    async fn put_inline_policy(&self, role: &RoleName, policy: &str, document: &PolicyDocument) -> Answer<()> {
        let operation = "PutRolePolicy";
        self.call(SERVICE, operation, true, |state| {
            state.role_mut(operation, role)?.policies.insert(policy.to_owned(), document.clone());
            Ok(())
        })
        .await
    }

    async fn tag(&self, name: &RoleName, tags: &Tags) -> Answer<()> {
        let operation = "TagRole";
        self.call(SERVICE, operation, true, |state| {
            state.role_mut(operation, name)?.tags.change(|known| known.extend(tags.clone()));
            Ok(())
        })
        .await
    }

    async fn untag(&self, name: &RoleName, keys: &BTreeSet<String>) -> Answer<()> {
        let operation = "UntagRole";
        self.call(SERVICE, operation, true, |state| {
            state.role_mut(operation, name)?.tags.change(|known| known.retain(|key, _| !keys.contains(key)));
            Ok(())
        })
        .await
    }

    async fn delete_inline_policy(&self, role: &RoleName, policy: &str) -> Answer<()> {
        self.call(SERVICE, "DeleteRolePolicy", true, |state| {
            if let Some(role) = state.roles.get_mut(role) {
                role.policies.remove(policy);
            }
            Ok(())
        })
        .await
    }

    async fn delete(&self, name: &RoleName) -> Answer<()> {
        let operation = "DeleteRole";
        self.call(SERVICE, operation, true, |state| {
            if state.roles.get(name).is_some_and(|role| !role.policies.is_empty()) {
                return refuse(ErrorClass::Conflict, SERVICE, operation, format!("{name} has policies"));
            }
            state.roles.remove(name);
            state.role_names.remove(&name.as_str().to_ascii_lowercase());
            Ok(())
        })
        .await
    }
}
