//! What somebody wishes: every field of a bus, a rule and an inbox, generated.

use super::support::{World, account, sources};
use operator_core::Claim;
use operator_core::bus::{self, Publishing};
use operator_core::inbox;
use operator_core::names::RuleName;
use operator_core::ports::RuleState;
use operator_core::rule::{self, EventPattern};
use operator_core::tags::Tags;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What one wish says of a bus, a rule on it and an inbox.
#[derive(Debug, Clone)]
pub struct Wish {
    pub claim: Claim,
    pub fifo: bool,
    description: String,
    publishers: Vec<(u8, bool)>,
    disabled: bool,
    rule_enabled: bool,
    source: u8,
    targets: BTreeMap<u8, bool>,
    age: Option<u32>,
    visibility: u32,
    retention: u32,
    dead_letter_retention: u32,
    receives: u32,
    sealed: bool,
    allowed: Vec<(u8, u8)>,
    accounts: Vec<u8>,
    tag: Option<u8>,
    uid: u8,
}

/// Any wish; kind and claim of an object do not change in a life, so they are given.
pub fn wish(claim: Claim, fifo: bool) -> impl Strategy<Value = Wish> {
    let bus = ("[a-z ]{0,8}", vec((0..4u8, any::<bool>()), 0..4), any::<bool>());
    let targets = btree_set((0..14u8, proptest::bool::weighted(0.8)), 0..14);
    let rule = (any::<bool>(), 0..3u8, targets, proptest::option::of(60..86_400u32));
    let times = (0..43_200u32, 60..1_209_600u32, 60..1_209_600u32);
    let queue = (times, 1..1000u32, any::<bool>(), vec((0..3u8, 0..14u8), 0..4), vec(0..3u8, 0..3));
    (bus, rule, queue, (proptest::option::of(0..3u8), 0..3u8)).prop_map(move |(bus, rule, queue, (tag, uid))| Wish {
        claim,
        fifo,
        description: bus.0,
        publishers: bus.1,
        disabled: bus.2,
        rule_enabled: rule.0,
        source: rule.1,
        targets: rule.2.into_iter().collect(),
        age: rule.3,
        visibility: queue.0.0,
        retention: queue.0.1,
        dead_letter_retention: queue.0.2,
        receives: queue.1,
        sealed: queue.2,
        allowed: queue.3,
        accounts: queue.4,
        tag,
        uid,
    })
}

impl Wish {
    fn tags(&self) -> Tags {
        self.tag.map(|tag| ("team".to_owned(), tag.to_string())).into_iter().collect()
    }

    pub fn bus(&self, world: &World) -> bus::Desired {
        let mut desired = world.bus("acme");
        desired.claim = self.claim;
        desired.description.clone_from(&self.description);
        desired.publishing = if self.disabled { Publishing::Disabled } else { Publishing::Enabled };
        desired.publishers.clear();
        for (number, wide) in &self.publishers {
            let source = if *wide { "acme.*" } else { "acme.one" };
            desired.publishers.insert(account("hangar", &format!("sa{number}")), sources(&[source]));
        }
        desired.tags = self.tags();
        desired.owner.uid = self.uid.to_string();
        desired
    }

    pub fn rule(&self, world: &World) -> rule::Desired {
        let queues: Vec<String> = self.targets.keys().map(|number| format!("gate{number}")).collect();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let mut desired = world.rule("acme", "departures", &queues);
        desired.claim = self.claim;
        for (target, ready) in desired.targets.iter_mut().zip(self.targets.values()) {
            target.ready = *ready;
            target.max_event_age_seconds = self.age;
        }
        let pattern = serde_json::json!({"source": [format!("acme.{}", self.source)]});
        desired.event_pattern = EventPattern::parse(pattern).unwrap();
        desired.state = if self.rule_enabled { RuleState::Enabled } else { RuleState::Disabled };
        desired.tags = self.tags();
        desired.owner.uid = self.uid.to_string();
        desired
    }

    pub fn inbox(&self, world: &World) -> inbox::Desired {
        let mut desired = world.inbox(if self.fifo { "gate.fifo" } else { "gate" });
        desired.claim = self.claim;
        desired.visibility_timeout_seconds = self.visibility;
        desired.retention_seconds = self.retention;
        desired.dead_letter_retention_seconds = self.dead_letter_retention;
        desired.max_receive_count = self.receives;
        desired.sealed = self.sealed;
        for (rule, targets) in &self.allowed {
            let name = RuleName::parse(["departures", "arrivals", "gone"][usize::from(*rule)]).unwrap();
            let bus = world.bus("acme").bus_name;
            desired.allowed_rule_arns.extend(world.installation.rule_arns(&bus, &name, usize::from(*targets)));
        }
        desired.service_accounts = self.accounts.iter().map(|number| format!("sa{number}")).collect();
        desired.tags = self.tags();
        desired.owner.uid = self.uid.to_string();
        desired
    }
}
