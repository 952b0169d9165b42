//! What of a rule is not as it should be.

use super::{Action, Desired, Observed, SeenPart};
use crate::claim::{self, Taken};
use crate::difference::Difference;
use crate::ports::{NewRule, Target};

/// What of the things that are there is taken in this pass.
pub fn taken(desired: &Desired, observed: &Observed) -> Vec<Taken> {
    let Desired { installation, owner, claim, .. } = desired;
    let parts = observed.parts.values().map(|part| (format!("rule {}", part.facts.name), &part.tags));
    claim::taken(*claim, installation, owner, parts)
}

/// What the actions that are planned put right.
pub fn differences(observed: &Observed, actions: &[Action]) -> Vec<Difference> {
    let part = |name: &str| observed.parts.values().find(|part| part.facts.name.as_str() == name);
    let tags = |arn: &crate::arn::RuleArn| {
        let part = observed.parts.values().find(|part| part.facts.arn == *arn);
        part.map(|part| part.tags.clone()).unwrap_or_default()
    };
    actions
        .iter()
        .flat_map(|action| match action {
            Action::PutRule(rule) => put(rule, part(rule.name.as_str())),
            Action::Tag(arn, put) => Difference::tags_put(arn, put, &tags(arn)),
            Action::Untag(arn, keys) => Difference::tags_taken(arn, keys, &tags(arn)),
            Action::PutTargets(_, rule, targets) => {
                targets.iter().flat_map(|target| target_put(rule.as_str(), target, part(rule.as_str()))).collect()
            }
            Action::RemoveTargets(_, rule, ids) => {
                let found = part(rule.as_str()).map(|part| part.targets.as_slice()).unwrap_or_default();
                let gone = found.iter().filter(|target| ids.contains(&target.id));
                gone.map(|target| Difference::superfluous(format!("target {} of rule {rule}", target.arn))).collect()
            }
            Action::DeleteRule(bus, rule) => vec![Difference::superfluous(format!("rule {rule} of bus {bus}"))],
        })
        .collect()
}

fn put(rule: &NewRule, seen: Option<&SeenPart>) -> Vec<Difference> {
    let thing = format!("rule {} of bus {}", rule.name, rule.bus);
    let Some(SeenPart { facts, .. }) = seen else { return vec![Difference::missing(thing)] };
    let mut differences = Vec::new();
    if facts.state != Some(rule.state) {
        let found = facts.state.map_or_else(|| "another".to_owned(), |state| format!("{state:?}"));
        differences.push(Difference::field(&thing, "state", found, format!("{:?}", rule.state)));
    }
    if facts.description != rule.description {
        differences.push(Difference::field(&thing, "description", &facts.description, &rule.description));
    }
    if differences.is_empty() || facts.pattern != rule.pattern {
        differences.push(Difference::document(thing, "eventPattern"));
    }
    differences
}

fn target_put(rule: &str, wanted: &Target, seen: Option<&SeenPart>) -> Vec<Difference> {
    let thing = format!("target {} of rule {rule}", wanted.arn);
    let found = seen.and_then(|part| part.targets.iter().find(|target| target.id == wanted.id));
    let Some(found) = found else { return vec![Difference::missing(thing)] };
    let Target { id: _, arn, dead_letter, max_event_age_seconds, max_retries, message_group_id, foreign_settings } =
        found;
    let text = |value: &Option<u32>| value.as_ref().map(ToString::to_string);
    let arns = |value: &Option<crate::arn::QueueArn>| value.as_ref().map(ToString::to_string);
    let fields = [
        ("arn", Some(arn.clone()), Some(wanted.arn.clone())),
        ("deadLetter", arns(dead_letter), arns(&wanted.dead_letter)),
        ("maximumEventAgeSeconds", text(max_event_age_seconds), text(&wanted.max_event_age_seconds)),
        ("maximumRetryAttempts", text(max_retries), text(&wanted.max_retries)),
        ("messageGroupId", message_group_id.clone(), wanted.message_group_id.clone()),
    ];
    let mut differences: Vec<Difference> = fields
        .into_iter()
        .filter(|(_, found, wanted)| found != wanted)
        .map(|(field, found, wanted)| Difference::optional(&thing, field, found, wanted))
        .collect();
    if *foreign_settings {
        differences
            .push(Difference::document(thing, "settings that a target of ours never has (an input transformer)"));
    }
    differences
}
