//! Over generated states: after `apply`, `plan` is empty; and what lacks our mark is never touched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use operator_core::bus::Publishing;
use operator_core::names::RuleName;
use operator_core::ports::RuleState;
use operator_core::tags::Tags;
use operator_core::{bus, inbox, rule};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::{World, account, converge_bus, converge_inbox, converge_rule, run, sources};

/// What a test varies of one bus, rule and inbox.
#[derive(Debug, Clone)]
struct Wish {
    description: String,
    publishers: Vec<(u8, bool)>,
    disabled: bool,
    rule_enabled: bool,
    source: u8,
    targets: BTreeMap<u8, bool>,
    visibility: u32,
    receives: u32,
    sealed: bool,
    allowed: Vec<(u8, u8)>,
    accounts: Vec<u8>,
    tag: Option<u8>,
    uid: u8,
}

fn wish() -> impl Strategy<Value = Wish> {
    let bus = ("[a-z ]{0,8}", vec((0..4u8, any::<bool>()), 0..4), any::<bool>());
    let targets = btree_set((0..14u8, proptest::bool::weighted(0.8)), 0..14);
    let rule = (any::<bool>(), 0..3u8, targets);
    let queue = (0..600u32, 1..50u32, any::<bool>(), vec((0..3u8, 0..14u8), 0..4), vec(0..3u8, 0..3));
    (bus, rule, queue, (proptest::option::of(0..3u8), 0..3u8)).prop_map(|(bus, rule, queue, (tag, uid))| Wish {
        description: bus.0,
        publishers: bus.1,
        disabled: bus.2,
        rule_enabled: rule.0,
        source: rule.1,
        targets: rule.2.into_iter().collect(),
        visibility: queue.0,
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

    fn bus(&self, world: &World) -> bus::Desired {
        let mut desired = world.bus("acme");
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

    fn rule(&self, world: &World) -> rule::Desired {
        let queues: Vec<String> = self.targets.keys().map(|number| format!("gate{number}")).collect();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let mut desired = world.rule("acme", "departures", &queues);
        for (target, ready) in desired.targets.iter_mut().zip(self.targets.values()) {
            target.ready = *ready;
            target.max_event_age_seconds = (self.source != 0).then_some(300);
        }
        let pattern = serde_json::json!({"source": [format!("acme.{}", self.source)]});
        desired.event_pattern = rule::EventPattern::parse(pattern).unwrap();
        desired.state = if self.rule_enabled { RuleState::Enabled } else { RuleState::Disabled };
        desired.tags = self.tags();
        desired.owner.uid = self.uid.to_string();
        desired
    }

    fn inbox(&self, world: &World) -> inbox::Desired {
        let mut desired = world.inbox("gate1");
        desired.visibility_timeout_seconds = self.visibility;
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

/// What another cluster made in the account before, some of it beside ours on our own bus.
async fn strangers(world: &World, wish: &Wish) {
    let theirs = world.of_another_cluster();
    let mut bus = wish.bus(world);
    bus.bus_name = "other".parse().unwrap();
    bus.installation = theirs.clone();
    converge_bus(&world.aws, &bus).await.unwrap();
    let mut inbox = world.inbox("other");
    inbox.installation = theirs;
    converge_inbox(&world.aws, &inbox).await.unwrap();
}

async fn strangers_rules(world: &World) {
    for name in ["departures-9", "departures-late"] {
        let mut rule = world.rule("acme", name, &["elsewhere"]);
        rule.installation = world.of_another_cluster();
        converge_rule(&world.aws, &rule).await.unwrap();
    }
}

/// Everything that does not carry our mark.
fn not_ours(world: &World) -> BTreeMap<String, (Tags, String)> {
    let mut things = world.fake.things();
    things.retain(|_, (tags, _)| tags.get("eventing.qsl.dev/cluster").map(String::as_str) != Some("cluster-a"));
    things
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn after_apply_the_plan_is_empty_and_strangers_are_not_touched(wishes in vec(wish(), 1..5), stranger in wish()) {
        run(async {
            let world = World::new();
            strangers(&world, &stranger).await;
            converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
            strangers_rules(&world).await;
            let before = not_ours(&world);
            prop_assert!(!before.is_empty());
            for wish in &wishes {
                let bus = wish.bus(&world);
                converge_bus(&world.aws, &bus).await.unwrap();
                let observed = bus::observe(&world.aws, &bus).await.unwrap();
                prop_assert_eq!(bus::plan(&bus, &observed), vec![]);

                let inbox = wish.inbox(&world);
                converge_inbox(&world.aws, &inbox).await.unwrap();
                let observed = inbox::observe(&world.aws, &inbox).await.unwrap();
                prop_assert_eq!(inbox::plan(&inbox, &observed), vec![]);

                let rule = wish.rule(&world);
                converge_rule(&world.aws, &rule).await.unwrap();
                let observed = rule::observe(&world.aws, &rule).await.unwrap();
                prop_assert_eq!(rule::plan(&rule, &observed), vec![]);
                // Every target that may be put is there, once.
                let mut ids: Vec<&String> = observed.parts.values().flat_map(|p| &p.targets).map(|t| &t.id).collect();
                let count = ids.len();
                ids.sort();
                ids.dedup();
                prop_assert_eq!(ids.len(), count);
                prop_assert!(count >= rule.targets.iter().filter(|target| target.ready).count());
            }
            prop_assert_eq!(not_ours(&world), before);
            Ok(())
        })?;
    }
}
