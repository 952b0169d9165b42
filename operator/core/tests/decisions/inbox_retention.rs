//! Shortening a retention loses messages for good, so it waits where it would, and says so.

use crate::support::{World, converge_inbox, run};
use operator_core::inbox::{self, Action, Part};
use operator_core::names::QueueName;
use operator_core::ports::{Counts, Metric};
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: u32 = 86_400;

fn hold(world: &World, queue: &str, visible: u64) {
    world.fake.set_counts(&QueueName::parse(queue).unwrap(), Counts { visible, in_flight: 0, delayed: 0 });
}

fn oldest(world: &World, queue: &str, seconds: f64) {
    world.fake.add_value(
        &Metric {
            namespace: "AWS/SQS".to_owned(),
            name: "ApproximateAgeOfOldestMessage".to_owned(),
            dimensions: BTreeMap::from([("QueueName".to_owned(), queue.to_owned())]),
        },
        seconds,
    );
    world.clock.advance(Duration::from_mins(1));
}

/// One pass: what stays as it is, and the retentions after it, of dead-letter queue and inbox.
async fn pass(world: &World, desired: &inbox::Desired) -> (Vec<String>, (u32, u32)) {
    let mut observed = inbox::observe(&world.aws, desired).await.unwrap();
    observed.expiring = inbox::weigh_expiry(&world.aws, desired, &observed, world.clock.now()).await.unwrap();
    let said = observed.expiring.values().map(ToString::to_string).collect();
    let actions = inbox::plan(desired, &observed);
    inbox::apply(&world.aws, desired, &observed, &actions).await.unwrap();
    let mut after = inbox::observe(&world.aws, desired).await.unwrap();
    after.expiring = observed.expiring;
    assert_eq!(inbox::plan(desired, &after), [], "what has to wait is not planned again");
    let seconds = |part| after.queues.get(&part).unwrap().facts.attributes.retention_seconds;
    (said, (seconds(Part::DeadLetter), seconds(Part::Inbox)))
}

/// An inbox of 7 and 14 days, as it should be with 1 and 2.
async fn shortened(world: &World) -> inbox::Desired {
    let desired = world.inbox("gate");
    converge_inbox(&world.aws, &desired).await.unwrap();
    inbox::Desired { retention_seconds: DAY, dead_letter_retention_seconds: 2 * DAY, ..desired }
}

#[test]
fn an_empty_queue_is_shortened_without_a_question() {
    run(async {
        let world = World::new();
        let desired = shortened(&world).await;
        world.fake.take_calls();
        assert_eq!(pass(&world, &desired).await, (vec![], (2 * DAY, DAY)));
        assert!(!world.fake.take_calls().iter().any(|call| call.operation == "GetMetricData"));
    });
}

#[test]
fn messages_that_are_young_enough_let_it_and_old_ones_do_not() {
    run(async {
        let world = World::new();
        let desired = shortened(&world).await;
        hold(&world, "gate", 3);
        oldest(&world, "gate", f64::from(DAY));
        let (said, retentions) = pass(&world, &desired).await;
        assert_eq!(
            said,
            [
                "the retention of queue gate stays 604800 s: at 86400 s, messages would expire now (it holds 3, the oldest \
              is 86400 s old)"
            ]
        );
        assert_eq!(retentions, (14 * DAY, 7 * DAY), "dead letters are never kept shorter than the inbox's messages");
        oldest(&world, "gate", f64::from(DAY) - 1.5);
        assert_eq!(pass(&world, &desired).await, (vec![], (2 * DAY, DAY)));
    });
}

#[test]
fn messages_of_an_age_that_nobody_knows_wait_until_they_are_gone() {
    run(async {
        let world = World::new();
        let desired = shortened(&world).await;
        hold(&world, "gate", 1);
        oldest(&world, "gate", 5.0);
        world.clock.advance(Duration::from_mins(15));
        let (said, retentions) = pass(&world, &desired).await;
        assert!(said.len() == 1 && said.iter().all(|text| text.contains("does not say")), "{said:?}");
        assert_eq!(retentions, (14 * DAY, 7 * DAY));
        hold(&world, "gate", 0);
        assert_eq!(pass(&world, &desired).await, (vec![], (2 * DAY, DAY)));
    });
}

#[test]
fn a_dead_letter_is_as_old_as_the_inbox_may_have_kept_it_before() {
    run(async {
        let world = World::new();
        let desired = inbox::Desired { retention_seconds: 7 * DAY, ..shortened(&world).await };
        let desired = inbox::Desired { dead_letter_retention_seconds: 8 * DAY, ..desired };
        hold(&world, "gate-dlq", 1);
        oldest(&world, "gate-dlq", f64::from(DAY));
        let (said, retentions) = pass(&world, &desired).await;
        assert!(said.iter().all(|text| text.contains("the oldest is 691200 s old")) && said.len() == 1, "{said:?}");
        assert_eq!(retentions, (14 * DAY, 7 * DAY));
        oldest(&world, "gate-dlq", f64::from(DAY) - 1.0);
        assert_eq!(pass(&world, &desired).await, (vec![], (8 * DAY, 7 * DAY)));
    });
}

#[test]
fn a_person_may_let_messages_expire_by_naming_the_retention() {
    run(async {
        let world = World::new();
        let mut desired = shortened(&world).await;
        hold(&world, "gate", 3);
        desired.allow_expiry = Some(2 * DAY);
        assert_eq!(pass(&world, &desired).await.1, (14 * DAY, 7 * DAY), "that is the word for another retention");
        desired.allow_expiry = Some(DAY);
        assert_eq!(pass(&world, &desired).await, (vec![], (2 * DAY, DAY)));
    });
}

#[test]
fn a_longer_retention_needs_nobodys_word_and_dead_letters_get_it_first() {
    run(async {
        let world = World::new();
        let desired = shortened(&world).await;
        converge_inbox(&world.aws, &desired).await.unwrap();
        hold(&world, "gate", 3);
        let longer = world.inbox("gate");
        let order = async |desired: &inbox::Desired| {
            let observed = inbox::observe(&world.aws, desired).await.unwrap();
            let part = |action: &Action| match action {
                Action::Change(part, ..) => Some(*part),
                _ => None,
            };
            inbox::plan(desired, &observed).iter().filter_map(part).collect::<Vec<_>>()
        };
        assert_eq!(order(&longer).await, [Part::DeadLetter, Part::Inbox]);
        assert_eq!(pass(&world, &longer).await, (vec![], (14 * DAY, 7 * DAY)));
        assert_eq!(order(&desired).await, [Part::Inbox, Part::DeadLetter], "and lose it last");
    });
}
