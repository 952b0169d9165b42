//! EventBridge, in memory.

use super::writing::as_returned;
use super::{FakeAws, State, archives, refuse};
use crate::arn::{BusArn, QueueArn, RuleArn};
use crate::error::{AwsError, ErrorClass};
use crate::installation::TARGETS_PER_RULE;
use crate::names::{ArchiveName, BusName, RulePartName};
use crate::policy::PolicyDocument;
use crate::ports::{
    Answer, ArchiveFacts, BusFacts, BusSettings, Buses, NewArchive, NewBus, NewRule, RuleFacts, Target,
};
use crate::tags::Tags;
use async_trait::async_trait;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const SERVICE: &str = "EventBridge";
pub(super) const RULES_PER_BUS: usize = 300;
const WILDCARD_RULES_PER_BUS: usize = 30;
const MESSAGE_GROUP_ID_MAX: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Bus {
    pub(super) settings: BusSettings,
    pub(super) policy: Option<PolicyDocument>,
    pub(super) tags: Tags,
    pub(super) rules: BTreeMap<RulePartName, Rule>,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) facts: RuleFacts,
    pub(super) tags: Tags,
    pub(super) targets: BTreeMap<String, Target>,
}

impl Rule {
    pub(super) fn without_tags(&self) -> (&RuleFacts, &BTreeMap<String, Target>) {
        (&self.facts, &self.targets)
    }
}

impl State {
    pub(super) fn bus_mut(&mut self, operation: &'static str, name: &BusName) -> Result<&mut Bus, AwsError> {
        self.buses
            .get_mut(name)
            .ok_or_else(|| AwsError::new(ErrorClass::Missing, SERVICE, operation, format!("bus {name} does not exist")))
    }

    fn rule_mut(&mut self, operation: &'static str, bus: &BusName, name: &RulePartName) -> Result<&mut Rule, AwsError> {
        self.bus_mut(operation, bus)?.rules.get_mut(name).ok_or_else(|| {
            AwsError::new(ErrorClass::Missing, SERVICE, operation, format!("rule {name} does not exist"))
        })
    }

    fn rule_by_arn(&mut self, operation: &'static str, arn: &RuleArn) -> Result<&mut Rule, AwsError> {
        match arn.names() {
            Some((bus, rule)) => self.rule_mut(operation, &bus, &rule),
            None => refuse(ErrorClass::Invalid, SERVICE, operation, format!("{arn} names no rule")),
        }
    }

    pub(super) fn bus_by_arn(
        &mut self,
        operation: &'static str,
        arn: &BusArn,
    ) -> Result<(BusName, &mut Bus), AwsError> {
        let name = self.buses.keys().find(|name| arn.to_string().ends_with(&format!("/{name}"))).cloned();
        match name {
            Some(name) => self.bus_mut(operation, &name).map(|bus| (name, bus)),
            None => refuse(ErrorClass::Missing, SERVICE, operation, format!("{arn} does not exist")),
        }
    }
}

/// Whether a pattern has a matcher with wildcards: an object whose one member is `wildcard`, among alternatives.
fn has_wildcard(pattern: &Value) -> bool {
    match pattern {
        Value::Object(members) => members.values().any(has_wildcard),
        Value::Array(items) => {
            items.iter().any(|item| item.get("wildcard").is_some_and(|given| !given.is_object()) || has_wildcard(item))
        }
        _ => false,
    }
}

/// EventBridge gives no deduplication ids, so the queue has to make them.
const NO_CONTENT_BASED_DEDUPLICATION: &str = "a FIFO queue needs ContentBasedDeduplication";

/// What AWS says of one target, if it refuses it.
fn refusal(target: &Target) -> Option<&'static str> {
    let fifo = target.arn.strip_suffix(".fifo").is_some();
    if target.message_group_id.as_ref().is_some_and(|group| !(1..=MESSAGE_GROUP_ID_MAX).contains(&group.len())) {
        return Some("MessageGroupId has 1 to 100 characters");
    }
    if fifo && target.message_group_id.is_none() {
        return Some("MessageGroupId is required for a FIFO queue");
    }
    if !fifo && target.message_group_id.is_some() {
        return Some("MessageGroupId is for FIFO queues");
    }
    let dead_letter = target.dead_letter.as_ref().and_then(QueueArn::name);
    dead_letter.is_some_and(|name| name.is_fifo()).then_some("a dead-letter queue of a target must be a standard queue")
}

/// What AWS says of a bus's settings, if it refuses them.
fn refused_settings(settings: &BusSettings) -> Option<&'static str> {
    let dead_letter = settings.dead_letter.as_ref().and_then(QueueArn::name);
    dead_letter.is_some_and(|name| name.is_fifo()).then_some("a dead-letter queue of a bus must be a standard queue")
}

#[async_trait]
impl Buses for FakeAws {
    async fn bus(&self, name: &BusName) -> Answer<Option<BusFacts>> {
        self.call(SERVICE, "DescribeEventBus", false, |state| {
            Ok(state.buses.get(name).map(|bus| BusFacts {
                arn: self.0.installation.bus_arn(name),
                settings: bus.settings.clone(),
                policy: bus.policy.as_ref().map(as_returned),
            }))
        })
        .await
    }

    async fn bus_tags(&self, arn: &BusArn) -> Answer<Tags> {
        let operation = "ListTagsForResource";
        self.call(SERVICE, operation, false, |state| Ok(state.bus_by_arn(operation, arn)?.1.tags.clone())).await
    }

    async fn create_bus(&self, new: &NewBus) -> Answer<BusArn> {
        let operation = "CreateEventBus";
        self.call(SERVICE, operation, true, |state| {
            if state.buses.contains_key(&new.name) {
                return refuse(ErrorClass::Conflict, SERVICE, operation, format!("{} exists", new.name));
            }
            if let Some(reason) = refused_settings(&new.settings) {
                return refuse(ErrorClass::Invalid, SERVICE, operation, reason.to_owned());
            }
            let bus = Bus { settings: new.settings.clone(), tags: new.tags.clone(), ..Bus::default() };
            state.buses.insert(new.name.clone(), bus);
            Ok(self.0.installation.bus_arn(&new.name))
        })
        .await
    }

    async fn change_bus(&self, name: &BusName, settings: &BusSettings) -> Answer<()> {
        let operation = "UpdateEventBus";
        self.call(SERVICE, operation, true, |state| {
            if let Some(reason) = refused_settings(settings) {
                return refuse(ErrorClass::Invalid, SERVICE, operation, reason.to_owned());
            }
            settings.clone_into(&mut state.bus_mut(operation, name)?.settings);
            Ok(())
        })
        .await
    }

    async fn set_bus_policy(&self, name: &BusName, policy: Option<&PolicyDocument>) -> Answer<()> {
        let operation = "PutPermission";
        self.call(SERVICE, operation, true, |state| {
            state.bus_mut(operation, name)?.policy = policy.cloned();
            Ok(())
        })
        .await
    }

    async fn tag_bus(&self, arn: &BusArn, tags: &Tags) -> Answer<()> {
        let operation = "TagResource";
        self.call(SERVICE, operation, true, |state| {
            state.bus_by_arn(operation, arn)?.1.tags.extend(tags.clone());
            Ok(())
        })
        .await
    }

    async fn untag_bus(&self, arn: &BusArn, keys: &BTreeSet<String>) -> Answer<()> {
        let operation = "UntagResource";
        self.call(SERVICE, operation, true, |state| {
            state.bus_by_arn(operation, arn)?.1.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
    }

    async fn delete_bus(&self, name: &BusName) -> Answer<()> {
        let operation = "DeleteEventBus";
        self.call(SERVICE, operation, true, |state| {
            if state.buses.get(name).is_some_and(|bus| !bus.rules.is_empty()) {
                return refuse(ErrorClass::Conflict, SERVICE, operation, format!("{name} has rules"));
            }
            state.buses.remove(name);
            Ok(())
        })
        .await
    }

    async fn rules(&self, bus: &BusName, prefix: &str) -> Answer<Vec<RuleFacts>> {
        let operation = "ListRules";
        self.call(SERVICE, operation, false, |state| {
            let rules = &state.bus_mut(operation, bus)?.rules;
            let found = rules.iter().filter(|(name, _)| name.as_str().starts_with(prefix));
            Ok(found.map(|(_, rule)| rule.facts.clone()).collect())
        })
        .await
    }

    async fn rule_tags(&self, arn: &RuleArn) -> Answer<Tags> {
        let operation = "ListTagsForResource";
        self.call(SERVICE, operation, false, |state| Ok(state.rule_by_arn(operation, arn)?.tags.clone())).await
    }

    async fn put_rule(&self, new: &NewRule) -> Answer<RuleArn> {
        let operation = "PutRule";
        self.call(SERVICE, operation, true, |state| {
            let arn = self.0.installation.rule_arn(&new.bus, &new.name);
            let rules = &mut state.bus_mut(operation, &new.bus)?.rules;
            let facts = RuleFacts {
                name: new.name.clone(),
                arn: arn.clone(),
                pattern: new.pattern.clone(),
                state: Some(new.state),
                description: new.description.clone(),
                managed_by: None,
            };
            let others = rules.iter().filter(|(name, rule)| **name != new.name && has_wildcard(&rule.facts.pattern));
            if has_wildcard(&new.pattern) && others.count() >= WILDCARD_RULES_PER_BUS {
                let message = format!("{} has {WILDCARD_RULES_PER_BUS} rules with wildcards", new.bus);
                return refuse(ErrorClass::LimitExceeded, SERVICE, operation, message);
            }
            if let Some(rule) = rules.get_mut(&new.name) {
                if rule.facts.managed_by.is_some() {
                    return refuse(ErrorClass::Invalid, SERVICE, operation, format!("{} is managed", new.name));
                }
                rule.facts = facts;
            } else if rules.len() >= RULES_PER_BUS {
                let message = format!("{} has {RULES_PER_BUS} rules", new.bus);
                return refuse(ErrorClass::LimitExceeded, SERVICE, operation, message);
            } else {
                let rule = Rule { facts, tags: new.tags.clone(), targets: BTreeMap::new() };
                rules.insert(new.name.clone(), rule);
            }
            Ok(arn)
        })
        .await
    }

    async fn tag_rule(&self, arn: &RuleArn, tags: &Tags) -> Answer<()> {
        let operation = "TagResource";
        self.call(SERVICE, operation, true, |state| {
            state.rule_by_arn(operation, arn)?.tags.extend(tags.clone());
            Ok(())
        })
        .await
    }

    async fn untag_rule(&self, arn: &RuleArn, keys: &BTreeSet<String>) -> Answer<()> {
        let operation = "UntagResource";
        self.call(SERVICE, operation, true, |state| {
            state.rule_by_arn(operation, arn)?.tags.retain(|key, _| !keys.contains(key));
            Ok(())
        })
        .await
    }

    async fn targets(&self, bus: &BusName, rule: &RulePartName) -> Answer<Vec<Target>> {
        let operation = "ListTargetsByRule";
        self.call(SERVICE, operation, false, |state| {
            Ok(state.rule_mut(operation, bus, rule)?.targets.values().cloned().collect())
        })
        .await
    }

    async fn put_targets(&self, bus: &BusName, rule: &RulePartName, targets: &[Target]) -> Answer<()> {
        let operation = "PutTargets";
        self.call(SERVICE, operation, true, |state| {
            let fails = state.injected.refuses_last_entry().then(|| targets.len().saturating_sub(1));
            let by_id_alone: BTreeSet<String> = state
                .queues
                .iter()
                .filter(|(name, queue)| name.is_fifo() && !queue.attributes.content_based_deduplication)
                .map(|(name, _)| self.0.installation.queue_arn(name).to_string())
                .collect();
            let found = &mut state.rule_mut(operation, bus, rule)?.targets;
            let all: BTreeSet<&String> = found.keys().chain(targets.iter().map(|target| &target.id)).collect();
            if all.len() > TARGETS_PER_RULE {
                let message = format!("{rule} would have {} targets", all.len());
                return refuse(ErrorClass::LimitExceeded, SERVICE, operation, message);
            }
            let (mut failed, mut class) = (Vec::new(), ErrorClass::Retryable);
            for (number, target) in targets.iter().enumerate() {
                let by_id = || by_id_alone.contains(&target.arn).then_some(NO_CONTENT_BASED_DEDUPLICATION);
                if let Some(reason) = refusal(target).or_else(by_id) {
                    class = ErrorClass::Invalid;
                    failed.push(format!("{}: {reason}", target.id));
                } else if fails == Some(number) {
                    failed.push(format!("{}: InternalFailure", target.id));
                } else {
                    found.insert(target.id.clone(), target.clone());
                }
            }
            if failed.is_empty() {
                return Ok(());
            }
            refuse(class, SERVICE, operation, failed.join("; "))
        })
        .await
    }

    async fn remove_targets(&self, bus: &BusName, rule: &RulePartName, ids: &BTreeSet<String>) -> Answer<()> {
        let operation = "RemoveTargets";
        self.call(SERVICE, operation, true, |state| {
            let failed = ids.last().filter(|_| state.injected.refuses_last_entry());
            let done = |id: &String| ids.contains(id) && Some(id) != failed;
            state.rule_mut(operation, bus, rule)?.targets.retain(|id, _| !done(id));
            match failed {
                Some(id) => refuse(ErrorClass::Retryable, SERVICE, operation, format!("{id}: InternalFailure")),
                None => Ok(()),
            }
        })
        .await
    }

    async fn delete_rule(&self, bus: &BusName, rule: &RulePartName) -> Answer<()> {
        let operation = "DeleteRule";
        self.call(SERVICE, operation, true, |state| {
            let Some(rules) = state.buses.get_mut(bus).map(|bus| &mut bus.rules) else {
                return Ok(());
            };
            if rules.get(rule).is_some_and(|rule| !rule.targets.is_empty()) {
                return refuse(ErrorClass::Conflict, SERVICE, operation, format!("{rule} has targets"));
            }
            rules.remove(rule);
            Ok(())
        })
        .await
    }

    async fn archives(&self, bus: &BusArn) -> Answer<BTreeSet<ArchiveName>> {
        self.call(SERVICE, "ListArchives", false, |state| Ok(archives::of_bus(state, bus))).await
    }

    async fn archive(&self, name: &ArchiveName) -> Answer<Option<ArchiveFacts>> {
        self.call(SERVICE, "DescribeArchive", false, |state| Ok(state.archives.get(name).cloned())).await
    }

    async fn create_archive(&self, new: &NewArchive) -> Answer<()> {
        self.call(SERVICE, "CreateArchive", true, |state| archives::create(&self.0.installation, state, new)).await
    }

    async fn change_archive(&self, new: &NewArchive) -> Answer<()> {
        self.call(SERVICE, "UpdateArchive", true, |state| archives::change(state, new)).await
    }

    async fn delete_archive(&self, name: &ArchiveName) -> Answer<()> {
        self.call(SERVICE, "DeleteArchive", true, |state| {
            archives::delete(state, name);
            Ok(())
        })
        .await
    }
}
