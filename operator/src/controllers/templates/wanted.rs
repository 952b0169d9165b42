//! What the operator wants in AWS for the examples' objects, and how the template calls it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crds::{EventBus, EventRule, Eventing, InboxQueue};
use kube::ResourceExt;
use operator_core::{
    Claim, Installation,
    bus::{self, SharedAlarm},
    inbox, rule,
};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{TEMPLATE, read::Template};
use crate::controllers::{
    event_bus, event_rule,
    inbox_queue::{self, dereference::Feeding},
    tests::{at, object, place},
};

const MANIFESTS: [&str; 5] = [
    include_str!("../../../../examples/manifests/platform.yaml"),
    include_str!("../../../../examples/manifests/treasury.yaml"),
    include_str!("../../../../examples/manifests/compliance.yaml"),
    include_str!("../../../../examples/manifests/notification.yaml"),
    include_str!("../../../../examples/manifests/release-inboxes.yaml"),
];

/// The examples' objects of a kind, with alarms and dashboards.
fn objects<K: Eventing>(kind: &str) -> Vec<K> {
    let documents = MANIFESTS.iter().flat_map(|text| serde_yaml_ng::Deserializer::from_str(text));
    let documents = documents.map(|document| Value::deserialize(document).unwrap());
    let of_kind = documents.filter(|document| document["kind"] == kind);
    let read = |document: Value| {
        let mut spec = document["spec"].clone();
        if kind != "EventRule" {
            spec["alarms"] = json!({"enabled": true});
        }
        if kind == "EventBus" {
            spec["dashboard"] = json!({"enabled": true});
        }
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        object(kind, &text("/metadata/namespace"), &text("/metadata/name"), &spec)
    };
    of_kind.map(read).collect()
}

/// What the operator wants in AWS for the examples' objects.
pub(super) struct Wanted {
    /// Where.
    pub installation: Arc<Installation>,
    /// The bus.
    pub bus: bus::Desired,
    /// The inboxes.
    pub inboxes: Vec<inbox::Desired>,
    /// The rules.
    pub rules: Vec<rule::Desired>,
}

/// The same steps as the controllers take.
pub(super) fn wanted() -> Wanted {
    let installation = Arc::new(place());
    let (buses, rules, inboxes): (Vec<EventBus>, Vec<EventRule>, Vec<InboxQueue>) =
        (objects("EventBus"), objects("EventRule"), objects("InboxQueue"));
    assert_eq!((buses.len(), rules.len(), inboxes.len()), (1, 4, 5));
    let bus_object = Arc::new(buses.into_iter().next().unwrap());
    let on_the_bus = event_bus::dereference::Referenced {
        rules: rules.iter().flat_map(event_rule::names::parts).collect(),
        shared_alarm: SharedAlarm::Kept(BTreeSet::new()),
    };
    let bus = event_bus::validate::validate(&installation, Claim::Own, &bus_object, &on_the_bus).unwrap();
    let feeding = |inbox: &InboxQueue| {
        let own = rules.iter().filter(|rule| event_rule::names::targets(rule, inbox));
        let arns = own.map(|rule| {
            let name = event_rule::validate::rule_name(rule).unwrap();
            installation.rule_arns(&bus.bus_name, &name, rule.spec.targets.len()).into_iter().collect()
        });
        Feeding { rules: arns.collect(), buses: BTreeSet::new() }
    };
    let desired = |inbox: &InboxQueue| {
        inbox_queue::validate::validate(&installation, Claim::Own, inbox, &feeding(inbox)).unwrap().0
    };
    let of_rule = |rule: &EventRule| {
        let named = |inbox: &InboxQueue, target: &crds::event_rule::Target| {
            let reference = target.inbox_ref.as_ref().unwrap();
            reference.name == inbox.name_any() && reference.namespace == inbox.namespace()
        };
        let targets = rule.spec.targets.iter().cloned().enumerate().map(|(number, target)| {
            let inbox = inboxes.iter().find(|inbox| named(inbox, &target)).unwrap().clone();
            (number, target, Some(Arc::new(inbox)))
        });
        let referenced =
            event_rule::dereference::Referenced { bus: bus_object.clone(), targets: targets.collect(), missing: None };
        event_rule::validate::validate(&installation, Claim::Own, rule, &referenced, at(100).0).unwrap().desired
    };
    let (inboxes, rules) = (inboxes.iter().map(desired).collect(), rules.iter().map(of_rule).collect());
    Wanted { installation: installation.clone(), bus, inboxes, rules }
}

/// How the template calls what belongs to an inbox.
fn logical(inbox: &inbox::Desired) -> &str {
    inbox.queue_name.as_str().strip_prefix("qsl-").and_then(|name| name.strip_suffix("-inbox")).unwrap()
}

/// The template, and the ARNs in it as the operator makes them.
pub(super) fn template(wanted: &Wanted) -> Template {
    let mut template = Template::read(TEMPLATE, &[]);
    let here = &wanted.installation;
    template.stands_for("Bus", &here.bus_arn(&wanted.bus.bus_name));
    for (account, role) in [("orchestration", "OrchestrationPublisher"), ("paymentgateway", "PaymentGatewayPublisher")]
    {
        let account = wanted.bus.publishers.keys().find(|own| own.name == account).unwrap();
        template.stands_for(role, &here.role_arn(&wanted.bus.owner, &wanted.bus.role_name(account)));
    }
    for inbox in &wanted.inboxes {
        let name = logical(inbox);
        template.stands_for(&format!("{name}Inbox"), &inbox.queue_arn(inbox::Part::Inbox).unwrap());
        template.stands_for(&format!("{name}DeadLetters"), &inbox.queue_arn(inbox::Part::DeadLetter).unwrap());
        template.stands_for(&format!("{name}Consumer"), &inbox.role_arn().unwrap());
        template.stands_for(&format!("{name}Redrive"), &inbox.redrive_role_arn());
    }
    template
}
