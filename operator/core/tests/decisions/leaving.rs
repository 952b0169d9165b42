//! What is read before a thing goes: what AWS did not answer is no answer, and what is left over goes too.

use crate::support::{
    World, bus_deletion, converge_bus, converge_inbox, converge_rule, inbox_deletion, rule_deletion, run,
};
use operator_core::deletion::DeletionStep;
use operator_core::error::ErrorClass;
use operator_core::fake::When;
use operator_core::inbox::{self, ObservedDeletion};
use operator_core::{bus, rule};

/// A bus with a rule on it, and an inbox.
async fn world() -> World {
    let world = World::new();
    converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
    converge_rule(&world.aws, &world.rule("acme", "departures", &["gate"])).await.unwrap();
    converge_inbox(&world.aws, &world.inbox("gate")).await.unwrap();
    world
}

#[test]
fn a_throttled_question_ends_the_pass_of_a_bus_and_what_is_gone_meanwhile_does_not() {
    run(async {
        let world = world().await;
        let deletion = bus_deletion(&world.bus("acme"));
        for operation in ["ListRules", "ListArchives", "GetRole"] {
            world.fake.fail_next(operation, When::Before, ErrorClass::Throttled);
            let error = bus::observe_deletion(&world.aws, &deletion).await.unwrap_err();
            assert_eq!((error.class, error.operation), (ErrorClass::Throttled, operation));
        }
        for operation in ["ListRules", "ListArchives"] {
            world.fake.fail_next(operation, When::Before, ErrorClass::Missing);
            bus::observe_deletion(&world.aws, &deletion).await.unwrap();
        }
    });
}

#[test]
fn a_throttled_question_about_archives_ends_a_pass_and_a_bus_that_is_not_there_has_none() {
    run(async {
        let world = world().await;
        let desired = world.bus("acme");
        world.fake.fail_next("ListArchives", When::Before, ErrorClass::Throttled);
        assert_eq!(bus::observe(&world.aws, &desired).await.unwrap_err().class, ErrorClass::Throttled);
        world.fake.fail_next("ListArchives", When::Before, ErrorClass::Missing);
        assert_eq!(bus::observe(&world.aws, &desired).await.unwrap().archives.len(), 0);
    });
}

#[test]
fn a_throttled_question_ends_the_pass_of_a_rule_and_of_an_inbox() {
    run(async {
        let world = world().await;
        let deletion = rule_deletion(&world.rule("acme", "departures", &[]));
        world.fake.fail_next("ListRules", When::Before, ErrorClass::Throttled);
        assert_eq!(rule::observe_deletion(&world.aws, &deletion).await.unwrap_err().class, ErrorClass::Throttled);
        world.fake.fail_next("ListRules", When::Before, ErrorClass::Missing);
        let seen = rule::observe_deletion(&world.aws, &deletion).await.unwrap();
        assert_eq!(rule::plan_deletion(&deletion, &seen), DeletionStep::Gone, "it went with its bus");
        let deletion = inbox_deletion(&world.inbox("gate"));
        world.fake.fail_next("GetRole", When::Before, ErrorClass::Throttled);
        assert_eq!(inbox::observe_deletion(&world.aws, &deletion).await.unwrap_err().class, ErrorClass::Throttled);
    });
}

#[test]
fn the_targets_of_a_rule_in_the_way_are_read_only_where_it_would_go_with_the_bus() {
    run(async {
        let world = world().await;
        let deletion = bus_deletion(&world.bus("acme"));
        let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
        assert_eq!((seen.rules.len(), seen.rules[0].targets.len()), (1, 0));
        let forced = bus::Deletion { force: true, ..deletion };
        let seen = bus::observe_deletion(&world.aws, &forced).await.unwrap();
        assert_eq!((seen.rules.len(), seen.rules[0].targets.len()), (1, 1));
    });
}

#[test]
fn an_inbox_whose_queues_are_gone_goes_on_until_its_roles_and_alarms_are_gone_too() {
    let world = World::new();
    let deletion = inbox_deletion(&world.inbox("gate"));
    let none = ObservedDeletion::default();
    let step = |seen: &ObservedDeletion| inbox::plan_deletion(&deletion, seen, world.clock.now());
    assert_eq!(step(&none), DeletionStep::Gone);
    let role = inbox::consumer_role_name(&deletion.installation, &deletion.owner);
    let with_role = ObservedDeletion { roles: [role].into(), ..none.clone() };
    let name = operator_core::names::alarm_name(&deletion.installation, &deletion.owner, "in-flight");
    let alarm = (name.clone(), deletion.installation.alarm_arn(&name));
    let with_alarm = ObservedDeletion { alarms: [alarm].into(), ..none };
    for (seen, left) in [(with_role, "delete role"), (with_alarm, "delete alarms")] {
        let DeletionStep::Act(actions) = step(&seen) else { panic!("{left}: it is taken for gone") };
        assert!(actions.len() == 1 && actions[0].describe().starts_with(left), "{actions:?}");
    }
}
