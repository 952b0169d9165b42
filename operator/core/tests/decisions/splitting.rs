//! Splitting above five targets and merging back: no moment in which a target is on no rule.

use crate::support::{World, converge_bus, converge_rule, run};
use operator_core::error::ErrorClass;
use operator_core::ports::RuleState;
use operator_core::rule::{self, Action, EventPattern};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What a rule is to be at one time: its targets and whether each may be put, and what else of it varies.
#[derive(Debug, Clone)]
struct Wish {
    /// By number: whether the queue lets the rule in.
    targets: BTreeMap<u8, bool>,
    /// A group for those of the targets that are FIFO, an age for all.
    group: u8,
    age: u32,
    source: u8,
    /// After how many actions the operator is killed; then another begins anew.
    killed_after: Option<usize>,
}

fn wish() -> impl Strategy<Value = Wish> {
    let targets = btree_map(0..17u8, proptest::bool::weighted(0.75), 0..17);
    let killed = proptest::option::weighted(0.4, 0..6usize);
    (targets, 0..2u8, prop_oneof![Just(240), Just(300)], 0..2u8, killed)
        .prop_map(|(targets, group, age, source, killed_after)| Wish { targets, group, age, source, killed_after })
}

impl Wish {
    fn rule(&self, world: &World) -> rule::Desired {
        let queues: Vec<String> = self.targets.keys().map(|number| Self::queue(*number)).collect();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let mut desired = world.rule("acme", "departures", &queues);
        for (target, ready) in desired.targets.iter_mut().zip(self.targets.values()) {
            target.ready = *ready;
            target.max_event_age_seconds = Some(self.age);
            target.message_group_id = target.queue.is_fifo().then(|| format!("group-{}", self.group).parse().unwrap());
        }
        desired.event_pattern = EventPattern::parse(json!({"source": [format!("acme.{}", self.source)]})).unwrap();
        desired
    }

    fn queue(number: u8) -> String {
        format!("gate{number}{}", if number.is_multiple_of(3) { ".fifo" } else { "" })
    }
}

/// The queues that an enabled part delivers to, each as often as it does.
async fn delivered(world: &World, desired: &rule::Desired) -> Vec<String> {
    let observed = rule::observe(&world.aws, desired).await.unwrap();
    let enabled = observed.parts.into_values().filter(|part| part.facts.state == Some(RuleState::Enabled));
    enabled.flat_map(|part| part.targets).map(|target| target.arn).collect()
}

async fn set(world: &World, desired: &rule::Desired) -> BTreeSet<String> {
    delivered(world, desired).await.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn after_every_single_action_each_wanted_and_ready_target_that_was_on_a_rule_is_on_one(wishes in vec(wish(), 1..6)) {
        run(async {
            let world = World::new();
            converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
            for wish in wishes {
                let desired = wish.rule(&world);
                let wanted: BTreeSet<String> = desired.targets.iter().map(|t| t.queue.to_string()).collect();
                let ready: BTreeSet<String> =
                    desired.targets.iter().filter(|t| t.ready).map(|t| t.queue.to_string()).collect();
                // What is delivered to, and is to be so on: nothing may take that away, were it for a moment.
                let mut held: BTreeSet<String> = set(&world, &desired).await.intersection(&wanted).cloned().collect();
                let mut left = wish.killed_after;
                for pass in 0.. {
                    prop_assert!(pass < 3, "two passes suffice after a kill");
                    let observed = rule::observe(&world.aws, &desired).await.unwrap();
                    let actions = rule::plan(&desired, &observed);
                    if actions.is_empty() {
                        break;
                    }
                    for action in &actions {
                        if left == Some(0) {
                            left = None;
                            break;
                        }
                        left = left.map(|left| left - 1);
                        rule::apply(&world.aws, &desired, &observed, std::slice::from_ref(action)).await.unwrap();
                        let now = set(&world, &desired).await;
                        prop_assert!(now.is_superset(&held), "{} took {:?}", action.describe(), held.difference(&now));
                        held = now.intersection(&wanted).cloned().collect();
                    }
                }
                let now = delivered(&world, &desired).await;
                let once: BTreeSet<String> = now.iter().cloned().collect();
                prop_assert_eq!(now.len(), once.len(), "each is on one part");
                prop_assert!(once.is_superset(&ready));
                prop_assert!(once.is_subset(&wanted));
                // What is in effect says so of every part, those too that wait for a target to move.
                let observed = rule::observe(&world.aws, &desired).await.unwrap();
                for part in observed.parts.values() {
                    prop_assert!(desired.event_pattern.says_the_same_as(&part.facts.pattern));
                    prop_assert!(part.targets.len() <= 5);
                }
                let applied = rule::apply(&world.aws, &desired, &observed, &[]).await.unwrap();
                let standing: Vec<_> = observed.parts.values().map(|part| part.facts.arn.clone()).collect();
                prop_assert_eq!(applied.rule_arns, standing);
            }
            Ok(())
        })?;
    }
}

fn names(numbers: std::ops::Range<u8>) -> Vec<String> {
    numbers.map(|number| format!("gate{number}")).collect()
}

fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[test]
fn a_target_that_may_not_move_yet_keeps_its_part_which_follows_the_pattern() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        converge_rule(&world.aws, &world.rule("acme", "departures", &strs(&names(0..6)))).await.unwrap();
        let seen = rule::observe(&world.aws, &world.rule("acme", "departures", &["gate0"])).await.unwrap();
        let moving = seen.parts[&2].targets[0].arn.rsplit(':').next().unwrap().to_owned();
        let other = names(0..6).into_iter().find(|name| *name != moving).unwrap();
        let mut desired = world.rule("acme", "departures", &[&other, &moving]);
        desired.targets[1].ready = false;
        desired.event_pattern = EventPattern::parse(json!({"source": ["acme.delay"]})).unwrap();
        let (applied, _) = converge_rule(&world.aws, &desired).await.unwrap();
        assert_eq!(applied.rule_arns.len(), 2, "the part that keeps it is named");
        let observed = rule::observe(&world.aws, &desired).await.unwrap();
        assert_eq!(observed.parts[&2].facts.pattern, json!({"source": ["acme.delay"]}));
        desired.targets[1].ready = true;
        let (applied, _) = converge_rule(&world.aws, &desired).await.unwrap();
        assert_eq!(applied.rule_arns.len(), 1);
    });
}

#[test]
fn a_target_that_stands_in_two_parts_makes_room_in_the_one_before_another_comes() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let nine = names(0..9);
        converge_rule(&world.aws, &world.rule("acme", "departures", &strs(&nine))).await.unwrap();
        let (bus, rule) = (world.bus("acme").bus_name, world.rule("acme", "departures", &[]).rule_name);
        // An operator that ended in the middle of a move, or a person, left one of the first part's in the second too.
        let twice = world.aws.buses.targets(&bus, &rule.part(1)).await.unwrap().remove(0);
        world.aws.buses.put_targets(&bus, &rule.part(2), std::slice::from_ref(&twice)).await.unwrap();
        let ten = names(0..10);
        let desired = world.rule("acme", "departures", &strs(&ten));
        converge_rule(&world.aws, &desired).await.unwrap();
        let second = world.aws.buses.targets(&bus, &rule.part(2)).await.unwrap();
        assert!(second.len() == 5 && second.iter().all(|target| target.id != twice.id), "{second:?}");
        assert_eq!(converge_rule(&world.aws, &desired).await.unwrap().1, 0);
    });
}

#[test]
fn another_message_group_is_put_in_the_place_of_the_former() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let mut desired = world.rule("acme", "departures", &["gate.fifo"]);
        desired.targets[0].message_group_id = Some("one".parse().unwrap());
        converge_rule(&world.aws, &desired).await.unwrap();
        desired.targets[0].message_group_id = Some("two".parse().unwrap());
        let observed = rule::observe(&world.aws, &desired).await.unwrap();
        let actions = rule::plan(&desired, &observed);
        assert!(matches!(actions.as_slice(), [Action::PutTargets(_, _, targets)] if targets.len() == 1), "{actions:?}");
        rule::apply(&world.aws, &desired, &observed, &actions).await.unwrap();
        let observed = rule::observe(&world.aws, &desired).await.unwrap();
        assert_eq!(observed.parts[&1].targets[0].message_group_id.as_deref(), Some("two"));
        assert_eq!(observed.parts[&1].targets.len(), 1);
    });
}

/// Puts so many rules of one target each on the bus.
async fn fill(world: &World, count: usize, pattern: serde_json::Value) {
    for number in 0..count {
        let mut rule = world.rule("acme", &format!("other{number}"), &[]);
        rule.event_pattern = EventPattern::parse(pattern.clone()).unwrap();
        converge_rule(&world.aws, &rule).await.unwrap();
    }
}

#[test]
fn a_quota_that_is_used_up_is_named_with_what_can_be_done() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let wildcard = json!({"source": [{"wildcard": "acme.*"}]});
        fill(&world, 30, wildcard.clone()).await;
        let mut rule = world.rule("acme", "departures", &["gate1"]);
        rule.event_pattern = EventPattern::parse(wildcard).unwrap();
        let error = converge_rule(&world.aws, &rule).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::LimitExceeded);
        for part in ["\"rules with wildcards per event bus\"", "bus acme has 30", "prefix or suffix", "another bus"] {
            assert!(error.message.contains(part), "{part}: {error}");
        }
        rule.event_pattern = EventPattern::parse(json!({"source": [{"prefix": "acme."}]})).unwrap();
        converge_rule(&world.aws, &rule).await.unwrap();
    });
}

#[test]
fn a_bus_without_room_for_a_part_says_which_quota_to_raise_and_keeps_what_stands() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let before = world.rule("acme", "departures", &strs(&names(0..5)));
        converge_rule(&world.aws, &before).await.unwrap();
        fill(&world, 299, json!({"source": ["acme.flight"]})).await;
        let error =
            converge_rule(&world.aws, &world.rule("acme", "departures", &strs(&names(0..6)))).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::LimitExceeded);
        for part in ["\"rules per event bus\"", "bus acme has 300", "Service Quotas"] {
            assert!(error.message.contains(part), "{part}: {error}");
        }
        assert_eq!(delivered(&world, &before).await.len(), 5);
    });
}
