//! A rule is made, split, put right and deleted.

use crate::support::{World, converge_bus, converge_rule, run};
use operator_core::deletion::DeletionStep;
use operator_core::error::ErrorClass;
use operator_core::ports::Target;
use operator_core::rule::{self, Action, Deletion, EventPattern};
use serde_json::json;

const SEVEN: [&str; 7] = ["g1", "g2", "g3", "g4", "g5", "g6", "g7"];

async fn world_with_bus() -> World {
    let world = World::new();
    converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
    world
}

/// The queues a rule delivers to, by part.
async fn delivered(world: &World, desired: &rule::Desired) -> Vec<(usize, usize)> {
    let observed = rule::observe(&world.aws, desired).await.unwrap();
    observed.parts.iter().map(|(number, part)| (*number, part.targets.len())).collect()
}

#[test]
fn seven_targets_are_split_over_two_rules_and_joined_again() {
    run(async {
        let world = world_with_bus().await;
        let desired = world.rule("acme", "departures", &SEVEN);
        let (applied, _) = converge_rule(&world.aws, &desired).await.unwrap();
        let arns: Vec<String> = applied.rule_arns.iter().map(ToString::to_string).collect();
        assert_eq!(
            arns,
            [
                "arn:aws:events:eu-west-3:210987654321:rule/acme/departures",
                "arn:aws:events:eu-west-3:210987654321:rule/acme/departures-2",
            ]
        );
        assert_eq!(delivered(&world, &desired).await, [(1, 5), (2, 2)]);
        assert_eq!(converge_rule(&world.aws, &desired).await.unwrap().1, 0);

        let fewer = world.rule("acme", "departures", &SEVEN[2..]);
        converge_rule(&world.aws, &fewer).await.unwrap();
        assert_eq!(delivered(&world, &fewer).await, [(1, 5)]);
        assert_eq!(converge_rule(&world.aws, &fewer).await.unwrap().1, 0);
    });
}

#[test]
fn a_target_that_moves_is_put_before_it_is_removed() {
    run(async {
        let world = world_with_bus().await;
        converge_rule(&world.aws, &world.rule("acme", "departures", &SEVEN)).await.unwrap();
        let fewer = world.rule("acme", "departures", &SEVEN[2..]);
        let observed = rule::observe(&world.aws, &fewer).await.unwrap();
        let moving: Vec<String> = observed.parts[&2].targets.iter().map(|target| target.id.clone()).collect();
        let actions = rule::plan(&fewer, &observed);
        for id in moving {
            let at = |found: &dyn Fn(&Action) -> bool| actions.iter().position(found);
            let put = at(&|action| matches!(action, Action::PutTargets(_, _, t) if t.iter().any(|t| t.id == id)));
            let removed = at(&|action| {
                matches!(action, Action::RemoveTargets(_, rule, ids)
                    if rule.as_str() == "departures-2" && ids.contains(&id))
            });
            assert!(removed.is_some() && (put.is_none() || put < removed), "{actions:?}");
        }
    });
}

#[test]
fn a_queue_that_is_a_target_under_another_id_keeps_it_and_is_never_without() {
    run(async {
        let world = world_with_bus().await;
        let desired = world.rule("acme", "departures", &SEVEN[..5]);
        converge_rule(&world.aws, &desired).await.unwrap();
        // As an older version named them, or whoever made a rule that is adopted: five, which leaves no room beside.
        let (bus, part) = (&desired.bus_name, desired.rule_name.part(1));
        let stood = world.aws.buses.targets(bus, &part).await.unwrap();
        world.aws.buses.remove_targets(bus, &part, &stood.iter().map(|one| one.id.clone()).collect()).await.unwrap();
        let renamed = |(nth, target): (usize, Target)| Target { id: format!("target-{nth}"), ..target };
        let mut named: Vec<Target> = stood.into_iter().enumerate().map(renamed).collect();
        named[1].max_event_age_seconds = Some(60);
        world.aws.buses.put_targets(bus, &part, &named).await.unwrap();

        let actions = rule::plan(&desired, &rule::observe(&world.aws, &desired).await.unwrap());
        let [Action::PutTargets(_, _, put)] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(put.iter().map(|target| target.id.as_str()).collect::<Vec<_>>(), ["target-1"]);
        converge_rule(&world.aws, &desired).await.unwrap();
        assert_eq!(converge_rule(&world.aws, &desired).await.unwrap().1, 0);

        // The same queue a second time is one too many.
        let fewer = world.rule("acme", "departures", &SEVEN[..4]);
        converge_rule(&world.aws, &fewer).await.unwrap();
        world.aws.buses.put_targets(bus, &part, &[Target { id: "twin".to_owned(), ..named[0].clone() }]).await.unwrap();
        let actions = rule::plan(&fewer, &rule::observe(&world.aws, &fewer).await.unwrap());
        assert!(matches!(&actions[..], [Action::RemoveTargets(_, _, ids)] if ids.len() == 1), "{actions:?}");
    });
}

#[test]
fn a_target_whose_queue_does_not_let_it_in_yet_is_not_put_and_one_that_stands_stays() {
    run(async {
        let world = world_with_bus().await;
        let mut desired = world.rule("acme", "departures", &["g1", "g2"]);
        desired.targets[1].ready = false;
        let (applied, _) = converge_rule(&world.aws, &desired).await.unwrap();
        assert_eq!(applied.waiting_for, [world.queue_arn("g2")]);
        assert_eq!(delivered(&world, &desired).await, [(1, 1)]);
        desired.targets[1].ready = true;
        converge_rule(&world.aws, &desired).await.unwrap();
        desired.targets[0].ready = false;
        assert_eq!(converge_rule(&world.aws, &desired).await.unwrap().1, 0);
        assert_eq!(delivered(&world, &desired).await, [(1, 2)]);
    });
}

#[test]
fn a_pattern_in_another_order_is_no_change_and_another_pattern_is() {
    run(async {
        let world = world_with_bus().await;
        let mut desired = world.rule("acme", "departures", &["g1"]);
        let pattern = |value| EventPattern::parse(value).unwrap();
        desired.event_pattern =
            pattern(json!({"source": ["a", "b"], "detail": {"n": [{"numeric": [">", 0, "<", 5]}]}}));
        converge_rule(&world.aws, &desired).await.unwrap();
        desired.event_pattern =
            pattern(json!({"detail": {"n": [{"numeric": [">", 0, "<", 5]}]}, "source": ["b", "a"]}));
        assert_eq!(converge_rule(&world.aws, &desired).await.unwrap().1, 0);
        desired.event_pattern =
            pattern(json!({"source": ["b", "a"], "detail": {"n": [{"numeric": [">", 0, "<", 6]}]}}));
        assert_eq!(converge_rule(&world.aws, &desired).await.unwrap().1, 1);
    });
}

#[test]
fn anothers_rule_of_the_name_is_refused_and_one_that_looks_like_a_part_is_not_touched() {
    run(async {
        let world = world_with_bus().await;
        converge_rule(&world.aws, &world.rule("acme", "departures-2", &["g1"])).await.unwrap();
        let before = world.fake.things();
        converge_rule(&world.aws, &world.rule("acme", "departures", &["g1"])).await.unwrap();
        let error = converge_rule(&world.aws, &world.rule("acme", "departures", &SEVEN)).await.unwrap_err();
        assert!(matches!(&error.class, ErrorClass::NotOurs { owner } if owner.contains("departures-2")), "{error}");
        let after = world.fake.things();
        assert_eq!(after["rule acme/departures-2"], before["rule acme/departures-2"]);
    });
}

#[test]
fn a_rule_without_its_bus_waits() {
    run(async {
        let world = World::new();
        let error = converge_rule(&world.aws, &world.rule("acme", "departures", &["g1"])).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Missing);
    });
}

#[test]
fn a_rule_is_deleted_with_all_its_parts() {
    run(async {
        let world = world_with_bus().await;
        let desired = world.rule("acme", "departures", &SEVEN);
        converge_rule(&world.aws, &desired).await.unwrap();
        let deletion = Deletion {
            installation: desired.installation.clone(),
            owner: desired.owner.clone(),
            bus_name: desired.bus_name.clone(),
            rule_name: desired.rule_name.clone(),
        };
        let seen = rule::observe_deletion(&world.aws, &deletion).await.unwrap();
        let DeletionStep::Act(actions) = rule::plan_deletion(&deletion, &seen) else { panic!() };
        rule::apply_deletion(&world.aws, &actions).await.unwrap();
        let seen = rule::observe_deletion(&world.aws, &deletion).await.unwrap();
        assert_eq!(rule::plan_deletion(&deletion, &seen), DeletionStep::Gone);
        assert!(!world.fake.things().keys().any(|thing| thing.starts_with("rule")));
    });
}

#[test]
fn a_target_for_a_fifo_queue_without_a_group_is_refused_by_its_entry() {
    run(async {
        let world = world_with_bus().await;
        let desired = world.rule("acme", "departures", &["g1.fifo", "g2"]);
        let error = converge_rule(&world.aws, &desired).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.message.contains("MessageGroupId"), "{error}");
        assert_eq!(delivered(&world, &desired).await, [(1, 1)], "the other entry was put");
    });
}

#[test]
fn what_aws_does_by_default_is_no_difference_whether_it_is_written_out_or_not() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let mut desired = world.rule("acme", "departures", &["gate"]);
        desired.targets[0].max_event_age_seconds = None;
        converge_rule(&world.aws, &desired).await.unwrap();
        let (buses, part) = (&world.aws.buses, desired.rule_name.part(1));
        let mut target = buses.targets(&desired.bus_name, &part).await.unwrap().remove(0);
        for (age, retries, differs) in [
            (Some(86_400), None, false),
            (None, Some(185), false),
            (Some(86_400), Some(185), false),
            (Some(86_399), None, true),
            (None, Some(184), true),
        ] {
            (target.max_event_age_seconds, target.max_retries) = (age, retries);
            buses.put_targets(&desired.bus_name, &part, std::slice::from_ref(&target)).await.unwrap();
            let observed = rule::observe(&world.aws, &desired).await.unwrap();
            assert_eq!(!rule::plan(&desired, &observed).is_empty(), differs, "{age:?} {retries:?}");
        }
    });
}
