//! What wakes an inbox: itself, the rules that target it or did, their buses, the labels of their namespaces (consent
//! may go by them), and what the rules of its subscriptions say.

use std::collections::BTreeSet;

use crds::{
    EventBus, EventRule, InboxQueue, ObjectRef as Reference,
    conditions::{READY, REFERENCES_RESOLVED},
};
use futures::{Stream, StreamExt, stream};
use kube::{
    ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};

use crate::{
    controllers::{
        event_rule::triggers::{consent, label_facts},
        world::own_facts,
    },
    runner::{Hub, Watched, Word},
};

/// The inboxes to look at.
pub(super) fn triggers(hub: &Hub) -> impl Stream<Item = ObjectRef<InboxQueue>> + Send + use<> {
    let own = hub.inboxes.changes_of(own_facts).map(|change| vec![ObjectRef::from_obj(change.object().as_ref())]);
    let inboxes = hub.inboxes.clone();
    let of_rule = hub.rules.changes_of(rule_facts).map(move |change| {
        let rule = change.object();
        targeted(&inboxes, rule).chain(letting_in(&inboxes, rule)).collect()
    });
    let inboxes = hub.inboxes.clone();
    let of_leaving = hub.rules.changes_of(led_facts).map(move |change| {
        let rule = change.object();
        letting_in(&inboxes, rule)
            .filter(|inbox| !targeted(&inboxes, rule).any(|targeted| targeted == *inbox))
            .collect()
    });
    let rules = hub.rules.store().clone();
    let of_bus = hub.buses.changes_of(bus_facts).map(move |change| {
        let (namespace, name) = (change.object().namespace().unwrap_or_default(), change.object().name_any());
        named(&rules, |rule, own| rule.spec.bus_ref.name == name && rule.spec.bus_ref.namespace_or(own) == namespace)
    });
    let rules = hub.rules.store().clone();
    let of_namespace = hub.namespaces.changes_of(label_facts).map(move |change| {
        let name = change.object().name_any();
        named(&rules, |_, own| own == name)
    });
    let inboxes = hub.inboxes.clone();
    let of_subscription =
        hub.rules.changes_of(subscribed_facts).map(move |change| subscribing(&inboxes, change.object()));
    let of_rules = stream::select(stream::select(of_rule, of_leaving), of_subscription);
    stream::select(stream::select(own, of_rules), stream::select(of_bus, of_namespace)).flat_map(stream::iter)
}

/// The inboxes that have a subscription of that rule's name, whoever's the rule is.
fn subscribing(inboxes: &Watched<InboxQueue>, rule: &EventRule) -> Vec<ObjectRef<InboxQueue>> {
    let found = inboxes.who_say(&Word::Rule(rule.namespace().unwrap_or_default(), rule.name_any()));
    found.iter().map(|inbox| ObjectRef::from_obj(inbox.as_ref())).collect()
}

/// The inboxes that the rule targets.
fn targeted(inboxes: &Watched<InboxQueue>, rule: &EventRule) -> impl Iterator<Item = ObjectRef<InboxQueue>> {
    let own = rule.namespace().unwrap_or_default();
    let named = rule.spec.targets.iter().filter_map(|target| target.inbox_ref.as_ref());
    let named = named.map(move |inbox| ObjectRef::new(&inbox.name).within(inbox.namespace_or(&own)));
    named.filter(|inbox| inboxes.store().get(inbox).is_some())
}

/// The inboxes whose policy lets the rule send, as their status says.
fn letting_in(inboxes: &Watched<InboxQueue>, rule: &EventRule) -> impl Iterator<Item = ObjectRef<InboxQueue>> {
    let arns = rule.status.iter().flat_map(|status| &status.rule_arns);
    let found = arns.flat_map(|arn| inboxes.who_say(&Word::RuleArn(arn.clone())));
    found.map(|inbox| ObjectRef::from_obj(inbox.as_ref()))
}

/// The inboxes that rules of interest name.
fn named(rules: &Store<EventRule>, of_interest: impl Fn(&EventRule, &str) -> bool) -> Vec<ObjectRef<InboxQueue>> {
    let found = rules.state_filter(|rule| of_interest(rule, rule.metadata.namespace.as_deref().unwrap_or_default()));
    let inboxes: BTreeSet<(String, String)> = found
        .iter()
        .flat_map(|rule| {
            let own = rule.namespace().unwrap_or_default();
            let inboxes = rule.spec.targets.iter().filter_map(|target| target.inbox_ref.as_ref());
            inboxes.map(|inbox| (inbox.namespace_or(&own).to_owned(), inbox.name.clone())).collect::<Vec<_>>()
        })
        .collect();
    inboxes.into_iter().map(|(namespace, name)| ObjectRef::new(&name).within(&namespace)).collect()
}

type SubscribedFacts = (Option<String>, Option<i64>, bool, Vec<(String, String, String, Option<i64>)>);

/// What of a rule an inbox that owns it shows, and what it puts right.
fn subscribed_facts(rule: &EventRule) -> SubscribedFacts {
    let conditions = rule.status.iter().flat_map(|status| &status.conditions);
    let said = conditions
        .filter(|said| [READY, REFERENCES_RESOLVED].contains(&said.type_.as_str()))
        // A rule that was ready and is ready again says so of another generation, and the inbox waits for that.
        .map(|said| (said.type_.clone(), said.status.clone(), said.message.clone(), said.observed_generation))
        .collect();
    // A rule that nobody owns is looked at for its name alone.
    let owned = rule.metadata.owner_references.as_ref().is_some_and(|owners| !owners.is_empty());
    let said = if owned { said } else { Vec::new() };
    let generation = rule.metadata.generation.filter(|_| owned);
    (rule.uid(), generation, rule.metadata.deletion_timestamp.is_some(), said)
}

type RuleFacts = (Option<String>, bool, Vec<Reference>, Reference, Option<String>);

/// What of a rule matters to the inboxes it feeds: where it leads.
fn rule_facts(rule: &EventRule) -> RuleFacts {
    let going = rule.metadata.deletion_timestamp.is_some();
    let inboxes = rule.spec.targets.iter().filter_map(|target| target.inbox_ref.clone()).collect();
    (rule.uid(), going, inboxes, rule.spec.bus_ref.clone(), rule.spec.rule_name.clone())
}

/// Where a rule led when it was last looked at. That matters to an inbox that it has left, and not to one it leads to:
/// that one's policy goes by what the rule says, not by what its targets are.
fn led_facts(rule: &EventRule) -> Vec<String> {
    rule.status.as_ref().map(|status| status.target_queue_arns.clone()).unwrap_or_default()
}

/// What of a bus matters to the inboxes its rules feed.
fn bus_facts(bus: &EventBus) -> (Option<String>, String, String) {
    (bus.uid(), bus.spec.bus_name.clone(), consent(&bus.spec.allowed_namespaces))
}
