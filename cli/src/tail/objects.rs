//! The temporary InboxQueue of a tail: pure. Its subscriptions are the rules, which it owns and which go with it.

use std::collections::BTreeSet;

use crds::event_rule::RuleState;
use crds::names::EXPIRES_AT;
use crds::{EventBus, EventRule, InboxQueue};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::access::account::ServiceAccount;

/// The most subscriptions that an InboxQueue has.
const SUBSCRIPTIONS: usize = 16;
/// How long what nobody read is kept, in seconds.
const RETENTION: u32 = 3_600;

/// What is followed.
#[derive(Debug, Clone)]
pub enum Followed {
    /// All events of a bus.
    Bus(Box<EventBus>),
    /// The events that reach an inbox.
    Inbox(Box<InboxQueue>),
}

/// Events that are wanted: what is empty is free.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of these sources.
    pub sources: Vec<String>,
    /// Of these detail-types.
    pub detail_types: Vec<String>,
}

/// Some events of a bus: `NAMESPACE`, `NAME` and the pattern as JSON.
type Feed = (String, String, String);

/// The events that are to be followed, by their buses and patterns.
///
/// # Errors
/// When there are none, or more than one inbox can subscribe to, in a sentence.
pub fn feeds(followed: &Followed, rules: &[EventRule], wanted: &Wanted) -> Result<BTreeSet<Feed>, String> {
    match followed {
        Followed::Bus(bus) => {
            let (namespace, name) = of(&bus.metadata);
            Ok(BTreeSet::from([(namespace, name, pattern(wanted).to_string())]))
        }
        Followed::Inbox(inbox) => {
            let (namespace, name) = of(&inbox.metadata);
            let feeds: BTreeSet<Feed> = rules.iter().filter_map(|rule| feed(rule, &namespace, &name)).collect();
            match feeds.len() {
                0 => Err(format!("no enabled EventRule that you can see targets InboxQueue {namespace}/{name}")),
                1..=SUBSCRIPTIONS => Ok(feeds),
                many => Err(format!(
                    "{many} different EventRules feed InboxQueue {namespace}/{name}; {SUBSCRIPTIONS} can be followed: follow their bus"
                )),
            }
        }
    }
}

fn feed(rule: &EventRule, namespace: &str, name: &str) -> Option<Feed> {
    let own = rule.metadata.namespace.as_deref().unwrap_or_default();
    let references = rule.spec.targets.iter().filter_map(|target| target.inbox_ref.as_ref());
    let feeds = references.into_iter().any(|inbox| inbox.name == name && inbox.namespace_or(own) == namespace);
    let bus = &rule.spec.bus_ref;
    (feeds && rule.spec.state == RuleState::Enabled).then(|| {
        let pattern = Value::Object(rule.spec.event_pattern.clone()).to_string();
        (bus.namespace_or(own).to_owned(), bus.name.clone(), pattern)
    })
}

fn pattern(wanted: &Wanted) -> Value {
    let mut pattern = Map::new();
    let sources = if wanted.sources.is_empty() { json!([{"prefix": "qsl."}]) } else { json!(wanted.sources) };
    pattern.insert("source".to_owned(), sources);
    if !wanted.detail_types.is_empty() {
        pattern.insert("detail-type".to_owned(), json!(wanted.detail_types));
    }
    Value::Object(pattern)
}

/// The InboxQueue that takes these events for `account`, and that the operator deletes at `expires`.
pub fn temporary(
    name: &str,
    account: &ServiceAccount,
    followed: &Followed,
    feeds: &BTreeSet<Feed>,
    expires: Timestamp,
) -> Value {
    let subscriptions = feeds.iter().enumerate().map(|(at, (namespace, bus, pattern))| {
        let pattern: Value = serde_json::from_str(pattern).unwrap_or_default();
        json!({"name": format!("s{at}"), "busRef": {"name": bus, "namespace": namespace}, "eventPattern": pattern})
    });
    let mut spec = json!({
        "queueName": format!("qsl-{name}"),
        "messageRetentionSeconds": RETENTION,
        "serviceAccounts": [account.name],
        "subscriptions": subscriptions.collect::<Vec<_>>(),
    });
    if let (Followed::Inbox(inbox), Some(spec)) = (followed, spec.as_object_mut()) {
        spec.insert("verification".to_owned(), json!(inbox.spec.verification));
    }
    json!({
        "apiVersion": format!("{}/{}", crds::GROUP, crds::VERSION),
        "kind": "InboxQueue",
        "metadata": {
            "name": name,
            "namespace": account.namespace,
            "labels": {"app.kubernetes.io/managed-by": "kubectl-qsl"},
            "annotations": {EXPIRES_AT: expires.to_string()},
        },
        "spec": spec,
    })
}

fn of(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> (String, String) {
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bus() -> Followed {
        let bus = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventBus",
            "metadata": {"name": "trams", "namespace": "city"}, "spec": {"busName": "trams"}});
        Followed::Bus(Box::new(serde_json::from_value(bus).unwrap()))
    }

    fn inbox() -> Followed {
        let inbox = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "InboxQueue",
            "metadata": {"name": "arrivals", "namespace": "depot"},
            "spec": {"queueName": "arrivals", "verification": {"skewSeconds": 240, "requireEnvelopeHash": true}}});
        Followed::Inbox(Box::new(serde_json::from_value(inbox).unwrap()))
    }

    fn rule(namespace: &str, source: &str, target: &Value, state: &str) -> EventRule {
        let rule = json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventRule",
            "metadata": {"name": "r", "namespace": namespace},
            "spec": {"busRef": {"name": "trams"}, "eventPattern": {"source": [source]}, "state": state,
                     "targets": [{"inboxRef": target}]}});
        serde_json::from_value(rule).unwrap()
    }

    fn account() -> ServiceAccount {
        "ops/qsl-tools".parse().unwrap()
    }

    #[test]
    fn a_bus_is_followed_by_a_pattern_of_what_is_wanted() {
        let all = feeds(&bus(), &[], &Wanted::default()).unwrap();
        let wanted = Wanted { sources: vec!["qsl.tram".to_owned()], detail_types: vec!["Tram.Left.v1".to_owned()] };
        let some = feeds(&bus(), &[], &wanted).unwrap();
        let spec = |feeds| temporary("tail-1", &account(), &bus(), &feeds, Timestamp::UNIX_EPOCH);
        let pattern = |object: &Value| object.pointer("/spec/subscriptions/0/eventPattern").cloned().unwrap();
        assert_eq!(pattern(&spec(all)), json!({"source": [{"prefix": "qsl."}]}));
        assert_eq!(pattern(&spec(some)), json!({"source": ["qsl.tram"], "detail-type": ["Tram.Left.v1"]}));
    }

    #[test]
    fn an_inbox_is_followed_by_the_enabled_rules_that_feed_it_each_once() {
        let arrivals = json!({"name": "arrivals", "namespace": "depot"});
        let rules = [
            rule("city", "qsl.tram", &arrivals, "Enabled"),
            rule("city", "qsl.tram", &arrivals, "Enabled"),
            rule("depot", "qsl.rail", &json!({"name": "arrivals"}), "Enabled"),
            rule("city", "qsl.off", &arrivals, "Disabled"),
            rule("city", "qsl.other", &json!({"name": "arrivals"}), "Enabled"),
        ];
        let feeds = feeds(&inbox(), &rules, &Wanted::default()).unwrap();
        let object = temporary("tail-1", &account(), &inbox(), &feeds, Timestamp::UNIX_EPOCH);
        insta::assert_json_snapshot!(object);
        let parsed: InboxQueue = serde_json::from_value(object).unwrap();
        assert_eq!(parsed.spec.verification.skew_seconds, 240, "it judges as the inbox does");
    }

    #[test]
    fn what_nothing_feeds_and_what_too_much_feeds_is_said() {
        let arrivals = json!({"name": "arrivals", "namespace": "depot"});
        let many: Vec<EventRule> =
            (0..17).map(|at| rule("city", &format!("qsl.s{at}"), &arrivals, "Enabled")).collect();
        let said = |rules: &[EventRule]| feeds(&inbox(), rules, &Wanted::default()).unwrap_err();
        assert!(said(&[]).contains("no enabled EventRule"));
        assert!(said(&many).contains("17 different EventRules"));
        assert!(feeds(&inbox(), many.get(..16).unwrap(), &Wanted::default()).is_ok());
    }
}
