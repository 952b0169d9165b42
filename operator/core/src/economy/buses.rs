//! Buses and rules: tags are remembered, and a bus's rules are listed where several are asked for.

use super::marks::Marks;
use super::shelf::{Known, Look, Shelf};
use super::{Now, lock};
use crate::arn::{BusArn, RuleArn};
use crate::names::{ArchiveName, BusName, RulePartName};
use crate::policy::PolicyDocument;
use crate::ports::{
    Answer, ArchiveFacts, BusFacts, BusSettings, Buses, NewArchive, NewBus, NewRule, RuleFacts, Target,
};
use crate::tags::Tags;
use async_trait::async_trait;
use futures::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is remembered of buses and rules. A description shows when another stands in a thing's place: ours names the
/// owner, and AWS tells no time at which a rule was made.
pub(super) struct Memory {
    now: Now,
    listing_serves: Duration,
    bus_marks: Mutex<Marks<BusName, String>>,
    rule_marks: Mutex<Marks<(BusName, RulePartName), String>>,
    rules: Mutex<BTreeMap<BusName, Shelf<RulePartName, RuleFacts>>>,
}

impl Memory {
    pub(super) fn new(cluster_id: &str, listing_serves: Duration, now: &Now) -> Self {
        Self {
            now: now.clone(),
            listing_serves,
            bus_marks: Mutex::new(Marks::new(cluster_id)),
            rule_marks: Mutex::new(Marks::new(cluster_id)),
            rules: Mutex::default(),
        }
    }

    /// Does something with what is remembered of a bus's rules.
    fn shelf<R>(&self, bus: &BusName, act: impl FnOnce(&mut Shelf<RulePartName, RuleFacts>) -> R) -> R {
        let mut rules = lock(&self.rules);
        act(rules.entry(bus.clone()).or_insert_with(|| Shelf::new(self.listing_serves)))
    }
}

/// The port.
pub(super) struct Remembering {
    aws: Arc<dyn Buses>,
    memory: Arc<Memory>,
    fresh: bool,
}

impl Remembering {
    pub(super) fn new(aws: Arc<dyn Buses>, memory: Arc<Memory>, fresh: bool) -> Self {
        Self { aws, memory, fresh }
    }

    /// The rules whose names begin so, by a listing of the bus, where that is known for sure.
    async fn listed(&self, bus: &BusName, prefix: &str) -> Option<Vec<RuleFacts>> {
        // The bus's own questions are about all of its rules, and rare.
        if self.fresh || prefix.is_empty() {
            return None;
        }
        let now = (self.memory.now)();
        let list = || {
            let (aws, bus) = (self.aws.clone(), bus.clone());
            let listed = async move {
                let rules = aws.rules(&bus, "").await?;
                Ok(rules.into_iter().map(|rule| (rule.name.clone(), rule)).collect())
            };
            listed.boxed()
        };
        let look = self.memory.shelf(bus, |shelf| shelf.look(now, list));
        let Look::Listing(listing) = look else { return None };
        let listed = match listing.await {
            Ok(listed) => listed,
            Err(error) => {
                self.memory.shelf(bus, |shelf| shelf.failed(&error, now));
                return None;
            }
        };
        let begins = |name: &RulePartName| name.as_str().starts_with(prefix);
        let found = self.memory.shelf(bus, |shelf| shelf.all_listed(&listed, |name, _| begins(name), begins))?;
        // That a rule is not there is asked for afresh: whoever believes it puts one in its place.
        let whole = found.keys().any(|name| name.as_str() == prefix);
        whole.then(|| found.into_values().collect())
    }
}

#[async_trait]
impl Buses for Remembering {
    async fn bus(&self, name: &BusName) -> Answer<Option<BusFacts>> {
        let answer = self.aws.bus(name).await?;
        let mut marks = lock(&self.memory.bus_marks);
        match &answer {
            Some(facts) => marks.seen(name, facts.settings.description.clone()),
            None => marks.forget(name),
        }
        drop(marks);
        Ok(answer)
    }

    async fn bus_tags(&self, arn: &BusArn) -> Answer<Tags> {
        let Some(name) = arn.name() else { return self.aws.bus_tags(arn).await };
        let now = (self.memory.now)();
        let known = lock(&self.memory.bus_marks).get(&name, now);
        if let Some(known) = known.filter(|_| !self.fresh) {
            return Ok(known);
        }
        let answer = self.aws.bus_tags(arn).await?;
        lock(&self.memory.bus_marks).keep(&name, &answer, now);
        Ok(answer)
    }

    async fn create_bus(&self, bus: &NewBus) -> Answer<BusArn> {
        let arn = self.aws.create_bus(bus).await?;
        // It did not exist, so it has the tags that it was made with.
        let mut marks = lock(&self.memory.bus_marks);
        marks.forget(&bus.name);
        marks.keep(&bus.name, &bus.tags, (self.memory.now)());
        marks.seen(&bus.name, bus.settings.description.clone());
        drop(marks);
        Ok(arn)
    }

    async fn change_bus(&self, name: &BusName, settings: &BusSettings) -> Answer<()> {
        self.aws.change_bus(name, settings).await
    }

    async fn set_bus_policy(&self, name: &BusName, policy: Option<&PolicyDocument>) -> Answer<()> {
        self.aws.set_bus_policy(name, policy).await
    }

    async fn tag_bus(&self, arn: &BusArn, tags: &Tags) -> Answer<()> {
        let answer = self.aws.tag_bus(arn, tags).await;
        if let Some(name) = arn.name() {
            lock(&self.memory.bus_marks).ended(&answer, &name, |known| known.extend(tags.clone()));
        }
        answer
    }

    async fn untag_bus(&self, arn: &BusArn, keys: &BTreeSet<String>) -> Answer<()> {
        let answer = self.aws.untag_bus(arn, keys).await;
        if let Some(name) = arn.name() {
            let mut marks = lock(&self.memory.bus_marks);
            marks.ended(&answer, &name, |known| known.retain(|key, _| !keys.contains(key)));
        }
        answer
    }

    async fn delete_bus(&self, name: &BusName) -> Answer<()> {
        lock(&self.memory.rules).remove(name);
        lock(&self.memory.bus_marks).forget(name);
        self.aws.delete_bus(name).await
    }

    async fn rules(&self, bus: &BusName, prefix: &str) -> Answer<Vec<RuleFacts>> {
        let rules = match self.listed(bus, prefix).await {
            Some(listed) => listed,
            None => self.aws.rules(bus, prefix).await?,
        };
        let key = |name: &RulePartName| (bus.clone(), name.clone());
        let mut marks = lock(&self.memory.rule_marks);
        for rule in &rules {
            marks.seen(&key(&rule.name), rule.description.clone());
        }
        if let Ok(first) = RulePartName::parse(prefix) {
            let asked_for = |(of, name): &(BusName, RulePartName)| of == bus && name.as_str().starts_with(prefix);
            marks.forget_unless(&key(&first), asked_for, |(_, name)| rules.iter().any(|rule| rule.name == *name));
        }
        drop(marks);
        Ok(rules)
    }

    async fn rule_tags(&self, arn: &RuleArn) -> Answer<Tags> {
        let Some(names) = arn.names() else { return self.aws.rule_tags(arn).await };
        let now = (self.memory.now)();
        let known = lock(&self.memory.rule_marks).get(&names, now);
        if let Some(known) = known.filter(|_| !self.fresh) {
            return Ok(known);
        }
        let answer = self.aws.rule_tags(arn).await?;
        lock(&self.memory.rule_marks).keep(&names, &answer, now);
        Ok(answer)
    }

    async fn put_rule(&self, rule: &NewRule) -> Answer<RuleArn> {
        let answer = self.aws.put_rule(rule).await;
        let known = answer.as_ref().map_or(Known::Unsure, |arn| {
            let NewRule { bus: _, name, pattern, state, description, tags: _ } = rule.clone();
            Known::Is(RuleFacts { name, arn: arn.clone(), pattern, state: Some(state), description, managed_by: None })
        });
        self.memory.shelf(&rule.bus, |shelf| shelf.wrote(rule.name.clone(), known, (self.memory.now)()));
        lock(&self.memory.rule_marks).seen(&(rule.bus.clone(), rule.name.clone()), rule.description.clone());
        answer
    }

    async fn tag_rule(&self, arn: &RuleArn, tags: &Tags) -> Answer<()> {
        let answer = self.aws.tag_rule(arn, tags).await;
        if let Some(names) = arn.names() {
            lock(&self.memory.rule_marks).ended(&answer, &names, |known| known.extend(tags.clone()));
        }
        answer
    }

    async fn untag_rule(&self, arn: &RuleArn, keys: &BTreeSet<String>) -> Answer<()> {
        let answer = self.aws.untag_rule(arn, keys).await;
        if let Some(names) = arn.names() {
            let mut marks = lock(&self.memory.rule_marks);
            marks.ended(&answer, &names, |known| known.retain(|key, _| !keys.contains(key)));
        }
        answer
    }

    async fn targets(&self, bus: &BusName, rule: &RulePartName) -> Answer<Vec<Target>> {
        self.aws.targets(bus, rule).await
    }

    async fn put_targets(&self, bus: &BusName, rule: &RulePartName, targets: &[Target]) -> Answer<()> {
        self.aws.put_targets(bus, rule, targets).await
    }

    async fn remove_targets(&self, bus: &BusName, rule: &RulePartName, ids: &BTreeSet<String>) -> Answer<()> {
        self.aws.remove_targets(bus, rule, ids).await
    }

    async fn delete_rule(&self, bus: &BusName, rule: &RulePartName) -> Answer<()> {
        let answer = self.aws.delete_rule(bus, rule).await;
        let known = if answer.is_ok() { Known::Gone } else { Known::Unsure };
        self.memory.shelf(bus, |shelf| shelf.wrote(rule.clone(), known, (self.memory.now)()));
        lock(&self.memory.rule_marks).forget(&(bus.clone(), rule.clone()));
        answer
    }

    async fn archives(&self, bus: &BusArn) -> Answer<BTreeSet<ArchiveName>> {
        self.aws.archives(bus).await
    }

    async fn archive(&self, name: &ArchiveName) -> Answer<Option<ArchiveFacts>> {
        self.aws.archive(name).await
    }

    async fn create_archive(&self, archive: &NewArchive) -> Answer<()> {
        self.aws.create_archive(archive).await
    }

    async fn change_archive(&self, archive: &NewArchive) -> Answer<()> {
        self.aws.change_archive(archive).await
    }

    async fn delete_archive(&self, name: &ArchiveName) -> Answer<()> {
        self.aws.delete_archive(name).await
    }
}
