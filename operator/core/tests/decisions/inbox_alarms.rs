//! The alarms of an inbox come when they are enabled, are put right, and go when they are not or the inbox goes.

use crate::support::{World, converge_inbox, run};
use operator_core::deletion::DeletionStep;
use operator_core::error::ErrorClass;
use operator_core::fake::When;
use operator_core::inbox::{self, Alarms, Deletion};
use operator_core::names::alarm_name;
use operator_core::ports::{Alarm, MissingData};
use operator_core::tags::Tags;
use std::collections::BTreeSet;

fn alarms() -> Alarms {
    Alarms {
        actions: BTreeSet::from(["arn:aws:sns:eu-west-3:210987654321:pager".parse().unwrap()]),
        oldest_message_age_seconds: 900,
        dead_letters: 0,
        in_flight: 100_000,
    }
}

fn watched(world: &World, name: &str) -> inbox::Desired {
    inbox::Desired { alarms: Some(alarms()), ..world.inbox(name) }
}

async fn seen(world: &World, desired: &inbox::Desired) -> Vec<Alarm> {
    let observed = inbox::observe(&world.aws, desired).await.unwrap();
    observed.alarms.into_values().map(|seen| seen.facts.alarm.unwrap()).collect()
}

fn of_alarms(world: &World) -> usize {
    world.fake.things().keys().filter(|name| name.starts_with("alarm ")).count()
}

#[test]
fn there_are_alarms_on_age_dead_letters_and_what_is_in_flight() {
    run(async {
        let world = World::new();
        for (name, expected) in [
            (
                "gate",
                vec![
                    "ApproximateNumberOfMessagesVisible of gate-dlq > 0",
                    "ApproximateNumberOfMessagesNotVisible of gate > 100000",
                    "ApproximateAgeOfOldestMessage of gate > 900",
                ],
            ),
            (
                "door.fifo",
                vec![
                    "ApproximateNumberOfMessagesVisible of door-dlq.fifo > 0",
                    "ApproximateNumberOfMessagesNotVisible of door.fifo > 100000",
                    "ApproximateAgeOfOldestMessage of door.fifo > 900",
                    "ApproximateNumberOfMessagesVisible of door-undelivered > 0",
                ],
            ),
        ] {
            let desired = watched(&world, name);
            converge_inbox(&world.aws, &desired).await.unwrap();
            let mut said = Vec::new();
            for Alarm { metric, threshold, missing_data, actions, .. } in seen(&world, &desired).await {
                assert_eq!(
                    (metric.namespace.as_str(), missing_data, actions.len()),
                    ("AWS/SQS", MissingData::NotBreaching, 1)
                );
                said.push(format!("{} of {} > {threshold}", metric.name, metric.dimensions["QueueName"]));
            }
            assert_eq!(said, expected);
            assert_eq!(converge_inbox(&world.aws, &desired).await.unwrap().1, 0);
        }
    });
}

#[test]
fn another_threshold_a_hand_edit_and_another_tag_are_put_right() {
    run(async {
        let world = World::new();
        let mut desired = watched(&world, "gate");
        converge_inbox(&world.aws, &desired).await.unwrap();
        desired.alarms = Some(Alarms { dead_letters: 7, actions: BTreeSet::new(), ..alarms() });
        converge_inbox(&world.aws, &desired).await.unwrap();
        let alarms = seen(&world, &desired).await;
        assert!(alarms.iter().any(|alarm| (alarm.threshold - 7.0).abs() < f64::EPSILON));
        assert!(alarms.iter().all(|alarm| alarm.actions.is_empty()), "removed actions are cleared");
        let name = alarm_name(&world.installation, &desired.owner, "in-flight");
        world.fake.edit_alarm(&name);
        assert_eq!(converge_inbox(&world.aws, &desired).await.unwrap().1, 1);
        assert_eq!(seen(&world, &desired).await, alarms);
        desired.tags = Tags::from([("team".to_owned(), "ground".to_owned())]);
        converge_inbox(&world.aws, &desired).await.unwrap();
        let tagged =
            |(name, (tags, _)): (String, (Tags, String))| name.starts_with("alarm ") && tags.contains_key("team");
        assert_eq!(world.fake.things().into_iter().filter(|thing| tagged(thing.clone())).count(), 3);
    });
}

#[test]
fn an_inbox_without_alarms_asks_cloudwatch_nothing_and_one_that_had_some_loses_them() {
    run(async {
        let world = World::new();
        let without = world.inbox("gate");
        converge_inbox(&world.aws, &without).await.unwrap();
        let before = world.fake.things();
        assert!(!world.fake.take_calls().iter().any(|call| call.operation.contains("Alarm")));
        converge_inbox(&world.aws, &watched(&world, "gate")).await.unwrap();
        assert_eq!(of_alarms(&world), 3);
        converge_inbox(&world.aws, &without).await.unwrap();
        assert_eq!(world.fake.things(), before);
        world.fake.take_calls();
        assert_eq!(converge_inbox(&world.aws, &without).await.unwrap().1, 0);
        assert!(!world.fake.take_calls().iter().any(|call| call.operation.contains("Alarm")));
    });
}

#[test]
fn alarms_whose_making_or_deleting_was_interrupted_are_found_again() {
    run(async {
        for operation in ["PutMetricAlarm", "DeleteAlarms", "UntagQueue", "TagQueue"] {
            let world = World::new();
            converge_inbox(&world.aws, &world.inbox("gate")).await.unwrap();
            let before = world.fake.things();
            world.fake.fail_next(operation, When::After, ErrorClass::Retryable);
            let first = converge_inbox(&world.aws, &watched(&world, "gate")).await;
            let last = converge_inbox(&world.aws, &world.inbox("gate")).await;
            assert!(first.is_err() || last.is_err(), "{operation}");
            converge_inbox(&world.aws, &world.inbox("gate")).await.unwrap();
            assert_eq!(world.fake.things(), before, "{operation}");
        }
    });
}

#[test]
fn an_alarm_that_is_anothers_is_refused_and_left_as_it_is() {
    run(async {
        let world = World::new();
        let desired = watched(&world, "gate");
        converge_inbox(&world.aws, &world.inbox("gate")).await.unwrap();
        // Somebody else makes an alarm of that very name.
        let observed = inbox::observe(&world.aws, &desired).await.unwrap();
        let put = inbox::plan(&desired, &observed).into_iter().find_map(|action| match action {
            inbox::Action::Alarm(operator_core::alarm::AlarmAction::Put(alarm, _)) => Some(*alarm),
            _ => None,
        });
        world.aws.monitoring.put_alarm(&Alarm { threshold: 5.0, ..put.unwrap() }, &Tags::new()).await.unwrap();
        let before = world.fake.things();
        let error = converge_inbox(&world.aws, &desired).await.unwrap_err();
        assert!(matches!(error.class, ErrorClass::NotOurs { .. }), "{error}");
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn alarms_go_with_the_inbox() {
    run(async {
        let world = World::new();
        let desired = watched(&world, "door.fifo");
        converge_inbox(&world.aws, &desired).await.unwrap();
        let deletion = Deletion {
            installation: desired.installation.clone(),
            owner: desired.owner.clone(),
            queue_name: desired.queue_name.clone(),
            force: true,
        };
        let seen = inbox::observe_deletion(&world.aws, &deletion).await.unwrap();
        let DeletionStep::Act(actions) = inbox::plan_deletion(&deletion, &seen, world.clock.now()) else { panic!() };
        inbox::apply_deletion(&world.aws, &deletion, &actions).await.unwrap();
        assert!(world.fake.things().is_empty(), "{:?}", world.fake.things());
        let seen = inbox::observe_deletion(&world.aws, &deletion).await.unwrap();
        assert_eq!(inbox::plan_deletion(&deletion, &seen, world.clock.now()), DeletionStep::Gone);
    });
}
