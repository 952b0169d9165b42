//! A bus is made, put right and deleted, and nobody else's is touched.

use crate::support::{World, account, converge_bus, converge_rule, run, sources};
use operator_core::bus::{self, Deletion, Publishing};
use operator_core::deletion::{DeletionBlocked, DeletionStep};
use operator_core::error::ErrorClass;
use operator_core::fake::When;
use operator_core::owner::Owner;
use std::sync::Arc;

fn deletion(desired: &bus::Desired) -> Deletion {
    Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        bus_name: desired.bus_name.clone(),
        force: false,
        last_with_alarms: false,
    }
}

#[test]
fn a_bus_is_made_and_then_left_alone() {
    run(async {
        let world = World::new();
        let desired = world.bus("acme");
        let (applied, actions) = converge_bus(&world.aws, &desired).await.unwrap();
        assert_eq!(actions, 3, "bus, role, its policy");
        assert_eq!(applied.bus_arn.to_string(), "arn:aws:events:eu-west-3:210987654321:event-bus/acme");
        let role = &applied.publisher_roles[0];
        assert!(role.arn.to_string().starts_with("arn:aws:iam::210987654321:role/qsl-eventing/"), "{}", role.arn);
        world.fake.take_calls();
        assert_eq!(converge_bus(&world.aws, &desired).await.unwrap().1, 0);
        assert!(world.fake.take_calls().iter().all(|call| !call.write));
    });
}

#[test]
fn a_publisher_that_goes_takes_its_role_with_it() {
    run(async {
        let world = World::new();
        let mut desired = world.bus("acme");
        desired.publishers.insert(account("apron", "loader"), sources(&["acme.cargo", "acme.fuel.*"]));
        converge_bus(&world.aws, &desired).await.unwrap();
        let roles = || world.fake.things().keys().filter(|thing| thing.starts_with("role")).count();
        assert_eq!(roles(), 2);
        desired.publishers.remove(&account("apron", "loader"));
        converge_bus(&world.aws, &desired).await.unwrap();
        assert_eq!(roles(), 1);
    });
}

#[test]
fn the_rollback_switch_denies_by_the_policy_and_is_taken_back() {
    run(async {
        let world = World::new();
        let mut desired = world.bus("acme");
        desired.publishing = Publishing::Disabled;
        converge_bus(&world.aws, &desired).await.unwrap();
        let policy = || world.fake.things()["bus acme"].1.clone();
        assert!(policy().contains("QslPublishingDisabled") && policy().contains("Deny"), "{}", policy());
        desired.publishing = Publishing::Enabled;
        assert_eq!(converge_bus(&world.aws, &desired).await.unwrap().1, 1);
        assert!(!policy().contains("Deny"), "{}", policy());
    });
}

#[test]
fn a_bus_is_its_owner_s_and_nobody_else_s() {
    run(async {
        let world = World::new();
        let (desired, other) = (world.bus("acme"), world.bus("other"));
        let check = async |owner| bus::check_owner(&world.aws, &world.installation, owner, &desired.bus_name).await;
        assert_eq!(check(&desired.owner).await.unwrap_err().class, ErrorClass::Missing);
        converge_bus(&world.aws, &desired).await.unwrap();
        let restored = Owner { uid: "another".into(), ..desired.owner.clone() };
        assert_eq!((check(&desired.owner).await, check(&restored).await), (Ok(()), Ok(())));
        let refused = check(&other.owner).await.unwrap_err();
        assert!(matches!(refused.class, ErrorClass::NotOurs { .. }), "{refused:?}");
        assert!(refused.message.contains("EventBus planes/acme"), "{}", refused.message);
    });
}

#[test]
fn anothers_bus_is_refused_and_its_owner_named() {
    run(async {
        let world = World::new();
        let mut theirs = world.bus("acme");
        theirs.installation = world.of_another_cluster();
        converge_bus(&world.aws, &theirs).await.unwrap();
        let before = world.fake.things();
        let error = converge_bus(&world.aws, &world.bus("acme")).await.unwrap_err();
        let ErrorClass::NotOurs { owner } = error.class else { panic!("{error}") };
        assert_eq!(owner, "EventBus planes/acme of cluster cluster-b");
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn an_object_restored_under_a_new_uid_keeps_its_bus() {
    run(async {
        let world = World::new();
        let mut desired = world.bus("acme");
        converge_bus(&world.aws, &desired).await.unwrap();
        desired.owner.uid = "uid-2".to_owned();
        converge_bus(&world.aws, &desired).await.unwrap();
        assert_eq!(world.fake.things()["bus acme"].0["eventing.qsl.dev/uid"], "uid-2");
        assert_eq!(converge_bus(&world.aws, &desired).await.unwrap().1, 0);
    });
}

#[test]
fn a_bus_with_rules_is_not_deleted_and_they_are_named() {
    run(async {
        let world = World::new();
        let desired = world.bus("acme");
        converge_bus(&world.aws, &desired).await.unwrap();
        converge_rule(&world.aws, &world.rule("acme", "departures", &["gate"])).await.unwrap();
        let mut deletion = deletion(&desired);
        let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
        let DeletionStep::Blocked(blocked) = bus::plan_deletion(&deletion, &seen) else { panic!() };
        assert!(matches!(&blocked, DeletionBlocked::Rules { rules, .. } if rules.len() == 1));
        assert!(blocked.to_string().contains("departures of EventRule planes/departures"), "{blocked}");
        deletion.force = true;
        let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
        let DeletionStep::Act(actions) = bus::plan_deletion(&deletion, &seen) else { panic!() };
        bus::apply_deletion(&world.aws, &deletion, &actions).await.unwrap();
        assert!(world.fake.things().is_empty());
    });
}

#[test]
fn a_forced_deletion_leaves_a_foreign_rule_and_says_so() {
    run(async {
        let world = World::new();
        let desired = world.bus("acme");
        converge_bus(&world.aws, &desired).await.unwrap();
        let mut theirs = world.rule("acme", "audit", &["gate"]);
        theirs.installation = Arc::new(crate::support::installation("cluster-b"));
        converge_rule(&world.aws, &theirs).await.unwrap();
        let deletion = Deletion { force: true, ..deletion(&desired) };
        let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
        assert!(matches!(bus::plan_deletion(&deletion, &seen), DeletionStep::Blocked(_)));
    });
}

#[test]
fn a_deletion_that_was_cut_short_is_finished() {
    run(async {
        let world = World::new();
        let desired = world.bus("acme");
        converge_bus(&world.aws, &desired).await.unwrap();
        let deletion = deletion(&desired);
        for _ in 0..2 {
            let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
            let DeletionStep::Act(actions) = bus::plan_deletion(&deletion, &seen) else { panic!() };
            world.fake.fail_next("DeleteEventBus", When::After, ErrorClass::Retryable);
            let _ = bus::apply_deletion(&world.aws, &deletion, &actions[..actions.len() - 1]).await;
        }
        let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
        let DeletionStep::Act(actions) = bus::plan_deletion(&deletion, &seen) else { panic!() };
        assert!(bus::apply_deletion(&world.aws, &deletion, &actions).await.is_err(), "the answer was lost");
        let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
        assert_eq!(bus::plan_deletion(&deletion, &seen), DeletionStep::Gone);
        assert!(world.fake.things().is_empty());
    });
}
