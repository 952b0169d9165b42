//! An inbox is made, put right and deleted only when it is empty.

use crate::support::{World, converge_bus, converge_inbox, converge_rule, run};
use operator_core::deletion::{DeletionBlocked, DeletionStep, Waiting};
use operator_core::error::ErrorClass;
use operator_core::fake::When;
use operator_core::inbox::{self, Deletion};
use operator_core::names::QueueName;
use operator_core::ports::Counts;
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn deletion(desired: &inbox::Desired) -> Deletion {
    Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        queue_name: desired.queue_name.clone(),
        force: false,
    }
}

/// Does what can be done at once, and says what comes then.
async fn delete(world: &World, deletion: &Deletion) -> DeletionStep<inbox::Action> {
    for _ in 0..10 {
        let seen = inbox::observe_deletion(&world.aws, deletion).await.unwrap();
        match inbox::plan_deletion(deletion, &seen, world.clock.now()) {
            DeletionStep::Act(actions) => inbox::apply_deletion(&world.aws, deletion, &actions).await.unwrap(),
            step => return step,
        }
    }
    panic!("it never ends")
}

fn settling(step: &DeletionStep<inbox::Action>) -> bool {
    matches!(step, DeletionStep::Wait(Waiting::Settle { .. }))
}

#[test]
fn an_inbox_is_made_within_the_budget_of_calls_and_then_left_alone() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate");
        let (applied, _) = converge_inbox(&world.aws, &desired).await.unwrap();
        assert!(world.fake.take_calls().len() <= 12);
        assert!(applied.senders_changed);
        assert_eq!(applied.dead_letter.arn, world.queue_arn("gate-dlq"));
        assert_eq!(applied.undelivered, applied.dead_letter);
        let (applied, actions) = converge_inbox(&world.aws, &desired).await.unwrap();
        assert_eq!((actions, applied.senders_changed), (0, false));
    });
}

#[test]
fn the_settle_time_begins_anew_only_where_who_may_send_changes_and_dead_letter_queues_come_first() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate");
        converge_inbox(&world.aws, &desired).await.unwrap();
        let slower = inbox::Desired { visibility_timeout_seconds: 90, ..desired.clone() };
        let (applied, actions) = converge_inbox(&world.aws, &slower).await.unwrap();
        assert_eq!((actions, applied.senders_changed), (1, false));
        let open = inbox::Desired { sealed: false, ..slower };
        let observed = inbox::observe(&world.aws, &open).await.unwrap();
        let actions = inbox::plan(&open, &observed);
        let said: Vec<String> = actions.iter().map(inbox::Action::describe).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].ends_with("gate-dlq") && said[1].ends_with("gate"), "{said:?}");
        assert!(inbox::apply(&world.aws, &open, &observed, &actions).await.unwrap().senders_changed);
    });
}

#[test]
fn a_fifo_inbox_has_a_standard_queue_for_what_eventbridge_cannot_deliver() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate.fifo");
        let (applied, _) = converge_inbox(&world.aws, &desired).await.unwrap();
        assert_eq!(applied.dead_letter.arn, world.queue_arn("gate-dlq.fifo"));
        assert_eq!(applied.undelivered.arn, world.queue_arn("gate-undelivered"));
        assert_eq!(converge_inbox(&world.aws, &desired).await.unwrap().1, 0);
    });
}

#[test]
fn a_hand_edit_is_put_right() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate");
        converge_inbox(&world.aws, &desired).await.unwrap();
        let mut edited = desired.clone();
        edited.sealed = false;
        edited.retention_seconds = 3_600;
        converge_inbox(&world.aws, &edited).await.unwrap();
        let observed = inbox::observe(&world.aws, &desired).await.unwrap();
        let actions = inbox::plan(&desired, &observed);
        let said: Vec<String> = actions.iter().map(inbox::Action::describe).collect();
        assert!(said.iter().any(|text| text.starts_with("set retention, policy of")), "{said:?}");
    });
}

#[test]
fn a_queue_deleted_recently_is_refused_for_a_minute_and_then_made() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate");
        converge_inbox(&world.aws, &desired).await.unwrap();
        let forced = Deletion { force: true, ..deletion(&desired) };
        assert_eq!(delete(&world, &forced).await, DeletionStep::Gone);
        let error = converge_inbox(&world.aws, &desired).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::QueueDeletedRecently);
        world.clock.advance(60 * SECOND);
        converge_inbox(&world.aws, &desired).await.unwrap();
    });
}

#[test]
fn a_create_that_finds_anothers_queue_of_the_same_attributes_leaves_it() {
    run(async {
        let world = World::new();
        let mut theirs = world.inbox("gate");
        theirs.installation = world.of_another_cluster();
        theirs.service_accounts = BTreeSet::new();
        let mut ours = world.inbox("gate");
        ours.service_accounts = BTreeSet::new();
        // Sealed, the policies name the roles, which are each cluster's own.
        (ours.sealed, theirs.sealed) = (false, false);
        // Both look, nobody has it; then they make it, and then we do.
        let observed = inbox::observe(&world.aws, &ours).await.unwrap();
        converge_inbox(&world.aws, &theirs).await.unwrap();
        let before = world.fake.things();
        let error = inbox::apply(&world.aws, &ours, &observed, &inbox::plan(&ours, &observed)).await.unwrap_err();
        assert!(matches!(error.class, ErrorClass::NotOurs { .. }), "{error}");
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn a_rule_stays_in_the_policy_until_its_target_is_gone() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let with_target = world.rule("acme", "departures", &["gate"]);
        let mut desired = world.inbox("gate");
        desired.allowed_rule_arns =
            world.installation.rule_arns(&with_target.bus_name, &with_target.rule_name, 1).into_iter().collect();
        converge_inbox(&world.aws, &desired).await.unwrap();
        converge_rule(&world.aws, &with_target).await.unwrap();

        desired.allowed_rule_arns.clear();
        let (applied, actions) = converge_inbox(&world.aws, &desired).await.unwrap();
        assert_eq!((applied.lingering.len(), actions), (1, 0));

        converge_rule(&world.aws, &world.rule("acme", "departures", &[])).await.unwrap();
        let (applied, actions) = converge_inbox(&world.aws, &desired).await.unwrap();
        assert_eq!((applied.lingering.len(), actions), (0, 2), "both policies");
    });
}

#[test]
fn a_deletion_waits_for_the_rules_then_settles_counts_twice_and_deletes() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let rule = world.rule("acme", "departures", &["gate"]);
        let mut desired = world.inbox("gate");
        desired.allowed_rule_arns =
            world.installation.rule_arns(&rule.bus_name, &rule.rule_name, 1).into_iter().collect();
        converge_inbox(&world.aws, &desired).await.unwrap();
        converge_rule(&world.aws, &rule).await.unwrap();
        let deletion = deletion(&desired);
        let step = delete(&world, &deletion).await;
        assert!(matches!(step, DeletionStep::Wait(Waiting::Targets { .. })), "{step:?}");

        converge_rule(&world.aws, &world.rule("acme", "departures", &[])).await.unwrap();
        assert!(settling(&delete(&world, &deletion).await));
        let policy = world.fake.things()["queue gate"].1.clone();
        assert!(policy.contains("Deny") && !policy.contains("Allow"), "{policy}");
        world.clock.advance(59 * SECOND);
        assert!(settling(&delete(&world, &deletion).await));
        world.clock.advance(SECOND);
        assert!(settling(&delete(&world, &deletion).await), "it is counted a second time");
        world.clock.advance(10 * SECOND);
        assert_eq!(delete(&world, &deletion).await, DeletionStep::Gone);
        assert!(!world.fake.things().keys().any(|thing| thing.starts_with("queue") || thing.contains("gate")));
    });
}

#[test]
fn an_inbox_that_holds_messages_is_not_deleted_until_it_is_emptied() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate");
        converge_inbox(&world.aws, &desired).await.unwrap();
        let dead_letters = QueueName::parse("gate-dlq").unwrap();
        let deletion = deletion(&desired);
        assert!(settling(&delete(&world, &deletion).await));
        world.clock.advance(60 * SECOND);
        assert!(settling(&delete(&world, &deletion).await));
        // Between the two counts something turns up.
        world.fake.set_counts(&dead_letters, Counts { visible: 2, in_flight: 1, delayed: 0 });
        world.clock.advance(10 * SECOND);
        let DeletionStep::Blocked(blocked) = delete(&world, &deletion).await else { panic!() };
        assert!(matches!(&blocked, DeletionBlocked::Messages { queues } if queues.len() == 1));
        assert_eq!(blocked.to_string(), "gate-dlq holds 2 messages, 1 in flight, 0 delayed");
        world.fake.set_counts(&dead_letters, Counts::default());
        assert!(settling(&delete(&world, &deletion).await), "the two counts begin anew");
        world.clock.advance(10 * SECOND);
        assert_eq!(delete(&world, &deletion).await, DeletionStep::Gone);
    });
}

#[test]
fn a_forced_deletion_takes_what_it_holds_and_leaves_anothers_queue() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate");
        converge_inbox(&world.aws, &desired).await.unwrap();
        world.fake.set_counts(&QueueName::parse("gate").unwrap(), Counts { visible: 9, in_flight: 0, delayed: 0 });
        let mut theirs = deletion(&desired);
        theirs.installation = world.of_another_cluster();
        theirs.force = true;
        assert_eq!(delete(&world, &theirs).await, DeletionStep::Gone);
        assert!(world.fake.things().contains_key("queue gate"));
        let forced = Deletion { force: true, ..deletion(&desired) };
        assert_eq!(delete(&world, &forced).await, DeletionStep::Gone);
        assert!(world.fake.things().is_empty());
    });
}

#[test]
fn an_inbox_that_comes_back_from_a_begun_deletion_is_whole() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate");
        converge_inbox(&world.aws, &desired).await.unwrap();
        let before = world.fake.things();
        assert!(settling(&delete(&world, &deletion(&desired)).await));
        converge_inbox(&world.aws, &desired).await.unwrap();
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn an_answer_that_was_lost_ends_as_an_undisturbed_run() {
    run(async {
        let undisturbed = World::new();
        converge_inbox(&undisturbed.aws, &undisturbed.inbox("gate")).await.unwrap();
        for operation in ["CreateQueue", "CreateRole", "PutRolePolicy", "ListQueueTags"] {
            let world = World::new();
            world.fake.fail_next(operation, When::After, ErrorClass::Retryable);
            assert!(converge_inbox(&world.aws, &world.inbox("gate")).await.is_err(), "{operation}");
            converge_inbox(&world.aws, &world.inbox("gate")).await.unwrap();
            assert_eq!(world.fake.things(), undisturbed.fake.things(), "{operation}");
        }
    });
}
