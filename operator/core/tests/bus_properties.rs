//! Over generated pairs of states of a bus with all there is: after `apply`, `plan` is empty; and what lacks our mark
//! is never touched.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::option_option)]

mod support;

use operator_core::bus::{self, Deletion, DesiredAlarms, DesiredArchive, Publishing, SharedAlarm};
use operator_core::deletion::DeletionStep;
use operator_core::names::{ArchiveName, RulePartName};
use operator_core::rule::EventPattern;
use operator_core::tags::Tags;
use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use support::{World, converge_bus, run};

/// What a test varies of a bus.
#[derive(Debug, Clone)]
struct Wish {
    disabled: bool,
    archives: BTreeMap<u8, (Option<u8>, u32)>,
    alarms: Option<(BTreeSet<u8>, BTreeSet<u8>)>,
    shared: Option<Option<u8>>,
    dashboard: bool,
    tag: Option<u8>,
    uid: u8,
}

fn wish() -> impl Strategy<Value = Wish> {
    let archives = btree_map(0..4u8, (option::of(0..3u8), 0..3u32), 0..4);
    let alarms = option::of((btree_set(0..40u8, 0..40), btree_set(0..5u8, 0..5)));
    let rest = (option::of(option::of(0..3u8)), any::<bool>(), option::of(0..3u8), 0..3u8);
    (any::<bool>(), archives, alarms, rest).prop_map(|(disabled, archives, alarms, (shared, dashboard, tag, uid))| {
        Wish { disabled, archives, alarms, shared, dashboard, tag, uid }
    })
}

fn topic(number: u8) -> operator_core::arn::ActionArn {
    format!("arn:aws:sns:eu-west-3:210987654321:topic{number}").parse().unwrap()
}

impl Wish {
    fn bus(&self, world: &World, prefix: &str) -> bus::Desired {
        let mut desired = world.bus("acme");
        desired.publishing = if self.disabled { Publishing::Disabled } else { Publishing::Enabled };
        for (number, (pattern, retention_days)) in &self.archives {
            let name = ArchiveName::parse(format!("{prefix}{number}")).unwrap();
            let pattern = pattern.map(|source| json!({"source": [format!("acme.{source}")]}));
            let pattern = pattern.map(|pattern| EventPattern::parse(pattern).unwrap());
            desired.archives.insert(name, DesiredArchive { pattern, retention_days: *retention_days });
        }
        desired.alarms = self.alarms.as_ref().map(|(rules, actions)| DesiredAlarms {
            rules: rules.iter().map(|number| RulePartName::parse(format!("rule{number}")).unwrap()).collect(),
            actions: actions.iter().copied().map(topic).collect(),
        });
        desired.shared_alarm = match &self.shared {
            None => SharedAlarm::Unwanted,
            Some(action) => SharedAlarm::Kept(action.iter().copied().map(topic).collect()),
        };
        desired.dashboard = self.dashboard;
        desired.tags = self.tag.map(|tag| ("team".to_owned(), tag.to_string())).into_iter().collect();
        desired.owner.uid = self.uid.to_string();
        desired
    }
}

/// Everything that carries neither our tags nor our mark in its text.
fn not_ours(world: &World) -> BTreeMap<String, (Tags, String)> {
    let mut things = world.fake.things();
    things.retain(|_, (tags, text)| {
        let tagged = tags.get("eventing.qsl.dev/cluster").map(String::as_str) == Some("cluster-a");
        let managed = text.contains("managed_by: Some(");
        !tagged && !managed && !text.contains("of cluster cluster-a")
    });
    things
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn after_apply_the_plan_is_empty_and_strangers_are_not_touched(first in wish(), second in wish(), other in wish()) {
        run(async {
            let world = World::new();
            let mut stranger = other.bus(&world, "theirs");
            stranger.installation = world.of_another_cluster();
            stranger.bus_name = "other".parse().unwrap();
            converge_bus(&world.aws, &stranger).await.unwrap();
            let before = not_ours(&world);
            prop_assert!(!before.is_empty());
            for wish in [&first, &second] {
                let desired = wish.bus(&world, "ours");
                let (applied, _) = converge_bus(&world.aws, &desired).await.unwrap();
                let observed = bus::observe(&world.aws, &desired).await.unwrap();
                prop_assert_eq!(bus::plan(&desired, &observed), vec![]);
                let things = world.fake.things();
                let ours = |kind: &str| things.keys().filter(|name| {
                    name.starts_with(kind) && !before.contains_key(*name)
                }).count();
                prop_assert_eq!(ours("archive "), wish.archives.len());
                prop_assert_eq!(ours("alarm "), applied.alarms.len());
                prop_assert_eq!(ours("dashboard "), usize::from(wish.dashboard));
            }
            prop_assert_eq!(not_ours(&world), before.clone());

            // And after all that it goes, with everything that was ever made for it.
            let last = second.bus(&world, "ours");
            let deletion = Deletion {
                installation: last.installation.clone(),
                owner: last.owner.clone(),
                bus_name: last.bus_name.clone(),
                force: false,
                last_with_alarms: true,
            };
            loop {
                let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
                match bus::plan_deletion(&deletion, &seen) {
                    DeletionStep::Act(actions) => bus::apply_deletion(&world.aws, &deletion, &actions).await.unwrap(),
                    step => {
                        prop_assert_eq!(step, DeletionStep::Gone);
                        break;
                    }
                }
            }
            let left = world.fake.things();
            prop_assert!(left.keys().all(|name| before.contains_key(name) || name.contains("theirs")), "{left:?}");
            Ok(())
        })?;
    }
}
