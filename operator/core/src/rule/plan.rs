//! What to do about a rule and the parts it is split into.
//!
//! A target stays in the part it is in. One that must move (its part is no longer needed) is put in its new part
//! before it leaves the old one, so nothing is lost; consumers drop the copy.

use super::{Desired, Observed, SeenPart};
use crate::arn::RuleArn;
use crate::installation::TARGETS_PER_RULE;
use crate::names::{BusName, RulePartName};
use crate::ports::{NewRule, Target};
use crate::tags::{self, TagChange, Tags};
use std::collections::{BTreeMap, BTreeSet};

/// Something to do about a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make a part, or put it right.
    PutRule(Box<NewRule>),
    /// Add tags to a part.
    Tag(RuleArn, Tags),
    /// Take away tags of a part that were set by us.
    Untag(RuleArn, BTreeSet<String>),
    /// Put targets.
    PutTargets(BusName, RulePartName, Vec<Target>),
    /// Take targets away.
    RemoveTargets(BusName, RulePartName, BTreeSet<String>),
    /// Delete a part.
    DeleteRule(BusName, RulePartName),
}

impl Action {
    /// A change of tags.
    pub(super) fn of_tags(arn: &RuleArn, change: TagChange) -> Self {
        match change {
            TagChange::Put(tags) => Self::Tag(arn.clone(), tags),
            TagChange::Take(keys) => Self::Untag(arn.clone(), keys),
        }
    }

    /// What it does, in a reader's words.
    pub fn describe(&self) -> String {
        match self {
            Self::PutRule(rule) => format!("put rule {} on bus {}", rule.name, rule.bus),
            Self::Tag(arn, _) => format!("tag {arn}"),
            Self::Untag(arn, _) => format!("untag {arn}"),
            Self::PutTargets(_, rule, targets) => format!("put {} targets on rule {rule}", targets.len()),
            Self::RemoveTargets(_, rule, ids) => format!("remove {} targets from rule {rule}", ids.len()),
            Self::DeleteRule(bus, rule) => format!("delete rule {rule} of bus {bus}"),
        }
    }
}

/// What to do, in order: parts, then what has no place, then the targets, then what has moved, then empty parts.
pub fn plan(desired: &Desired, observed: &Observed) -> Vec<Action> {
    let needed = desired.parts();
    let bus = || desired.bus_name.clone();
    let part = |number: usize| desired.rule_name.part(number);
    let wanted = wanted(desired, observed);
    let places = places(&wanted, observed, needed);
    let holds = |number: usize, id: &str| {
        observed.parts.get(&number).is_some_and(|part| part.targets.iter().any(|target| target.id == id))
    };

    let mut actions = Vec::new();
    for number in standing(desired, observed) {
        actions.extend(plan_part(desired, number, observed.parts.get(&number)));
    }

    let mut now: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut later: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for (number, seen) in &observed.parts {
        for target in &seen.targets {
            match places.get(&target.id) {
                Some(place) if place == number => {}
                // It must move, and its new place does not have it yet.
                Some(place) if !holds(*place, &target.id) => {
                    later.entry(*number).or_default().insert(target.id.clone());
                }
                _ => {
                    now.entry(*number).or_default().insert(target.id.clone());
                }
            }
        }
    }
    actions.extend(now.into_iter().map(|(number, ids)| Action::RemoveTargets(bus(), part(number), ids)));

    for number in 1..=needed {
        let targets: Vec<Target> = wanted
            .iter()
            .filter(|(id, (_, ready))| places.get(*id) == Some(&number) && *ready)
            .filter(|(_, (target, _))| !stands(target, observed.parts.get(&number)))
            .map(|(_, (target, _))| target.clone())
            .collect();
        if !targets.is_empty() {
            actions.push(Action::PutTargets(bus(), part(number), targets));
        }
    }
    actions.extend(later.into_iter().map(|(number, ids)| Action::RemoveTargets(bus(), part(number), ids)));

    let standing = standing(desired, observed);
    for number in observed.parts.keys().filter(|number| !standing.contains(number)) {
        actions.push(Action::DeleteRule(bus(), part(*number)));
    }
    actions
}

/// The numbers of the parts that stand after the plan is done: those that the targets need, and those that hold a
/// target whose queue does not let it into its new part yet.
pub(super) fn standing(desired: &Desired, observed: &Observed) -> BTreeSet<usize> {
    let needed = desired.parts();
    let places = places(&wanted(desired, observed), observed, needed);
    (1..=needed).chain(places.into_values()).collect()
}

/// The wanted targets by their ids: a queue that is a target already, as in a rule that was adopted, keeps the id that it has.
/// Under another one it would be taken away before it is put, and what comes in between would reach nobody.
fn wanted(desired: &Desired, observed: &Observed) -> BTreeMap<String, (Target, bool)> {
    let mut wanted = desired.targets();
    let seen = || observed.parts.values().flat_map(|part| &part.targets);
    let stands = |id: &str| seen().any(|target| target.id == id);
    for found in seen() {
        let same = |(id, (target, _)): &(&String, &(Target, bool))| target.arn == found.arn && !stands(id);
        let unnamed = !wanted.contains_key(&found.id);
        if let Some(id) = wanted.iter().find(same).map(|(id, _)| id.clone()).filter(|_| unnamed)
            && let Some((target, ready)) = wanted.remove(&id)
        {
            wanted.insert(found.id.clone(), (Target { id: found.id.clone(), ..target }, ready));
        }
    }
    wanted
}

/// Where each wanted target belongs: where it is, if that part is needed; else the first part with room. One that
/// is not ready and stands in a part that is not needed stays there until it is.
fn places(wanted: &BTreeMap<String, (Target, bool)>, observed: &Observed, needed: usize) -> BTreeMap<String, usize> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (number, seen) in &observed.parts {
        for target in &seen.targets {
            let Some((_, ready)) = wanted.get(&target.id) else {
                continue;
            };
            if *number <= needed || !ready {
                places.entry(target.id.clone()).or_insert(*number);
            }
        }
    }
    let mut room: Vec<(usize, usize)> = (1..=needed)
        .map(|number| {
            let taken = places.values().filter(|place| **place == number).count();
            (number, TARGETS_PER_RULE.saturating_sub(taken))
        })
        .collect();
    for id in wanted.keys() {
        if places.contains_key(id) {
            continue;
        }
        if let Some((number, free)) = room.iter_mut().find(|(_, free)| *free > 0) {
            *free -= 1;
            places.insert(id.clone(), *number);
        }
    }
    places
}

fn plan_part(desired: &Desired, number: usize, seen: Option<&SeenPart>) -> Vec<Action> {
    let tags = tags::wanted(&desired.installation, &desired.owner, &desired.tags);
    let rule = NewRule {
        bus: desired.bus_name.clone(),
        name: desired.rule_name.part(number),
        pattern: desired.event_pattern.as_value().clone(),
        state: desired.state,
        description: desired.description(),
        tags: tags.clone(),
    };
    let Some(SeenPart { facts, tags: found, .. }) = seen else {
        return vec![Action::PutRule(Box::new(rule))];
    };
    let mut actions = Vec::new();
    // Marked first: what is adopted is ours before it is changed.
    actions.extend(tags::changes(&tags, found).into_iter().map(|change| Action::of_tags(&facts.arn, change)));
    let same = facts.state == Some(rule.state)
        && facts.description == rule.description
        && desired.event_pattern.says_the_same_as(&facts.pattern);
    if !same {
        actions.push(Action::PutRule(Box::new(rule)));
    }
    actions
}

/// Whether a part has the target as it should be; AWS's defaults are what is not set.
fn stands(target: &Target, part: Option<&SeenPart>) -> bool {
    let with_defaults = |target: &Target| Target {
        max_event_age_seconds: Some(target.max_event_age_seconds.unwrap_or(86_400)),
        max_retries: Some(target.max_retries.unwrap_or(185)),
        ..target.clone()
    };
    part.is_some_and(|part| part.targets.iter().any(|found| with_defaults(found) == with_defaults(target)))
}
