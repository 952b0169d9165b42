//! What wakes a rule: itself, its bus, its inboxes, and the labels of its namespace (consent may go by them).

use crds::{EventBus, EventRule, InboxQueue};
use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{ResourceExt, runtime::reflector::ObjectRef};

use super::names::targets;
use crate::{
    controllers::world::own_facts,
    runner::{Hub, Word},
};

/// The rules to look at.
pub(super) fn triggers(hub: &Hub) -> impl Stream<Item = ObjectRef<EventRule>> + Send + use<> {
    let own = hub.rules.changes_of(own_facts).map(|change| vec![ObjectRef::from_obj(change.object().as_ref())]);
    let rules = hub.rules.store().clone();
    let of_bus = hub.buses.changes_of(bus_facts).map(move |change| {
        let (namespace, name) = (change.object().namespace().unwrap_or_default(), change.object().name_any());
        select(&rules, |rule, own| rule.spec.bus_ref.name == name && rule.spec.bus_ref.namespace_or(own) == namespace)
    });
    let rules = hub.rules.clone();
    let of_inbox = hub.inboxes.changes_of(inbox_facts).map(move |change| {
        let inbox = change.object();
        let named = rules.who_say(&Word::Inbox(inbox.namespace().unwrap_or_default(), inbox.name_any()));
        named.iter().filter(|rule| targets(rule, inbox)).map(|rule| ObjectRef::from_obj(rule.as_ref())).collect()
    });
    let rules = hub.rules.store().clone();
    let of_namespace = hub.namespaces.changes_of(label_facts).map(move |change| {
        let name = change.object().name_any();
        select(&rules, |_, own| own == name)
    });
    stream::select(stream::select(own, of_bus), stream::select(of_inbox, of_namespace)).flat_map(stream::iter)
}

fn select(
    rules: &kube::runtime::reflector::Store<EventRule>,
    of_interest: impl Fn(&EventRule, &str) -> bool,
) -> Vec<ObjectRef<EventRule>> {
    rules
        .state_filter(|rule| of_interest(rule, rule.metadata.namespace.as_deref().unwrap_or_default()))
        .iter()
        .map(|rule| ObjectRef::from_obj(rule.as_ref()))
        .collect()
}

/// What of a bus matters to its rules.
fn bus_facts(bus: &EventBus) -> (Option<String>, bool, String, Option<String>) {
    let arn = bus.status.as_ref().and_then(|status| status.bus_arn.clone());
    (bus.uid(), bus.metadata.deletion_timestamp.is_some(), consent(&bus.spec.allowed_namespaces), arn)
}

type InboxFacts = (Option<String>, bool, String, i32, Vec<(String, i64)>, Vec<String>);

/// What of an inbox matters to the rules that target it.
fn inbox_facts(inbox: &InboxQueue) -> InboxFacts {
    let allowed = inbox.status.as_ref().map(|status| status.allowed_rules.as_slice()).unwrap_or_default();
    let allowed = allowed.iter().map(|rule| (rule.rule_arn.clone(), rule.policy_settled_at.0.as_second())).collect();
    let going = inbox.metadata.deletion_timestamp.is_some();
    let without_room = inbox.status.as_ref().map(|status| status.rules_without_room.clone()).unwrap_or_default();
    let consent = consent(&inbox.spec.allowed_namespaces);
    (inbox.uid(), going, consent, inbox.spec.verification.skew_seconds, allowed, without_room)
}

/// What of a namespace matters to consent.
pub(in crate::controllers) fn label_facts(namespace: &Namespace) -> Vec<(String, String)> {
    namespace.labels().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A consent as text, to be compared.
pub(in crate::controllers) fn consent(allowed: &crds::AllowedNamespaces) -> String {
    serde_json::to_string(allowed).unwrap_or_default()
}
