//! IAM behind the port `Roles`.

use crate::error::{Calls, unless_missing};
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, PolicyDetail, Role, RoleDetail, Tag};
use operator_core::arn::{PolicyArn, RoleArn};
use operator_core::error::{AwsError, ErrorClass};
use operator_core::names::RoleName;
use operator_core::policy::PolicyDocument;
use operator_core::ports::{Answer, ListedRole, NewRole, RoleFacts, Roles};
use operator_core::tags::{Packed, Tags};
use percent_encoding::percent_decode_str;
use std::collections::{BTreeMap, BTreeSet};

const CALLS: Calls = Calls("IAM");

/// The most roles that IAM gives on a page.
const PAGE: i32 = 1000;

/// IAM.
#[derive(Debug)]
pub(crate) struct Iam {
    client: Client,
}

/// Sends a request and classifies its error.
macro_rules! call {
    ($operation:literal, $request:expr) => {
        $request.send().await.map_err(|error| CALLS.error($operation, &error))
    };
}

impl Iam {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }
}

fn to_tags(tags: &Tags) -> Answer<Vec<Tag>> {
    tags.iter()
        .map(|(key, value)| {
            Tag::builder()
                .key(key)
                .value(value)
                .build()
                .map_err(|error| AwsError::new(ErrorClass::Invalid, CALLS.0, "TagRole", error.to_string()))
        })
        .collect()
}

/// IAM returns documents percent-encoded.
fn document(text: &str) -> PolicyDocument {
    PolicyDocument::from_text(&percent_decode_str(text).decode_utf8_lossy())
}

fn facts(role: &Role) -> Result<RoleFacts, String> {
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    Ok(RoleFacts {
        arn: RoleArn::parse(role.arn()).map_err(|e| e.to_string())?,
        trust: document(role.assume_role_policy_document().unwrap_or_default()),
        boundary: boundary.map(PolicyArn::parse).transpose().map_err(|e| e.to_string())?,
        tags: role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect(),
    })
}

fn listed(role: &RoleDetail) -> Result<(RoleName, ListedRole), String> {
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    let policies = role.role_policy_list().iter();
    let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let name = RoleName::parse(role.role_name().unwrap_or_default()).map_err(|e| e.to_string())?;
    let policy = |policy: &PolicyDetail| {
        (policy.policy_name().unwrap_or_default().to_owned(), document(policy.policy_document().unwrap_or_default()))
    };
    let listed = ListedRole {
        arn: RoleArn::parse(role.arn().unwrap_or_default()).map_err(|e| e.to_string())?,
        trust: document(role.assume_role_policy_document().unwrap_or_default()),
        boundary: boundary.map(PolicyArn::parse).transpose().map_err(|e| e.to_string())?,
        tags: Packed::new(&tags),
        policies: policies.map(policy).collect(),
    };
    Ok((name, listed))
}

#[async_trait]
impl Roles for Iam {
    async fn list(&self, path: &str) -> Answer<BTreeMap<RoleName, ListedRole>> {
        const OPERATION: &str = "GetAccountAuthorizationDetails";
        let (mut roles, mut marker) = (BTreeMap::new(), None);
        loop {
            // IAM lists all roles of the account here, whatever their path.
            let request = self.client.get_account_authorization_details().filter(EntityType::Role);
            let answer = call!("GetAccountAuthorizationDetails", request.max_items(PAGE).set_marker(marker))?;
            for role in answer.role_detail_list().iter().filter(|role| role.path().is_some_and(|p| p.starts_with(path)))
            {
                let (name, role) = listed(role).map_err(|reason| CALLS.unreadable(OPERATION, reason))?;
                roles.insert(name, role);
            }
            marker = answer.marker().filter(|_| answer.is_truncated()).map(str::to_owned);
            if marker.is_none() {
                return Ok(roles);
            }
        }
    }

    async fn under(&self, path: &str) -> Answer<BTreeSet<RoleName>> {
        let mut names = BTreeSet::new();
        let mut marker = None;
        loop {
            let request = self.client.list_roles().path_prefix(path).set_marker(marker);
            let answer = call!("ListRoles", request)?;
            for role in answer.roles() {
                let name = RoleName::parse(role.role_name()).map_err(|e| CALLS.unreadable("ListRoles", e))?;
                names.insert(name);
            }
            marker = answer.marker().filter(|_| answer.is_truncated()).map(str::to_owned);
            if marker.is_none() {
                return Ok(names);
            }
        }
    }

    async fn role(&self, name: &RoleName) -> Answer<Option<RoleFacts>> {
        let request = self.client.get_role().role_name(name.as_str());
        let answer = unless_missing(call!("GetRole", request))?;
        let role = answer.as_ref().and_then(|answer| answer.role());
        role.map(facts).transpose().map_err(|reason| CALLS.unreadable("GetRole", reason))
    }

    async fn inline_policy(&self, role: &RoleName, policy: &str) -> Answer<Option<PolicyDocument>> {
        let request = self.client.get_role_policy().role_name(role.as_str()).policy_name(policy);
        let answer = unless_missing(call!("GetRolePolicy", request))?;
        Ok(answer.map(|answer| document(answer.policy_document())))
    }

    async fn create(&self, role: &NewRole) -> Answer<RoleArn> {
        let request = self
            .client
            .create_role()
            .role_name(role.name.as_str())
            .path(&role.path)
            .description(&role.description)
            .assume_role_policy_document(role.trust.as_text())
            .set_permissions_boundary(role.boundary.as_ref().map(ToString::to_string))
            .set_tags(Some(to_tags(&role.tags)?));
        let answer = call!("CreateRole", request)?;
        let arn = answer.role().map(Role::arn).unwrap_or_default();
        RoleArn::parse(arn).map_err(|e| CALLS.unreadable("CreateRole", e))
    }

    async fn set_trust(&self, name: &RoleName, trust: &PolicyDocument) -> Answer<()> {
        let request = self.client.update_assume_role_policy().role_name(name.as_str()).policy_document(trust.as_text());
        call!("UpdateAssumeRolePolicy", request).map(drop)
    }

    async fn set_boundary(&self, name: &RoleName, boundary: Option<&PolicyArn>) -> Answer<()> {
        if let Some(boundary) = boundary {
            let request = self
                .client
                .put_role_permissions_boundary()
                .role_name(name.as_str())
                .permissions_boundary(boundary.to_string());
            call!("PutRolePermissionsBoundary", request).map(drop)
        } else {
            let request = self.client.delete_role_permissions_boundary().role_name(name.as_str());
            call!("DeleteRolePermissionsBoundary", request).map(drop)
        }
    }

    async fn put_inline_policy(&self, role: &RoleName, policy: &str, document: &PolicyDocument) -> Answer<()> {
        let request = self
            .client
            .put_role_policy()
            .role_name(role.as_str())
            .policy_name(policy)
            .policy_document(document.as_text());
        call!("PutRolePolicy", request).map(drop)
    }

    async fn tag(&self, name: &RoleName, tags: &Tags) -> Answer<()> {
        let request = self.client.tag_role().role_name(name.as_str()).set_tags(Some(to_tags(tags)?));
        call!("TagRole", request).map(drop)
    }

    async fn untag(&self, name: &RoleName, keys: &BTreeSet<String>) -> Answer<()> {
        let keys = keys.iter().cloned().collect();
        let request = self.client.untag_role().role_name(name.as_str()).set_tag_keys(Some(keys));
        call!("UntagRole", request).map(drop)
    }

    async fn delete_inline_policy(&self, role: &RoleName, policy: &str) -> Answer<()> {
        let request = self.client.delete_role_policy().role_name(role.as_str()).policy_name(policy);
        unless_missing(call!("DeleteRolePolicy", request)).map(drop)
    }

    async fn delete(&self, name: &RoleName) -> Answer<()> {
        let request = self.client.delete_role().role_name(name.as_str());
        unless_missing(call!("DeleteRole", request)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

    #[test]
    fn a_role_of_the_listing_comes_with_its_policies_tags_and_boundary() {
        let text = r#"{"Statement":[]}"#;
        let encoded = || percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
        let boundary = aws_sdk_iam::types::AttachedPermissionsBoundary::builder()
            .permissions_boundary_arn("arn:aws:iam::210987654321:policy/bound")
            .build();
        let detail = RoleDetail::builder()
            .role_name("qsl-1")
            .arn("arn:aws:iam::210987654321:role/qsl-eventing/0a/qsl-1")
            .assume_role_policy_document(encoded())
            .permissions_boundary(boundary)
            .tags(Tag::builder().key("team").value("red").build().unwrap())
            .role_policy_list(PolicyDetail::builder().policy_name("p").policy_document(encoded()).build())
            .build();
        let (name, role) = listed(&detail).unwrap();
        let (facts, policies) = (role.facts(), role.policies);
        assert_eq!((name.as_str(), facts.tags), ("qsl-1", Tags::from([("team".to_owned(), "red".to_owned())])));
        assert_eq!(facts.boundary, Some(PolicyArn::parse("arn:aws:iam::210987654321:policy/bound").unwrap()));
        assert_eq!(facts.trust, PolicyDocument::from_text(text));
        assert_eq!(policies, BTreeMap::from([("p".to_owned(), PolicyDocument::from_text(text))]));
        assert!(listed(&RoleDetail::builder().role_name("qsl-1").build()).unwrap_err().contains("role ARN"));
    }

    #[test]
    fn a_document_is_decoded_before_it_is_compared() {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"a b+c"}]}"#;
        let encoded = percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
        assert_eq!(document(&encoded), PolicyDocument::from_text(text));
    }
}
