//! What somebody wishes: every field of a bus, a rule and an inbox, generated. (But `allow_expiry`, a word of a person
//! about messages: nothing here holds any.)

use crate::support::{World, account, sources};
use operator_core::Claim;
use operator_core::arn::ActionArn;
use operator_core::bus::{self, DesiredAlarms, DesiredArchive, Publishing, SharedAlarm};
use operator_core::inbox::{self, Alarms, with_key};
use operator_core::names::{ArchiveName, KmsKeyId, MessageGroup, RuleName, RulePartName};
use operator_core::ports::{Encryption, RuleState};
use operator_core::rule::{self, EventPattern};
use operator_core::tags::Tags;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The ordinary targets of a rule; those above are FIFO queues.
const STANDARD: u8 = 10;

/// What one wish says of a bus, a rule on it and an inbox.
#[derive(Debug, Clone)]
pub struct Wish {
    pub claim: Claim,
    pub fifo: bool,
    bus: BusWish,
    rule: RuleWish,
    inbox: InboxWish,
    tag: Option<u8>,
    uid: u8,
}

#[derive(Debug, Clone)]
struct BusWish {
    description: String,
    publishers: Vec<(u8, bool)>,
    disabled: bool,
    /// Without a key, or with one of two.
    key: Option<u8>,
    dead_letter: bool,
    archives: BTreeMap<u8, (Option<u8>, u32)>,
    alarms: Option<(BTreeSet<u8>, BTreeSet<u8>)>,
    /// Of others, unwanted, or kept with or without an action.
    shared: u8,
    dashboard: bool,
}

#[derive(Debug, Clone)]
struct RuleWish {
    enabled: bool,
    source: u8,
    /// Whether each is ready.
    targets: BTreeMap<u8, bool>,
    age: Option<u32>,
    retries: Option<u32>,
    dead_letters: bool,
    group: u8,
}

#[derive(Debug, Clone)]
struct InboxWish {
    visibility: u32,
    retention: u32,
    dead_letter_retention: u32,
    receives: u32,
    sealed: bool,
    allowed: Vec<(u8, u8)>,
    consumers: BTreeSet<u8>,
    redrivers: BTreeSet<u8>,
    /// Which key, and how long a data key is used.
    key: Option<(u8, u32)>,
    alarms: Option<(u32, u32, bool)>,
}

fn bus_wish() -> impl Strategy<Value = BusWish> {
    let publishing = ("[a-z ]{0,8}", vec((0..4u8, any::<bool>()), 0..4), any::<bool>());
    let encryption = (option::of(0..2u8), any::<bool>());
    let archives = btree_map(0..3u8, (option::of(0..3u8), 0..3u32), 0..3);
    let alarms = option::of((btree_set(0..12u8, 0..5), btree_set(0..5u8, 0..5)));
    (publishing, encryption, archives, alarms, 0..4u8, any::<bool>()).prop_map(
        |((description, publishers, disabled), (key, dead_letter), archives, alarms, shared, dashboard)| BusWish {
            description,
            publishers,
            disabled,
            key,
            dead_letter,
            archives,
            alarms,
            shared,
            dashboard,
        },
    )
}

fn rule_wish() -> impl Strategy<Value = RuleWish> {
    let targets = btree_map(0..14u8, proptest::bool::weighted(0.8), 0..14);
    let retries = (option::of(60..86_400u32), option::of(0..186u32), any::<bool>());
    (any::<bool>(), 0..3u8, targets, retries, 0..2u8).prop_map(
        |(enabled, source, targets, (age, retries, dead_letters), group)| RuleWish {
            enabled,
            source,
            targets,
            age,
            retries,
            dead_letters,
            group,
        },
    )
}

fn inbox_wish() -> impl Strategy<Value = InboxWish> {
    let times = (0..43_200u32, 60..1_209_600u32, 60..1_209_600u32, 1..1000u32);
    let accounts = (btree_set(0..3u8, 0..3), btree_set(0..3u8, 0..3));
    let key = option::of((0..2u8, 60..86_400u32));
    let alarms = option::of((60..9_999u32, 0..3u32, any::<bool>()));
    (times, any::<bool>(), vec((0..3u8, 0..14u8), 0..4), accounts, key, alarms).prop_map(
        |(times, sealed, allowed, (consumers, redrivers), key, alarms)| InboxWish {
            visibility: times.0,
            retention: times.1,
            dead_letter_retention: times.2,
            receives: times.3,
            sealed,
            allowed,
            consumers,
            redrivers,
            key,
            alarms,
        },
    )
}

/// Any wish; kind and claim of an object do not change in a life, so they are given.
pub fn wish(claim: Claim, fifo: bool) -> impl Strategy<Value = Wish> {
    (bus_wish(), rule_wish(), inbox_wish(), option::of(0..3u8), 0..3u8)
        .prop_map(move |(bus, rule, inbox, tag, uid)| Wish { claim, fifo, bus, rule, inbox, tag, uid })
}

fn topic(number: u8) -> ActionArn {
    format!("arn:aws:sns:eu-west-3:210987654321:topic{number}").parse().unwrap()
}

fn names(numbers: &BTreeSet<u8>) -> BTreeSet<String> {
    numbers.iter().map(|number| format!("sa{number}")).collect()
}

impl Wish {
    fn tags(&self) -> Tags {
        self.tag.map(|tag| ("team".to_owned(), tag.to_string())).into_iter().collect()
    }

    /// How many archives the bus has, and how many dashboards.
    pub fn beside_the_bus(&self) -> [usize; 2] {
        [self.bus.archives.len(), usize::from(self.bus.dashboard)]
    }

    /// Leaves nothing to other buses: the alarm that all share is this one's to keep or to take away.
    pub fn alone(mut self) -> Self {
        self.bus.shared = self.bus.shared.max(1);
        self
    }

    pub fn bus(&self, world: &World) -> bus::Desired {
        self.bus_with(world, "ours")
    }

    /// The bus, whose archives' names begin with `prefix`.
    pub fn bus_with(&self, world: &World, prefix: &str) -> bus::Desired {
        let BusWish { description, publishers, disabled, key, dead_letter, archives, alarms, shared, dashboard } =
            &self.bus;
        let mut desired = world.bus("acme");
        desired.claim = self.claim;
        desired.description.clone_from(description);
        desired.publishing = if *disabled { Publishing::Disabled } else { Publishing::Enabled };
        desired.publishers.clear();
        for (number, wide) in publishers {
            let source = if *wide { "acme.*" } else { "acme.one" };
            desired.publishers.insert(account("hangar", &format!("sa{number}")), sources(&[source]));
        }
        desired.kms_key = key.map(|number| KmsKeyId::parse(format!("alias/key{number}")).unwrap());
        desired.dead_letter = dead_letter.then(|| world.queue_arn("lost"));
        for (number, (pattern, retention_days)) in archives {
            let name = ArchiveName::parse(format!("{prefix}{number}")).unwrap();
            let pattern =
                pattern.map(|source| EventPattern::parse(json!({"source": [format!("acme.{source}")]})).unwrap());
            desired.archives.insert(name, DesiredArchive { pattern, retention_days: *retention_days });
        }
        desired.alarms = alarms.as_ref().map(|(rules, actions)| DesiredAlarms {
            rules: rules.iter().map(|number| RulePartName::parse(format!("rule{number}")).unwrap()).collect(),
            actions: actions.iter().copied().map(topic).collect(),
        });
        desired.shared_alarm = match shared {
            0 => SharedAlarm::OfOthers,
            1 => SharedAlarm::Unwanted,
            2 => SharedAlarm::Kept(BTreeSet::new()),
            _ => SharedAlarm::Kept(BTreeSet::from([topic(0)])),
        };
        desired.dashboard = *dashboard;
        desired.tags = self.tags();
        desired.owner.uid = self.uid.to_string();
        desired
    }

    pub fn rule(&self, world: &World) -> rule::Desired {
        let RuleWish { enabled, source, targets, age, retries, dead_letters, group } = &self.rule;
        let queue = |number: &u8| format!("gate{number}{}", if *number < STANDARD { "" } else { ".fifo" });
        let queues: Vec<String> = targets.keys().map(queue).collect();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let mut desired = world.rule("acme", "departures", &queues);
        desired.claim = self.claim;
        for (target, (number, ready)) in desired.targets.iter_mut().zip(targets) {
            target.ready = *ready;
            target.max_event_age_seconds = *age;
            target.max_retries = *retries;
            if !dead_letters {
                target.dead_letter = None;
            }
            target.message_group_id =
                (*number >= STANDARD).then(|| MessageGroup::parse(format!("group{group}")).unwrap());
        }
        desired.event_pattern = EventPattern::parse(json!({"source": [format!("acme.{source}")]})).unwrap();
        desired.state = if *enabled { RuleState::Enabled } else { RuleState::Disabled };
        desired.tags = self.tags();
        desired.owner.uid = self.uid.to_string();
        desired
    }

    pub fn inbox(&self, world: &World) -> inbox::Desired {
        let InboxWish {
            visibility,
            retention,
            dead_letter_retention,
            receives,
            sealed,
            allowed,
            consumers,
            redrivers,
            key,
            alarms,
        } = &self.inbox;
        let mut desired = world.inbox(if self.fifo { "gate.fifo" } else { "gate" });
        desired.claim = self.claim;
        desired.visibility_timeout_seconds = *visibility;
        desired.retention_seconds = *retention;
        desired.dead_letter_retention_seconds = *dead_letter_retention;
        desired.max_receive_count = *receives;
        desired.sealed = *sealed;
        for (rule, targets) in allowed {
            let name = RuleName::parse(["departures", "arrivals", "gone"][usize::from(*rule)]).unwrap();
            let bus = world.bus("acme").bus_name;
            desired.allowed_rule_arns.extend(world.installation.rule_arns(&bus, &name, usize::from(*targets)));
        }
        desired.service_accounts = names(consumers);
        desired.redrive_service_accounts = names(redrivers);
        desired.encryption = match key {
            Some((number, reuse)) => with_key(&format!("alias/key{number}"), *reuse).unwrap(),
            None => Encryption::SqsManaged,
        };
        desired.alarms = alarms.map(|(age, dead_letters, paged)| Alarms {
            actions: paged.then(|| topic(0)).into_iter().collect(),
            oldest_message_age_seconds: age,
            dead_letters,
            in_flight: 100_000,
        });
        desired.tags = self.tags();
        desired.owner.uid = self.uid.to_string();
        desired
    }
}
