//! Archives, in memory. Each makes a rule on its bus that AWS manages, and that goes with it.

use super::buses::{RULES_PER_BUS, Rule};
use super::{State, refuse};
use crate::arn::BusArn;
use crate::error::{AwsError, ErrorClass};
use crate::installation::Installation;
use crate::names::{ArchiveName, RulePartName};
use crate::ports::{ArchiveFacts, NewArchive, RuleFacts, RuleState};
use crate::tags::Tags;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const SERVICE: &str = "EventBridge";

pub(super) fn of_bus(state: &State, bus: &BusArn) -> BTreeSet<ArchiveName> {
    let bus = bus.to_string();
    state.archives.values().filter(|archive| archive.bus == bus).map(|archive| archive.name.clone()).collect()
}

pub(super) fn create(installation: &Installation, state: &mut State, new: &NewArchive) -> Result<(), AwsError> {
    let operation = "CreateArchive";
    if state.archives.contains_key(&new.name) {
        return refuse(ErrorClass::Conflict, SERVICE, operation, format!("archive {} exists", new.name));
    }
    check(operation, new)?;
    let rule = managed_rule(&new.name)
        .map_err(|error| AwsError::new(ErrorClass::Invalid, SERVICE, operation, error.to_string()))?;
    let (bus_name, bus) = state.bus_by_arn(operation, &new.bus)?;
    if bus.rules.len() >= RULES_PER_BUS {
        return refuse(ErrorClass::LimitExceeded, SERVICE, operation, format!("{} has {RULES_PER_BUS} rules", new.bus));
    }
    let facts = RuleFacts {
        name: rule.clone(),
        arn: installation.rule_arn(&bus_name, &rule),
        pattern: new.pattern.clone(),
        state: Some(RuleState::Enabled),
        description: String::new(),
        managed_by: Some("prod.vhs.events.aws.internal".to_owned()),
    };
    bus.rules.insert(rule, Rule { facts, tags: Tags::new(), targets: BTreeMap::new() });
    let NewArchive { name, bus, description, pattern, retention_days, kms_key } = new.clone();
    let archive = ArchiveFacts {
        arn: installation.archive_arn(&name),
        bus: bus.to_string(),
        name: name.clone(),
        description,
        pattern,
        retention_days,
        kms_key,
        failure: None,
    };
    state.archives.insert(name, archive);
    Ok(())
}

pub(super) fn change(state: &mut State, new: &NewArchive) -> Result<(), AwsError> {
    let operation = "UpdateArchive";
    check(operation, new)?;
    let Some(found) = state.archives.get_mut(&new.name) else {
        return refuse(ErrorClass::Missing, SERVICE, operation, format!("archive {} does not exist", new.name));
    };
    let NewArchive { name: _, bus: _, description, pattern, retention_days, kms_key } = new.clone();
    *found = ArchiveFacts { description, pattern: pattern.clone(), retention_days, kms_key, ..found.clone() };
    let rule = managed_rule(&new.name)
        .map_err(|error| AwsError::new(ErrorClass::Invalid, SERVICE, operation, error.to_string()))?;
    for bus in state.buses.values_mut() {
        if let Some(rule) = bus.rules.get_mut(&rule) {
            rule.facts.pattern = pattern.clone();
        }
    }
    Ok(())
}

pub(super) fn delete(state: &mut State, name: &ArchiveName) {
    state.archives.remove(name);
    if let Ok(rule) = managed_rule(name) {
        for bus in state.buses.values_mut() {
            bus.rules.remove(&rule);
        }
    }
}

fn check(operation: &'static str, new: &NewArchive) -> Result<(), AwsError> {
    if !matches!(&new.pattern, Value::Object(members) if !members.is_empty()) {
        return refuse(ErrorClass::Invalid, SERVICE, operation, "Event pattern is not valid".to_owned());
    }
    if new.description.chars().count() > 512 {
        return refuse(ErrorClass::Invalid, SERVICE, operation, "the description is too long".to_owned());
    }
    Ok(())
}

fn managed_rule(archive: &ArchiveName) -> Result<RulePartName, crate::ParseError> {
    RulePartName::parse(format!("Events-Archive-{archive}"))
}
