//! Roles that are listed with their policies, where several are asked for.

use super::shelf::{Known, Look, Shelf};
use super::{Now, lock};
use crate::arn::{PolicyArn, RoleArn};
use crate::names::{ROLES_PATH, RoleName};
use crate::policy::PolicyDocument;
use crate::ports::{Answer, ListedRole, NewRole, RoleFacts, Roles};
use crate::tags::{Packed, Tags};
use async_trait::async_trait;
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is remembered of roles.
pub(super) struct Memory {
    now: Now,
    shelf: Mutex<Shelf<RoleName, ListedRole>>,
}

impl Memory {
    pub(super) fn new(listing_serves: Duration, now: &Now) -> Self {
        Self { now: now.clone(), shelf: Mutex::new(Shelf::new(listing_serves)) }
    }
}

/// The port.
pub(super) struct Remembering {
    aws: Arc<dyn Roles>,
    memory: Arc<Memory>,
    fresh: bool,
}

impl Remembering {
    pub(super) fn new(aws: Arc<dyn Roles>, memory: Arc<Memory>, fresh: bool) -> Self {
        Self { aws, memory, fresh }
    }

    /// The listing to answer from, if this is answered from one.
    async fn listing(&self) -> Option<Arc<BTreeMap<RoleName, ListedRole>>> {
        if self.fresh {
            return None;
        }
        let now = (self.memory.now)();
        let list = || {
            let aws = self.aws.clone();
            async move { aws.list(ROLES_PATH).await }.boxed()
        };
        let look = lock(&self.memory.shelf).look(now, list);
        let Look::Listing(listing) = look else { return None };
        match listing.await {
            Ok(listed) => Some(listed),
            Err(error) => {
                // Each is then asked for alone, and says itself what is wrong.
                lock(&self.memory.shelf).failed(&error, now);
                None
            }
        }
    }

    /// What is known of a role, if AWS need not be asked.
    async fn known(&self, name: &RoleName) -> Option<Option<ListedRole>> {
        let listed = self.listing().await?;
        match lock(&self.memory.shelf).listed(&listed, name) {
            Known::Is(role) => Some(Some(role)),
            Known::Gone => Some(None),
            Known::Unsure => None,
        }
    }

    fn wrote<T>(&self, answer: &Answer<T>, name: &RoleName, change: impl FnOnce(&mut ListedRole)) {
        lock(&self.memory.shelf).ended(answer, name, (self.memory.now)(), change);
    }
}

#[async_trait]
impl Roles for Remembering {
    async fn list(&self, path: &str) -> Answer<BTreeMap<RoleName, ListedRole>> {
        self.aws.list(path).await
    }

    async fn under(&self, path: &str) -> Answer<BTreeSet<RoleName>> {
        if path.starts_with(ROLES_PATH)
            && let Some(listed) = self.listing().await
        {
            let shelf = lock(&self.memory.shelf);
            let found = shelf.all_listed(&listed, |_, role| role.arn.is_under(path), |_| true);
            if let Some(found) = found {
                return Ok(found.into_keys().collect());
            }
        }
        self.aws.under(path).await
    }

    async fn role(&self, name: &RoleName) -> Answer<Option<RoleFacts>> {
        match self.known(name).await {
            Some(known) => Ok(known.map(|role| role.facts())),
            None => self.aws.role(name).await,
        }
    }

    async fn inline_policy(&self, role: &RoleName, policy: &str) -> Answer<Option<PolicyDocument>> {
        match self.known(role).await {
            Some(known) => Ok(known.and_then(|role| role.policies.get(policy).cloned())),
            None => self.aws.inline_policy(role, policy).await,
        }
    }

    async fn create(&self, role: &NewRole) -> Answer<RoleArn> {
        let answer = self.aws.create(role).await;
        let known = answer.as_ref().map_or(Known::Unsure, |arn| {
            let NewRole { name: _, path: _, description: _, trust, boundary, tags } = role.clone();
            Known::Is(ListedRole {
                arn: arn.clone(),
                trust,
                boundary,
                tags: Packed::new(&tags),
                policies: BTreeMap::new(),
            })
        });
        lock(&self.memory.shelf).wrote(role.name.clone(), known, (self.memory.now)());
        answer
    }

    async fn set_trust(&self, name: &RoleName, trust: &PolicyDocument) -> Answer<()> {
        let answer = self.aws.set_trust(name, trust).await;
        self.wrote(&answer, name, |role| role.trust = trust.clone());
        answer
    }

    async fn set_boundary(&self, name: &RoleName, boundary: Option<&PolicyArn>) -> Answer<()> {
        let answer = self.aws.set_boundary(name, boundary).await;
        self.wrote(&answer, name, |role| role.boundary = boundary.cloned());
        answer
    }

    async fn put_inline_policy(&self, role: &RoleName, policy: &str, document: &PolicyDocument) -> Answer<()> {
        let answer = self.aws.put_inline_policy(role, policy, document).await;
        self.wrote(&answer, role, |role| {
            role.policies.insert(policy.to_owned(), document.clone());
        });
        answer
    }

    async fn tag(&self, name: &RoleName, tags: &Tags) -> Answer<()> {
        let answer = self.aws.tag(name, tags).await;
        self.wrote(&answer, name, |role| role.tags.change(|known| known.extend(tags.clone())));
        answer
    }

    async fn untag(&self, name: &RoleName, keys: &BTreeSet<String>) -> Answer<()> {
        let answer = self.aws.untag(name, keys).await;
        self.wrote(&answer, name, |role| role.tags.change(|known| known.retain(|key, _| !keys.contains(key))));
        answer
    }

    async fn delete_inline_policy(&self, role: &RoleName, policy: &str) -> Answer<()> {
        let answer = self.aws.delete_inline_policy(role, policy).await;
        self.wrote(&answer, role, |role| drop(role.policies.remove(policy)));
        answer
    }

    async fn delete(&self, name: &RoleName) -> Answer<()> {
        let answer = self.aws.delete(name).await;
        let known = if answer.is_ok() { Known::Gone } else { Known::Unsure };
        lock(&self.memory.shelf).wrote(name.clone(), known, (self.memory.now)());
        answer
    }
}
