//! A bus's archives.
//!
//! They have no tags, so their description carries the owner; one whose description was edited is nobody's we know,
//! and is not touched. Each owns a rule on the bus, which AWS manages, which counts among the bus's 300, and which
//! goes with it: an archive goes before its bus.

use super::Desired;
use super::mark::{describe_owner, mark};
use crate::claim::Claim;
use crate::difference::Difference;
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{ArchiveName, KmsKeyId, RulePartName};
use crate::owner::Owner;
use crate::ports::{ArchiveFacts, Aws, NewArchive};
use crate::rule::EventPattern;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An archive that a bus should have.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredArchive {
    /// Which events it keeps; all where it is absent.
    pub pattern: Option<EventPattern>,
    /// How long it keeps them, in days; 0 is for ever.
    pub retention_days: u32,
}

/// Something to do about an archive.
#[derive(Debug, Clone, PartialEq)]
pub enum ArchiveAction {
    /// Make it.
    Create(NewArchive),
    /// Put it right.
    Change(NewArchive),
    /// Delete it and what it holds.
    Delete(ArchiveName),
}

impl ArchiveAction {
    /// What it does, in a reader's words.
    pub fn describe(&self) -> String {
        match self {
            Self::Create(archive) => format!("create archive {}", archive.name),
            Self::Change(archive) => format!("put archive {} right", archive.name),
            Self::Delete(name) => format!("delete archive {name}"),
        }
    }
}

/// The rule that AWS makes for an archive.
pub(super) fn managed_rule(archive: &ArchiveName) -> Option<RulePartName> {
    RulePartName::parse(format!("Events-Archive-{archive}")).ok()
}

/// The pattern that matches every event. AWS leaves an archive's pattern as it is where an update has none, so that
/// all events are wanted is said by this.
fn every_event() -> Value {
    json!({"source": [{"prefix": ""}]})
}

/// The archives that a bus should have, in AWS's shape. Events that are encrypted on the bus are so in its archives.
fn shapes(desired: &Desired, key: Option<&KmsKeyId>) -> BTreeMap<ArchiveName, NewArchive> {
    let shape = |(name, archive): (&ArchiveName, &DesiredArchive)| {
        let DesiredArchive { pattern, retention_days } = archive;
        let archive = NewArchive {
            name: name.clone(),
            bus: desired.installation.bus_arn(&desired.bus_name),
            description: mark(&desired.installation, &desired.owner),
            pattern: pattern.as_ref().map_or_else(every_event, |pattern| pattern.as_value().clone()),
            retention_days: *retention_days,
            kms_key: key.cloned(),
        };
        (name.clone(), archive)
    };
    desired.archives.iter().map(shape).collect()
}

/// Reads the archives of the bus that are ours, and those of the wanted names. One of a wanted name that is
/// somebody else's, or another bus's, is refused.
pub(super) async fn observe(aws: &Aws, desired: &Desired) -> Result<BTreeMap<ArchiveName, ArchiveFacts>, AwsError> {
    let Desired { installation, owner, bus_name, .. } = desired;
    let bus = installation.bus_arn(bus_name);
    let mut seen = observe_own(aws, installation, owner, desired.archives.keys().cloned().collect()).await?;
    let on_the_bus = match aws.buses.archives(&bus).await {
        // The bus is not there yet.
        Err(error) if error.class == ErrorClass::Missing => BTreeSet::new(),
        other => other?,
    };
    for name in on_the_bus {
        if !seen.contains_key(&name) {
            seen.extend(observe_own(aws, installation, owner, BTreeSet::from([name])).await?);
        }
    }
    // Who only looks takes nothing, whosoever it is.
    for name in desired.archives.keys().filter(|_| desired.claim != Claim::Look) {
        let refuse = |class, reason: String| Err(AwsError::new(class, "EventBridge", "ownership", reason));
        match seen.get(name) {
            Some(Seen::Foreign(whose)) => {
                let reason = format!("archive {name} exists and belongs to {whose}");
                return refuse(ErrorClass::NotOurs { owner: whose.clone() }, reason);
            }
            Some(Seen::Own(facts)) if facts.bus != bus.to_string() => {
                let reason = format!("archive {name} exists for bus {}: give this one another name", facts.bus);
                return refuse(ErrorClass::Invalid, reason);
            }
            _ => {}
        }
    }
    let own = |(name, seen)| match seen {
        Seen::Own(facts) => Some((name, *facts)),
        Seen::Foreign(_) => None,
    };
    Ok(seen.into_iter().filter_map(own).collect())
}

/// An archive that is there.
pub(super) enum Seen {
    /// The owner's.
    Own(Box<ArchiveFacts>),
    /// Whose it is, in a reader's words.
    Foreign(String),
}

/// Reads archives, as far as they are there.
pub(super) async fn observe_own(
    aws: &Aws,
    installation: &Installation,
    owner: &Owner,
    names: BTreeSet<ArchiveName>,
) -> Result<BTreeMap<ArchiveName, Seen>, AwsError> {
    let ours = mark(installation, owner);
    let mut seen = BTreeMap::new();
    for name in names {
        if let Some(facts) = aws.buses.archive(&name).await? {
            let is_ours = facts.description == ours;
            let one =
                if is_ours { Seen::Own(Box::new(facts)) } else { Seen::Foreign(describe_owner(&facts.description)) };
            seen.insert(name, one);
        }
    }
    Ok(seen)
}

/// What to do, in order. An archive that is no longer wanted goes last, with what it holds.
pub(super) fn plan(
    desired: &Desired,
    key: Option<&KmsKeyId>,
    seen: &BTreeMap<ArchiveName, ArchiveFacts>,
) -> Vec<ArchiveAction> {
    let wanted = shapes(desired, key);
    let mut actions = Vec::new();
    for (name, archive) in &wanted {
        match seen.get(name) {
            None => actions.push(ArchiveAction::Create(archive.clone())),
            Some(found) if !stands(desired, archive, found) => actions.push(ArchiveAction::Change(archive.clone())),
            Some(_) => {}
        }
    }
    let unwanted = seen.keys().filter(|name| !wanted.contains_key(*name));
    actions.extend(unwanted.map(|name| ArchiveAction::Delete(name.clone())));
    actions
}

/// Whether an archive is as it should be; patterns are compared as what they say.
fn stands(desired: &Desired, wanted: &NewArchive, found: &ArchiveFacts) -> bool {
    let NewArchive { name, bus: _, description, pattern: _, retention_days, kms_key } = wanted;
    let same_pattern = match desired.archives.get(name).and_then(|archive| archive.pattern.as_ref()) {
        Some(pattern) => pattern.says_the_same_as(&found.pattern),
        None => found.pattern.is_null() || found.pattern == every_event(),
    };
    same_pattern
        && found.description == *description
        && found.retention_days == *retention_days
        && found.kms_key == *kms_key
        && found.failure.is_none()
}

/// What an action that is planned puts right.
pub(super) fn differences(seen: &BTreeMap<ArchiveName, ArchiveFacts>, action: &ArchiveAction) -> Vec<Difference> {
    let wanted = match action {
        ArchiveAction::Create(archive) => return vec![Difference::missing(format!("archive {}", archive.name))],
        ArchiveAction::Delete(name) => return vec![Difference::superfluous(format!("archive {name}"))],
        ArchiveAction::Change(archive) => archive,
    };
    let thing = format!("archive {}", wanted.name);
    let Some(found) = seen.get(&wanted.name) else { return Vec::new() };
    let mut differences = Vec::new();
    if found.retention_days != wanted.retention_days {
        differences.push(Difference::field(&thing, "retention in days", found.retention_days, wanted.retention_days));
    }
    if found.kms_key != wanted.kms_key {
        let text = |key: Option<&KmsKeyId>| key.map(ToString::to_string);
        let (found, wanted) = (text(found.kms_key.as_ref()), text(wanted.kms_key.as_ref()));
        differences.push(Difference::optional(&thing, "KMS key", found, wanted));
    }
    if let Some(failure) = &found.failure {
        differences.push(Difference::field(&thing, "state", failure, "enabled"));
    }
    if differences.is_empty() {
        differences.push(Difference::document(&thing, "event pattern"));
    }
    differences
}

/// Does it. A crash after a create is healed by the next pass, which finds the archive by its name and mark.
pub(super) async fn apply(aws: &Aws, action: &ArchiveAction) -> Result<(), AwsError> {
    match action {
        ArchiveAction::Create(archive) => aws.buses.create_archive(archive).await,
        ArchiveAction::Change(archive) => aws.buses.change_archive(archive).await,
        ArchiveAction::Delete(name) => aws.buses.delete_archive(name).await,
    }
}
