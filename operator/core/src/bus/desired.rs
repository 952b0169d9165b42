//! What a bus should be.

use super::alarms::{self, DesiredAlarms, SharedAlarm};
use super::archives::DesiredArchive;
use crate::arn::QueueArn;
use crate::claim::Claim;
use crate::installation::Installation;
use crate::names::{ArchiveName, BusName, EventSource, KmsKeyId, RoleName, RolePurpose, role_name};
use crate::owner::{Owner, ServiceAccount};
use crate::policy::{PolicyDocument, VERSION, role::publisher};
use crate::ports::{Alarm, BusSettings};
use crate::role::DesiredRole;
use crate::tags::{self, Tags};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether anybody may publish: the rollback switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publishing {
    /// The publishers may.
    Enabled,
    /// Nobody may: the bus's policy denies it.
    Disabled,
}

/// A bus as it should be.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The installation.
    pub installation: Arc<Installation>,
    /// Whose it is.
    pub owner: Owner,
    /// How it lays claim to what it finds.
    pub claim: Claim,
    /// Its name.
    pub bus_name: BusName,
    /// Its description; at most 512 characters.
    pub description: String,
    /// Who may publish which sources. Each becomes a role.
    pub publishers: BTreeMap<ServiceAccount, BTreeSet<EventSource>>,
    /// The rollback switch.
    pub publishing: Publishing,
    /// The key that encrypts events on the bus and in its archives; an AWS-owned one where there is none.
    pub kms_key: Option<KmsKeyId>,
    /// The standard queue that takes events which cannot be encrypted or decrypted. It is somebody else's.
    pub dead_letter: Option<QueueArn>,
    /// Its archives.
    pub archives: BTreeMap<ArchiveName, DesiredArchive>,
    /// Its alarms, where it has any.
    pub alarms: Option<DesiredAlarms>,
    /// What becomes of the alarm that all buses share.
    pub shared_alarm: SharedAlarm,
    /// Whether it has a dashboard.
    pub dashboard: bool,
    /// The user's tags.
    pub tags: Tags,
}

/// The id of the statement that denies publishing. Other statements on the bus are left alone.
const DISABLED: &str = "QslPublishingDisabled";

impl Desired {
    /// The name of a publisher's role.
    pub fn role_name(&self, account: &ServiceAccount) -> RoleName {
        publisher_role_name(&self.installation, &self.owner, account)
    }

    /// What can be set of the bus, whose key was found to be this one.
    pub(super) fn settings(&self, key: Option<&KmsKeyId>) -> BusSettings {
        BusSettings {
            description: self.description.clone(),
            kms_key: key.cloned(),
            dead_letter: self.dead_letter.clone(),
        }
    }

    /// The alarms that its own object keeps, and their tags.
    pub(super) fn own_alarms(&self) -> (Vec<Alarm>, Tags) {
        (alarms::own(self), tags::wanted(&self.installation, &self.owner, &self.tags))
    }

    /// The alarm that all buses share, where it is wanted, and its tags: no bus's own among them, lest two buses take
    /// turns in setting theirs.
    pub(super) fn shared_alarms(&self) -> (Vec<Alarm>, Tags) {
        let owner = alarms::shared_owner(&self.installation);
        (alarms::shared(self).into_iter().collect(), tags::wanted(&self.installation, &owner, &Tags::new()))
    }

    /// The roles of all publishers that may publish something.
    pub(super) fn roles(&self) -> BTreeMap<RoleName, DesiredRole> {
        let bus = self.installation.bus_arn(&self.bus_name);
        self.publishers
            .iter()
            .filter(|(_, sources)| !sources.is_empty())
            .map(|(account, sources)| {
                let name = self.role_name(account);
                let role = DesiredRole::new(
                    &self.installation,
                    &self.owner,
                    name.clone(),
                    &BTreeSet::from([account.clone()]),
                    publisher(&bus, sources),
                    &self.tags,
                );
                (name, role)
            })
            .collect()
    }

    /// The bus's policy, given the one it has: others' statements, and the denial where publishing is off.
    pub(super) fn policy(&self, found: Option<&PolicyDocument>) -> Option<PolicyDocument> {
        let is_ours = |statement: &Value| statement.get("Sid").and_then(Value::as_str) == Some(DISABLED);
        let mut statements = found.map(PolicyDocument::statements).unwrap_or_default();
        statements.retain(|statement| !is_ours(statement));
        if self.publishing == Publishing::Disabled {
            statements.push(json!({
                "Sid": DISABLED,
                "Effect": "Deny",
                "Principal": "*",
                "Action": "events:PutEvents",
                "Resource": self.installation.bus_arn(&self.bus_name),
            }));
        }
        let version = found.and_then(|policy| policy.to_value().get("Version").cloned());
        let version = version.unwrap_or_else(|| VERSION.into());
        (!statements.is_empty()).then(|| PolicyDocument::new(json!({"Version": version, "Statement": statements})))
    }
}

/// The name of the role of one publisher of a bus.
pub fn publisher_role_name(installation: &Installation, bus: &Owner, account: &ServiceAccount) -> RoleName {
    role_name(
        installation,
        bus,
        &RolePurpose::Publish { namespace: account.namespace.clone(), service_account: account.name.clone() },
    )
}
