//! Which inboxes get an event: those that are named, or those that the bus's rules send it to now.

use std::collections::BTreeMap;

use crds::EventRule;
use crds::event_rule::RuleState;
use eventing::types::BusId;
use operator_core::pattern::EventPattern;
use serde_json::{Map, Value};

/// A rule of the bus with one of its targets.
#[derive(Debug, Clone)]
pub struct Feed {
    /// `NAMESPACE/NAME` of the EventRule.
    pub rule: String,
    /// Which events it takes.
    pattern: EventPattern,
    /// `NAMESPACE/NAME` of the InboxQueue.
    pub inbox: String,
    /// The ARNs of the queues that the rule sends to in truth: it may name an inbox that does not let it in.
    queue_arns: Vec<String>,
    /// The message group of a FIFO inbox.
    group: Option<String>,
}

/// What the enabled rules of a bus send where, in the order of their names.
///
/// # Errors
/// A pattern that is none, with the rule's name: the operator refuses it too.
pub fn feeds(rules: &[EventRule], bus: &BusId) -> Result<Vec<Feed>, String> {
    let mut feeds = Vec::new();
    for rule in rules {
        let (own, name) = (rule.metadata.namespace.as_deref(), rule.metadata.name.as_deref());
        let (own, name) = (own.unwrap_or_default(), name.unwrap_or_default());
        let spec = &rule.spec;
        let is_ours = spec.bus_ref.name == bus.name() && spec.bus_ref.namespace_or(own) == bus.namespace();
        if !is_ours || spec.state != RuleState::Enabled || rule.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let pattern = EventPattern::parse(Value::Object(spec.event_pattern.clone()));
        let pattern = pattern.map_err(|error| format!("the eventPattern of EventRule {own}/{name}: {error}"))?;
        // None yet, where the operator has not let it in: what it names may not even be there.
        let queue_arns = rule.status.as_ref().map(|status| status.target_queue_arns.clone()).unwrap_or_default();
        if queue_arns.is_empty() {
            continue;
        }
        for target in &spec.targets {
            let Some(inbox) = &target.inbox_ref else { continue };
            feeds.push(Feed {
                rule: format!("{own}/{name}"),
                pattern: pattern.clone(),
                inbox: format!("{}/{}", inbox.namespace_or(own), inbox.name),
                queue_arns: queue_arns.clone(),
                group: target.message_group_id.clone(),
            });
        }
    }
    feeds.sort_by(|one, other| one.rule.cmp(&other.rule));
    Ok(feeds)
}

/// Where events go.
#[derive(Debug, Clone)]
pub struct Routes {
    feeds: Vec<Feed>,
    named: Vec<String>,
    group: Option<String>,
}

impl Routes {
    /// To `named` inboxes, or where there are none, where the rules lead that send to one of `queues`: those of the
    /// inboxes that are meant, with their ARNs. `group` is for what no rule gives one.
    pub fn new(feeds: Vec<Feed>, queues: &BTreeMap<String, String>, named: Vec<String>, group: Option<String>) -> Self {
        let sends = |feed: &Feed| queues.get(&feed.inbox).is_some_and(|arn| feed.queue_arns.contains(arn));
        Self { feeds: feeds.into_iter().filter(sends).collect(), named, group }
    }

    /// The inboxes that get this event, each once, with the message group of the first rule that sends it there.
    pub fn of(&self, event: &Map<String, Value>) -> BTreeMap<&str, Option<&str>> {
        let mut inboxes: BTreeMap<&str, Option<&str>> = self.named.iter().map(|inbox| (inbox.as_str(), None)).collect();
        for feed in self.feeds.iter().filter(|feed| feed.pattern.matches(event)) {
            let group = feed.group.as_deref();
            if self.named.is_empty() {
                let known = inboxes.entry(&feed.inbox).or_insert(group);
                *known = known.or(group);
            } else if let Some(known) = inboxes.get_mut(feed.inbox.as_str()) {
                *known = known.or(group);
            }
        }
        let otherwise = self.group.as_deref();
        for group in inboxes.values_mut() {
            *group = group.or(otherwise);
        }
        inboxes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn arn(inbox: &str) -> String {
        format!("arn:aws:sqs:eu-west-1:111122223333:{}", inbox.replace('/', "-"))
    }

    fn rule(name: &str, change: &Value) -> EventRule {
        let mut rule = json!({
            "apiVersion": "eventing.qsl.dev/v1alpha1", "kind": "EventRule",
            "metadata": {"name": name, "namespace": "city"},
            "spec": {"busRef": {"name": "trams"}, "eventPattern": {"source": ["qsl.tram"]},
                     "targets": [{"inboxRef": {"name": "arrivals", "namespace": "depot"}, "messageGroupId": name},
                                 {"queueArn": "arn:aws:sqs:eu-west-1:1:q", "deadLetterArn": "arn:aws:sqs:eu-west-1:1:d"}]},
            "status": {"targetQueueArns": [arn("depot/arrivals")]}});
        for (pointer, value) in change.as_object().unwrap() {
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            rule.pointer_mut(parent).unwrap()[member] = value.clone();
        }
        serde_json::from_value(rule).unwrap()
    }

    /// The inboxes, and their groups, of an event of this source.
    fn of(rules: &[EventRule], named: &[&str], group: Option<&str>, source: &str) -> Vec<(String, Option<String>)> {
        let inboxes = ["depot/arrivals", "depot/departures"];
        let queues = inboxes.map(|inbox| (inbox.to_owned(), arn(inbox))).into();
        let named = named.iter().map(|name| (*name).to_owned()).collect();
        let feeds = feeds(rules, &BusId::new("city", "trams").unwrap()).unwrap();
        let event = json!({"source": source, "detail": {}});
        let routes = Routes::new(feeds, &queues, named, group.map(str::to_owned));
        let owned = |(inbox, group): (&str, Option<&str>)| (inbox.to_owned(), group.map(str::to_owned));
        routes.of(event.as_object().unwrap()).into_iter().map(owned).collect()
    }

    fn to(inbox: &str, group: Option<&str>) -> (String, Option<String>) {
        (inbox.to_owned(), group.map(str::to_owned))
    }

    #[test]
    fn an_event_goes_where_an_enabled_rule_of_its_bus_that_is_let_in_sends_it() {
        let plain = || rule("plain", &json!({}));
        assert_eq!(of(&[plain()], &[], None, "qsl.tram"), [to("depot/arrivals", Some("plain"))]);
        assert_eq!(of(&[plain()], &[], None, "qsl.ferry"), []);
        for (what, change) in [
            ("disabled", json!({"/spec/state": "Disabled"})),
            ("of another bus", json!({"/spec/busRef/name": "ferries"})),
            ("of a bus of that name elsewhere", json!({"/spec/busRef/namespace": "yard"})),
            ("going away", json!({"/metadata/deletionTimestamp": "2026-11-27T12:00:00Z"})),
            ("not let in", json!({"/status/targetQueueArns": []})),
            ("never judged by the operator", json!({"/status": null})),
        ] {
            assert_eq!(of(&[rule("other", &change)], &[], None, "qsl.tram"), [], "{what}");
        }
    }

    #[test]
    fn an_inbox_that_several_rules_feed_gets_it_once_in_the_group_of_the_first() {
        let rules = [rule("b", &json!({})), rule("a", &json!({}))];
        assert_eq!(of(&rules, &[], Some("named"), "qsl.tram"), [to("depot/arrivals", Some("a"))]);
        let ungrouped =
            [rule("a", &json!({"/spec/targets": [{"inboxRef": {"name": "arrivals", "namespace": "depot"}}]}))];
        assert_eq!(of(&ungrouped, &[], None, "qsl.tram"), [to("depot/arrivals", None)]);
        assert_eq!(of(&ungrouped, &[], Some("named"), "qsl.tram"), [to("depot/arrivals", Some("named"))]);
    }

    #[test]
    fn who_is_named_gets_it_whatever_the_rules_say_and_nobody_else() {
        let rules = [rule("a", &json!({}))];
        let named = ["depot/departures"];
        assert_eq!(of(&rules, &named, None, "qsl.tram"), [to("depot/departures", None)]);
        assert_eq!(of(&rules, &named, Some("named"), "qsl.ferry"), [to("depot/departures", Some("named"))]);
        let both = ["depot/departures", "depot/arrivals"];
        let expected = [to("depot/arrivals", Some("a")), to("depot/departures", None)];
        assert_eq!(of(&rules, &both, None, "qsl.tram"), expected);
    }

    #[test]
    fn a_pattern_that_is_none_is_told_with_its_rule() {
        let bad = rule("bad", &json!({"/spec/eventPattern": {"sauce": ["x"]}}));
        let told = feeds(&[bad], &BusId::new("city", "trams").unwrap()).unwrap_err();
        assert!(told.starts_with("the eventPattern of EventRule city/bad: at /sauce: "), "{told}");
    }
}
