//! Every setting of an inbox is changed in place, and one that is taken away is gone in AWS too.

use crate::support::{World, converge_bus, converge_inbox, converge_rule, run};
use operator_core::error::ErrorClass;
use operator_core::inbox::{self, Alarms, Part};
use operator_core::ports::{Aws, Encryption, NewQueue, QueueAttributes, QueueChange, Target};
use operator_core::tags::{self, Tags};
use std::collections::BTreeSet;

type Edit = fn(&mut inbox::Desired);

/// One edit of each setting, and what is said of it.
const EDITS: &[(Edit, &str)] = &[
    (|inbox| inbox.visibility_timeout_seconds = 90, "set visibility timeout of"),
    (|inbox| inbox.retention_seconds = 3_600, "set retention of"),
    (|inbox| inbox.dead_letter_retention_seconds = 1_000_000, "set retention of"),
    (|inbox| inbox.encryption = Encryption::None, "set encryption of"),
    (|inbox| inbox.max_receive_count = 30, "set redrive policy of"),
    (|inbox| inbox.sealed = false, "set policy of"),
    (
        |inbox| {
            inbox.allowed_rule_arns.insert("arn:aws:events:eu-west-3:210987654321:rule/acme/one".parse().unwrap());
        },
        "set policy of",
    ),
    (|inbox| inbox.service_accounts.extend(["another".to_owned()]), "set who may take role"),
    (|inbox| inbox.service_accounts.clear(), "delete role"),
    (|inbox| inbox.redrive_service_accounts.extend(["fixer".to_owned()]), "set who may take role"),
    (
        |inbox| {
            let (oldest_message_age_seconds, dead_letters, in_flight) = (900, 0, 100_000);
            let actions = BTreeSet::new();
            inbox.alarms = Some(Alarms { actions, oldest_message_age_seconds, dead_letters, in_flight });
        },
        "set alarm",
    ),
    (|inbox| drop(inbox.tags.insert("team".to_owned(), "ground".to_owned())), "tag "),
];

#[test]
fn an_edit_and_its_reversal_leave_what_a_fresh_inbox_has() {
    run(async {
        for name in ["gate", "gate.fifo"] {
            for (number, (edit, expected)) in EDITS.iter().enumerate() {
                let (edited, fresh) = (World::new(), World::new());
                let plain = edited.inbox(name);
                converge_inbox(&edited.aws, &plain).await.unwrap();
                let before = edited.fake.things();
                let mut other = plain.clone();
                edit(&mut other);
                let observed = inbox::observe(&edited.aws, &other).await.unwrap();
                let actions = inbox::plan(&other, &observed);
                let said: Vec<String> = actions.iter().map(inbox::Action::describe).collect();
                assert!(said.iter().any(|text| text.starts_with(expected)), "{number} of {name}: {said:?}");
                inbox::apply(&edited.aws, &other, &observed, &actions).await.unwrap();
                converge_inbox(&fresh.aws, &other).await.unwrap();
                assert_eq!(edited.fake.things(), fresh.fake.things(), "{number} of {name}: as if it was made so");
                converge_inbox(&edited.aws, &plain).await.unwrap();
                assert_eq!(edited.fake.things(), before, "{number} of {name}: and back");
            }
        }
    });
}

/// What somebody does to a queue by hand.
async fn change(aws: &Aws, desired: &inbox::Desired, part: Part, change: QueueChange) {
    let observed = inbox::observe(aws, desired).await.unwrap();
    aws.queues.change(&observed.queues[&part].url, &change).await.unwrap();
}

#[test]
fn attributes_that_somebody_changed_by_hand_are_put_right() {
    run(async {
        let world = World::new();
        let desired = world.inbox("gate.fifo");
        converge_inbox(&world.aws, &desired).await.unwrap();
        let before = world.fake.things();
        for by_hand in [
            QueueChange { max_message_bytes: Some(1024), ..QueueChange::default() },
            QueueChange { delay_seconds: Some(900), ..QueueChange::default() },
            QueueChange { content_based_deduplication: Some(false), ..QueueChange::default() },
            QueueChange { redrive: Some(None), ..QueueChange::default() },
            QueueChange { policy: Some(None), ..QueueChange::default() },
            QueueChange { encryption: Some(Encryption::None), ..QueueChange::default() },
        ] {
            change(&world.aws, &desired, Part::Inbox, by_hand.clone()).await;
            assert_ne!(world.fake.things(), before, "{by_hand:?}");
            assert_eq!(converge_inbox(&world.aws, &desired).await.unwrap().1, 1, "{by_hand:?}");
            assert_eq!(world.fake.things(), before, "{by_hand:?}");
        }
    });
}

#[test]
fn a_queue_that_stood_before_gets_all_settings() {
    run(async {
        let (adopted, fresh) = (World::new(), World::new());
        let desired = adopted.inbox("gate");
        // It carries our marks, and nothing else is as we would make it.
        let queue = NewQueue {
            name: desired.queue_name.queue(),
            attributes: QueueAttributes {
                visibility_timeout_seconds: 30,
                retention_seconds: 345_600,
                max_message_bytes: 262_144,
                delay_seconds: 10,
                content_based_deduplication: false,
                encryption: Encryption::Kms { key: "alias/aws/sqs".to_owned(), data_key_reuse_seconds: 300 },
                policy: None,
                redrive: None,
            },
            tags: tags::wanted(&desired.installation, &desired.owner, &Tags::new()),
        };
        adopted.aws.queues.create(&queue).await.unwrap();
        converge_inbox(&adopted.aws, &desired).await.unwrap();
        converge_inbox(&fresh.aws, &desired).await.unwrap();
        assert_eq!(adopted.fake.things(), fresh.fake.things());
    });
}

#[test]
fn sqs_refuses_what_a_fifo_queue_and_a_standard_one_cannot_have() {
    run(async {
        let world = World::new();
        for (name, other) in [("gate", "other.fifo"), ("gate.fifo", "other")] {
            let desired = world.inbox(name);
            converge_inbox(&world.aws, &desired).await.unwrap();
            converge_inbox(&world.aws, &world.inbox(other)).await.unwrap();
            let observed = inbox::observe(&world.aws, &desired).await.unwrap();
            let seen = &observed.queues[&Part::Inbox];
            let mut redrive = seen.facts.attributes.redrive.clone().unwrap();
            redrive.dead_letter = world.queue_arn(other);
            let of_another_kind = QueueChange { redrive: Some(Some(redrive)), ..QueueChange::default() };
            let error = world.aws.queues.change(&seen.url, &of_another_kind).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid);
        }
        let observed = inbox::observe(&world.aws, &world.inbox("gate")).await.unwrap();
        let by_content = QueueChange { content_based_deduplication: Some(true), ..QueueChange::default() };
        let error = world.aws.queues.change(&observed.queues[&Part::Inbox].url, &by_content).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
    });
}

#[test]
fn eventbridge_refuses_a_fifo_queue_that_does_not_tell_copies_by_content() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let desired = world.inbox("gate.fifo");
        converge_inbox(&world.aws, &desired).await.unwrap();
        converge_rule(&world.aws, &world.rule("acme", "departures", &[])).await.unwrap();
        let target = Target {
            id: "gate".to_owned(),
            arn: world.queue_arn("gate.fifo").to_string(),
            dead_letter: Some(world.queue_arn("gate-undelivered")),
            max_event_age_seconds: None,
            max_retries: None,
            message_group_id: Some("all".to_owned()),
            foreign_settings: false,
        };
        let (bus, rule) = ("acme".parse().unwrap(), "departures".parse().unwrap());
        world.aws.buses.put_targets(&bus, &rule, std::slice::from_ref(&target)).await.unwrap();
        let by_id = QueueChange { content_based_deduplication: Some(false), ..QueueChange::default() };
        change(&world.aws, &desired, Part::Inbox, by_id).await;
        let error = world.aws.buses.put_targets(&bus, &rule, &[target]).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.message.contains("ContentBasedDeduplication"), "{error}");
    });
}

#[test]
fn the_redrive_role_trusts_the_tools_and_those_that_are_named() {
    run(async {
        let world = World::new();
        let mut desired = world.inbox("gate");
        desired.redrive_service_accounts = BTreeSet::from(["fixer".to_owned()]);
        let (applied, _) = converge_inbox(&world.aws, &desired).await.unwrap();
        let observed = inbox::observe(&world.aws, &desired).await.unwrap();
        let role = observed.roles.values().find(|role| role.facts.arn == applied.redrive_role_arn).unwrap();
        let trust = role.facts.trust.as_text();
        for trusted in ["system:serviceaccount:ground:tools", "system:serviceaccount:tower:fixer"] {
            assert!(trust.contains(trusted), "{trust}");
        }
        assert!(!trust.contains("controller"), "{trust}");
        assert_ne!(Some(applied.redrive_role_arn), applied.role_arn);
    });
}
