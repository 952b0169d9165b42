//! The EventRules of an inbox's subscriptions: each stands in the inbox's namespace, is owned by the inbox, and goes
//! with its subscription. Consent is the rule's own matter: the bus must let the inbox's namespace attach.

use std::sync::Arc;

use crds::{
    DeletionPolicy, EventRule, InboxQueue,
    conditions::{self, READY, REFERENCES_RESOLVED, reason},
    subscription::{Subscription, SubscriptionStatus},
};
use kube::{Client, ResourceExt, api::DynamicObject, core::discovery::ApiResource};
use operator_core::subscription::{SubscriptionId, pattern};
use serde_json::json;

use crate::{
    controllers::owned::{Outcome, Owned, Wanted, is_owned},
    runner::{Failure, Hub, Pace, Retry, Terminal, Wait, Word},
};

/// What became of the subscriptions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Subscribed {
    /// Each, for the status.
    pub statuses: Vec<SubscriptionStatus>,
    /// The first whose rule does not deliver yet.
    pub waiting: Option<Wait>,
    /// What was changed.
    pub changes: Vec<String>,
}

/// Brings the rules about, and removes those of subscriptions that are no more.
pub(super) async fn subscribe(hub: &Hub, client: &Client, object: &InboxQueue) -> Result<Subscribed, Failure> {
    let rules = Owned::new(client.clone(), object, ApiResource::erase::<EventRule>(&()));
    let namespace = object.namespace().unwrap_or_default();
    let mut subscribed = Subscribed::default();
    let mut wanted_names = Vec::new();
    for subscription in &object.spec.subscriptions {
        let wanted = rule(object, subscription)?;
        let found = hub.rules.get(&namespace, &wanted.name);
        let outcome = rules.put(&wanted, found.as_deref().map(dynamic).transpose()?.as_ref()).await?;
        match outcome {
            Outcome::Made => subscribed.changes.push(format!("make EventRule {}", wanted.name)),
            Outcome::Changed => subscribed.changes.push(format!("change EventRule {}", wanted.name)),
            Outcome::Stands | Outcome::Foreign => {}
        }
        let waiting = if outcome == Outcome::Foreign {
            Some(foreign(&subscription.name, &namespace, &wanted.name))
        } else {
            waiting(&subscription.name, &wanted.name, found.as_deref().filter(|_| outcome == Outcome::Stands))
        };
        let (name, event_rule) = (subscription.name.clone(), wanted.name.clone());
        subscribed.statuses.push(SubscriptionStatus { name, event_rule, ready: waiting.is_none() });
        subscribed.waiting = subscribed.waiting.or(waiting);
        wanted_names.push(wanted.name);
    }
    for old in of_inbox(hub, object).into_iter().filter(|rule| !wanted_names.contains(&rule.name_any())) {
        if unsubscribe(&rules, &old).await? {
            subscribed.changes.push(format!("delete EventRule {}", old.name_any()));
        }
    }
    Ok(subscribed)
}

/// Deletes all rules of the inbox, with what they have in AWS; for an inbox that goes.
pub(super) async fn unsubscribe_all(hub: &Hub, client: &Client, object: &InboxQueue) -> Result<(), Failure> {
    let rules = Owned::new(client.clone(), object, ApiResource::erase::<EventRule>(&()));
    for old in of_inbox(hub, object) {
        unsubscribe(&rules, &old).await?;
    }
    Ok(())
}

/// The rules that the inbox owns and that are not on their way out.
fn of_inbox(hub: &Hub, object: &InboxQueue) -> Vec<Arc<EventRule>> {
    let inbox = Word::Inbox(object.namespace().unwrap_or_default(), object.name_any());
    let mut rules = hub.rules.who_say(&inbox);
    rules.retain(|rule| rule.metadata.deletion_timestamp.is_none() && is_owned(object, &rule.metadata));
    rules
}

/// A subscription that is no more leaves nothing in AWS, whatever was to become of it with the inbox.
async fn unsubscribe(rules: &Owned<'_, InboxQueue>, old: &EventRule) -> Result<bool, kube::Error> {
    if old.spec.deletion_policy == DeletionPolicy::Retain {
        match rules.merge(&old.metadata, &json!({"deletionPolicy": DeletionPolicy::Delete})).await {
            Err(kube::Error::Api(answer)) if answer.is_not_found() || answer.is_conflict() => return Ok(false),
            other => other?,
        }
    }
    rules.remove(&old.metadata).await
}

/// The rule of a subscription.
fn rule(object: &InboxQueue, subscription: &Subscription) -> Result<Wanted, Terminal> {
    let Subscription { name, bus_ref, sources, detail_types, event_pattern } = subscription;
    let (namespace, inbox) = (object.namespace().unwrap_or_default(), object.name_any());
    let id = SubscriptionId { namespace: &namespace, inbox: &inbox, name };
    let rule_name = id
        .rule_name(&object.spec.queue_name)
        .map_err(|error| Terminal::spec(&format!("subscriptions[{name}].name"), error))?;
    let event_pattern = event_pattern.clone().unwrap_or_else(|| pattern(sources, detail_types));
    if event_pattern.is_empty() {
        let problem = "has neither eventPattern nor sources nor detailTypes: say which events it takes";
        return Err(Terminal::spec(&format!("subscriptions[{name}]"), problem));
    }
    let mut target = json!({"inboxRef": {"name": inbox}});
    if let (true, Some(target)) = (object.spec.fifo, target.as_object_mut()) {
        // One subscription is one group: its events keep the order in which they arrive, and wait for no other's.
        target.insert("messageGroupId".to_owned(), json!(name));
    }
    let spec = json!({
        "busRef": {"name": bus_ref.name, "namespace": bus_ref.namespace_or(&namespace)},
        "ruleName": rule_name.as_str(),
        "eventPattern": event_pattern,
        "state": "Enabled",
        "targets": [target],
        // What stays in AWS with the inbox stays with its rules.
        "deletionPolicy": object.spec.deletion_policy,
    });
    Ok(Wanted { name: id.object_name(), annotations: json!({}), spec, exact: &["eventPattern"] })
}

/// What a subscription waits for, by what its rule says.
fn waiting(subscription: &str, name: &str, rule: Option<&EventRule>) -> Option<Wait> {
    let not_yet = |condition, reason, said: &str| {
        let message = format!("subscription {subscription}: EventRule {name}: {said}");
        Some(Wait { condition, reason, message, again: None })
    };
    let Some(rule) = rule else {
        return not_yet(READY, reason::SUBSCRIPTION_NOT_READY, "was just applied");
    };
    let said = rule.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    if let Some(refused) = conditions::get(said, REFERENCES_RESOLVED).filter(|found| found.status != "True") {
        let reason = match refused.reason.as_str() {
            reason::REF_NOT_PERMITTED => reason::REF_NOT_PERMITTED,
            reason::REF_NOT_FOUND => reason::REF_NOT_FOUND,
            _ => reason::REF_NOT_READY,
        };
        return not_yet(REFERENCES_RESOLVED, reason, &refused.message);
    }
    match conditions::get(said, READY) {
        Some(ready) if ready.status == "True" && ready.observed_generation == rule.metadata.generation => None,
        Some(ready) => not_yet(READY, reason::SUBSCRIPTION_NOT_READY, &ready.message),
        None => not_yet(READY, reason::SUBSCRIPTION_NOT_READY, "was not looked at yet"),
    }
}

/// Something else has the rule's name.
fn foreign(subscription: &str, namespace: &str, name: &str) -> Wait {
    let message = format!(
        "subscription {subscription}: EventRule {namespace}/{name} exists and is not this inbox's; it is left as it is: \
         delete it, or give the subscription another name"
    );
    Wait { condition: READY, reason: reason::NOT_OURS, message, again: None }
}

/// A rule as any object.
fn dynamic(rule: &EventRule) -> Result<DynamicObject, Retry> {
    serde_json::to_value(rule).and_then(serde_json::from_value::<DynamicObject>).map_err(|error| Retry {
        message: format!("EventRule {} cannot be read: {error}", rule.name_any()),
        pace: Pace::Quick,
        source: Some(Box::new(error)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use serde_json::Value;

    use super::*;
    use crate::controllers::tests::object;

    fn inbox(subscription: &Value) -> InboxQueue {
        object("InboxQueue", "pier", "lamp", &json!({"queueName": "lamp", "subscriptions": [subscription]}))
    }

    fn wanted(subscription: &Value) -> Wanted {
        let inbox = inbox(subscription);
        rule(&inbox, inbox.spec.subscriptions.first().unwrap()).unwrap()
    }

    #[test]
    fn a_subscription_is_a_rule_of_the_inboxs_namespace_on_the_bus_it_names() {
        let of = wanted(&json!({"name": "tides", "busRef": {"name": "sea"}, "sources": ["qsl.tide"]}));
        assert!(of.name.starts_with("lamp-tides-"), "{}", of.name);
        assert_eq!(of.spec["busRef"], json!({"name": "sea", "namespace": "pier"}));
        assert_eq!(of.spec["eventPattern"], json!({"source": ["qsl.tide"]}));
        assert_eq!(of.spec["targets"], json!([{"inboxRef": {"name": "lamp"}}]));
        let away = json!({"name": "all", "busRef": {"name": "sea", "namespace": "coast"}, "eventPattern": {"source": [{"prefix": "qsl."}]}});
        let of = wanted(&away);
        assert_eq!(of.spec["busRef"]["namespace"], "coast");
        assert_eq!(of.spec["eventPattern"], json!({"source": [{"prefix": "qsl."}]}));
    }

    #[test]
    fn a_subscription_of_a_fifo_inbox_is_a_group_of_its_own() {
        let mut inbox = inbox(&json!({"name": "tides", "busRef": {"name": "sea"}, "sources": ["qsl.tide"]}));
        inbox.spec.fifo = true;
        let of = rule(&inbox, inbox.spec.subscriptions.first().unwrap()).unwrap();
        assert_eq!(of.spec["targets"], json!([{"inboxRef": {"name": "lamp"}, "messageGroupId": "tides"}]));
    }

    #[test]
    fn a_subscription_to_nothing_is_refused_where_the_schema_was_not_asked() {
        let nothing = inbox(&json!({"name": "none", "busRef": {"name": "sea"}}));
        let refused = rule(&nothing, nothing.spec.subscriptions.first().unwrap()).unwrap_err();
        assert!(refused.message.starts_with("spec.subscriptions[none]: has neither"), "{refused}");
    }

    #[test]
    fn a_subscription_waits_for_what_its_rule_waits_for() {
        let rule = |conditions: Value| -> EventRule {
            let spec = json!({"busRef": {"name": "sea"}, "eventPattern": {"source": ["qsl.tide"]}});
            let mut rule: EventRule = object("EventRule", "pier", "lamp-tides", &spec);
            rule.metadata.generation = Some(3);
            rule.status = Some(serde_json::from_value(json!({"conditions": conditions})).unwrap());
            rule
        };
        let condition = |type_: &str, status: &str, reason: &str, generation: i64| {
            json!({"type": type_, "status": status, "reason": reason, "message": "because",
                "observedGeneration": generation, "lastTransitionTime": "2026-11-27T00:00:00Z"})
        };
        let reason_of =
            |rule: Option<&EventRule>| waiting("tides", "lamp-tides", rule).map(|wait| (wait.condition, wait.reason));
        assert_eq!(reason_of(None), Some((READY, reason::SUBSCRIPTION_NOT_READY)));
        let ready = rule(json!([condition("Ready", "True", "Available", 3)]));
        assert_eq!(reason_of(Some(&ready)), None);
        let edited = rule(json!([condition("Ready", "True", "Available", 2)]));
        assert_eq!(reason_of(Some(&edited)), Some((READY, reason::SUBSCRIPTION_NOT_READY)));
        let refused = rule(json!([
            condition("Ready", "False", "RefNotPermitted", 3),
            condition("ReferencesResolved", "False", "RefNotPermitted", 3),
        ]));
        assert_eq!(reason_of(Some(&refused)), Some((REFERENCES_RESOLVED, reason::REF_NOT_PERMITTED)));
        let message = waiting("tides", "lamp-tides", Some(&refused)).unwrap().message;
        assert_eq!(message, "subscription tides: EventRule lamp-tides: because");
    }
}
