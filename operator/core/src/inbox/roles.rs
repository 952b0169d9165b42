//! The two roles of an inbox: of its consumers, and of those who bring dead letters back.

use super::desired::{Desired, Part};
use crate::arn::{KeyArn, QueueArn, RoleArn};
use crate::installation::Installation;
use crate::names::{RoleName, RolePurpose, role_name};
use crate::owner::{Owner, ServiceAccount};
use crate::policy::role::{Inbox, TRUST_POLICY_MAX, consumer, redrive, trust};
use crate::role::DesiredRole;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The name of the role of an inbox's consumers.
pub fn consumer_role_name(installation: &Installation, inbox: &Owner) -> RoleName {
    role_name(installation, inbox, &RolePurpose::Consume)
}

/// The name of the role of those who bring an inbox's dead letters back.
pub fn redrive_role_name(installation: &Installation, inbox: &Owner) -> RoleName {
    role_name(installation, inbox, &RolePurpose::Redrive)
}

/// The names of all roles that an inbox can have.
pub(super) fn role_names(installation: &Installation, inbox: &Owner) -> [RoleName; 2] {
    [consumer_role_name(installation, inbox), redrive_role_name(installation, inbox)]
}

/// A role's trust policy that is longer than IAM takes, with its length in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustTooLong {
    /// The consumers'.
    Consumers {
        /// Its length.
        length: usize,
    },
    /// That of those who bring dead letters back.
    Redrivers {
        /// Its length.
        length: usize,
    },
}

impl fmt::Display for TrustTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Consumers { length } | Self::Redrivers { length }) = self;
        write!(
            f,
            "the role's trust policy would have {length} characters, IAM takes 2,048: name fewer service accounts, or \
             give them shorter names"
        )
    }
}

impl Desired {
    /// The first of the roles whose trust policy IAM would not take.
    pub fn trust_too_long(&self) -> Option<TrustTooLong> {
        let length = |accounts: &BTreeSet<ServiceAccount>| trust(&self.installation, accounts).as_text().len();
        let consumers = length(&self.own_accounts(&self.service_accounts));
        let redrivers = length(&self.redrivers());
        if consumers > TRUST_POLICY_MAX {
            return Some(TrustTooLong::Consumers { length: consumers });
        }
        (redrivers > TRUST_POLICY_MAX).then_some(TrustTooLong::Redrivers { length: redrivers })
    }

    /// The consumers' role, where there are consumers.
    pub fn role_arn(&self) -> Option<RoleArn> {
        let name = consumer_role_name(&self.installation, &self.owner);
        (!self.service_accounts.is_empty()).then(|| self.installation.role_arn(&self.owner, &name))
    }

    /// The role of those who bring dead letters back. There always is one: the installation's tools take it.
    pub fn redrive_role_arn(&self) -> RoleArn {
        self.installation.role_arn(&self.owner, &redrive_role_name(&self.installation, &self.owner))
    }

    /// The roles, by name; `keys` are the customer's keys that they may use.
    pub(super) fn roles(&self, keys: &BTreeSet<KeyArn>) -> BTreeMap<RoleName, DesiredRole> {
        let arn = |part| self.queue_arn(part);
        let dead_letters: BTreeSet<QueueArn> =
            [Part::DeadLetter, Part::Undelivered].into_iter().filter_map(arn).collect();
        let queues = Inbox {
            inbox: &self.installation.queue_arn(&self.queue_name.queue()),
            rejects: &self.installation.queue_arn(&self.queue_name.dead_letter()),
            dead_letters: &dead_letters,
            keys,
        };
        let mut roles = BTreeMap::new();
        let mut add = |name: RoleName, accounts: &BTreeSet<ServiceAccount>, policy| {
            let role = DesiredRole::new(&self.installation, &self.owner, name.clone(), accounts, policy, &self.tags);
            roles.insert(name, role);
        };
        let [consume, bring_back] = role_names(&self.installation, &self.owner);
        if !self.service_accounts.is_empty() {
            add(consume, &self.own_accounts(&self.service_accounts), consumer(queues));
        }
        add(bring_back, &self.redrivers(), redrive(queues));
        roles
    }

    /// Whom the redrive role trusts: those that the object names, and the installation's tools.
    fn redrivers(&self) -> BTreeSet<ServiceAccount> {
        let mut accounts = self.own_accounts(&self.redrive_service_accounts);
        accounts.insert(self.installation.tools.clone());
        accounts
    }

    fn own_accounts(&self, names: &BTreeSet<String>) -> BTreeSet<ServiceAccount> {
        let namespace = &self.owner.namespace;
        names.iter().map(|name| ServiceAccount { namespace: namespace.clone(), name: name.clone() }).collect()
    }
}
