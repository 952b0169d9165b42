//! The objects, as they hang together.

use std::collections::{BTreeMap, BTreeSet};

use crds::conditions::{self, READY};
use crds::event_bus::Publishing;
use crds::event_rule::RuleState;
use crds::inbox_queue::Consuming;
use crds::{EventBus, EventRule, InboxQueue, SigningKey};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use serde::Serialize;

use crate::table::word;

/// The annotation of a pod that consumes.
const INBOX: &str = "eventing.qsl.dev/inbox";

/// What there is.
pub(super) struct Objects {
    pub buses: Vec<EventBus>,
    pub keys: Vec<SigningKey>,
    pub rules: Vec<EventRule>,
    pub inboxes: Vec<InboxQueue>,
    pub pods: Vec<Pod>,
}

/// The whole flow.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tree {
    pub buses: Vec<Bus>,
    /// Those that no rule here feeds.
    pub unfed_inboxes: Vec<Inbox>,
    /// Those whose bus is not here.
    pub rules_without_bus: Vec<Rule>,
    /// The same of keys.
    pub keys_without_bus: Vec<Key>,
}

/// What an object is, and whether it is well.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    pub namespace: String,
    pub name: String,
    pub ready: bool,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bus {
    #[serde(flatten)]
    pub object: Object,
    #[serde(rename = "busName")]
    pub named: String,
    pub publishing: bool,
    pub publishers: usize,
    pub keys: Vec<Key>,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Key {
    #[serde(flatten)]
    pub object: Object,
    pub algorithm: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_kid: Option<String>,
    /// Whether the next should have taken over.
    pub overdue: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(flatten)]
    pub object: Object,
    pub bus: String,
    pub enabled: bool,
    pub targets: Vec<Target>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Target {
    Inbox(Box<Inbox>),
    /// Of a namespace that is not looked at, or not there.
    Elsewhere(String),
    /// By its ARN.
    Queue(String),
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Inbox {
    #[serde(flatten)]
    pub object: Object,
    pub queue_name: String,
    pub consuming: bool,
    /// As the operator last counted; none before it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_message_age_seconds: Option<i64>,
    /// Seconds since it was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted_seconds_ago: Option<i64>,
    pub pods: Pods,
}

/// The pods that say that they consume an inbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Pods {
    pub ready: usize,
    pub all: usize,
}

impl Object {
    fn of<K: crds::Eventing>(object: &K, conditions: &[Condition]) -> Self {
        let ready = conditions::get(conditions, READY);
        let why = |ready: &Condition| {
            if ready.message.is_empty() { ready.reason.clone() } else { format!("{}: {}", ready.reason, ready.message) }
        };
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            ready: ready.is_some_and(|ready| ready.status == "True"),
            why: match ready {
                None => Some("the operator has not seen it yet".to_owned()),
                Some(ready) => (ready.status != "True").then(|| why(ready)),
            },
        }
    }
}

impl Key {
    pub fn is_well(&self) -> bool {
        self.object.ready && self.active_kid.is_some() && !self.overdue
    }
}

impl Inbox {
    pub fn is_well(&self) -> bool {
        self.object.ready && self.dead_letters.unwrap_or_default() == 0 && self.pods.ready == self.pods.all
    }
}

impl Tree {
    pub fn is_empty(&self) -> bool {
        self.buses.is_empty()
            && self.unfed_inboxes.is_empty()
            && self.rules_without_bus.is_empty()
            && self.keys_without_bus.is_empty()
    }

    /// Whether everything is as it should be. What is switched off by its owner is.
    pub fn is_well(&self) -> bool {
        let rule = |rule: &Rule| {
            rule.object.ready
                && rule.targets.iter().all(|target| match target {
                    Target::Inbox(inbox) => inbox.is_well(),
                    Target::Elsewhere(_) | Target::Queue(_) => true,
                })
        };
        let bus = |bus: &Bus| {
            bus.object.ready && !bus.keys.is_empty() && bus.keys.iter().all(Key::is_well) && bus.rules.iter().all(rule)
        };
        self.buses.iter().all(bus)
            && self.unfed_inboxes.iter().all(Inbox::is_well)
            && self.rules_without_bus.iter().all(rule)
            && self.keys_without_bus.iter().all(Key::is_well)
    }
}

/// Puts it together.
pub(super) fn grow(objects: &Objects, now: Timestamp) -> Tree {
    let pods = pods(&objects.pods);
    let inboxes: BTreeMap<String, Inbox> = objects
        .inboxes
        .iter()
        .map(|inbox| self::inbox(inbox, &pods, now))
        .map(|inbox| (id(&inbox.object), inbox))
        .collect();
    let mut fed = BTreeSet::new();
    let mut rules: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for rule in &objects.rules {
        let rule = self::rule(rule, &inboxes, &mut fed);
        rules.entry(rule.bus.clone()).or_default().push(rule);
    }
    let mut keys: BTreeMap<String, Vec<Key>> = BTreeMap::new();
    for key in &objects.keys {
        let bus = format!("{}/{}", key.namespace().unwrap_or_default(), key.spec.bus_ref.name);
        keys.entry(bus).or_default().push(self::key(key, now));
    }
    let buses = objects.buses.iter().map(|object| {
        let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let of = Object::of(object, conditions);
        Bus {
            named: object.spec.bus_name.clone(),
            publishing: object.spec.publishing == Publishing::Enabled,
            publishers: object.spec.publishers.len(),
            keys: keys.remove(&id(&of)).unwrap_or_default(),
            rules: rules.remove(&id(&of)).unwrap_or_default(),
            object: of,
        }
    });
    let buses = buses.collect();
    Tree {
        buses,
        unfed_inboxes: inboxes.into_iter().filter(|(id, _)| !fed.contains(id)).map(|(_, inbox)| inbox).collect(),
        rules_without_bus: rules.into_values().flatten().collect(),
        keys_without_bus: keys.into_values().flatten().collect(),
    }
}

fn id(object: &Object) -> String {
    format!("{}/{}", object.namespace, object.name)
}

fn inbox(object: &InboxQueue, pods: &BTreeMap<String, Pods>, now: Timestamp) -> Inbox {
    let status = object.status.clone().unwrap_or_default();
    let of = Object::of(object, &status.conditions);
    Inbox {
        queue_name: object.spec.queue_name.clone(),
        consuming: object.spec.consuming == Consuming::Enabled,
        depth: status.depth,
        in_flight: status.in_flight,
        dead_letters: status.dead_letters,
        oldest_message_age_seconds: status.oldest_message_age_seconds,
        counted_seconds_ago: status.counted_at.map(|at| now.as_second().saturating_sub(at.0.as_second()).max(0)),
        pods: pods.get(&id(&of)).copied().unwrap_or_default(),
        object: of,
    }
}

fn key(object: &SigningKey, now: Timestamp) -> Key {
    let status = object.status.clone().unwrap_or_default();
    Key {
        object: Object::of(object, &status.conditions),
        algorithm: word(&object.spec.algorithm),
        overdue: status.next_rotation_time.is_some_and(|at| at.0 < now),
        active_kid: status.active_kid,
    }
}

fn rule(object: &EventRule, inboxes: &BTreeMap<String, Inbox>, fed: &mut BTreeSet<String>) -> Rule {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let of = Object::of(object, conditions);
    let bus = &object.spec.bus_ref;
    let targets = object.spec.targets.iter().map(|target| match (&target.inbox_ref, &target.queue_arn) {
        (Some(inbox), _) => {
            let id = format!("{}/{}", inbox.namespace_or(&of.namespace), inbox.name);
            let known = inboxes.get(&id).cloned();
            fed.insert(id.clone());
            known.map_or(Target::Elsewhere(id), |inbox| Target::Inbox(Box::new(inbox)))
        }
        (None, arn) => Target::Queue(arn.clone().unwrap_or_default()),
    });
    Rule {
        targets: targets.collect(),
        bus: format!("{}/{}", bus.namespace_or(&of.namespace), bus.name),
        enabled: object.spec.state == RuleState::Enabled,
        object: of,
    }
}

/// The pods of each inbox; one that has ended, as a Job's, does not count.
fn pods(pods: &[Pod]) -> BTreeMap<String, Pods> {
    let mut of: BTreeMap<String, Pods> = BTreeMap::new();
    for pod in pods {
        let Some(inbox) = pod.annotations().get(INBOX) else { continue };
        let status = pod.status.as_ref();
        if status
            .and_then(|status| status.phase.as_deref())
            .is_some_and(|phase| ["Succeeded", "Failed"].contains(&phase))
        {
            continue;
        }
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let ready = conditions.iter().any(|one| one.type_ == READY && one.status == "True");
        let pods = of.entry(format!("{}/{inbox}", pod.namespace().unwrap_or_default())).or_default();
        pods.all += 1;
        pods.ready += usize::from(ready);
    }
    of
}
