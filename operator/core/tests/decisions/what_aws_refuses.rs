//! The AWS in memory refuses each thing that AWS refuses and emulators let pass: the table of `fake`, line by line.

use crate::support::{World, run};
use operator_core::error::ErrorClass;
use operator_core::fake::{Call, Fault, Tally, When};
use operator_core::names::{BusName, QueueName, RoleName, RulePartName};
use operator_core::policy::PolicyDocument;
use operator_core::ports::{
    Answer, BusSettings, Encryption, NewBus, NewQueue, NewRole, NewRule, QueueAttributes, QueueChange, Redrive,
    RuleState, Target,
};
use operator_core::tags::Tags;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Of an answer, only the class of its error.
trait Classified {
    fn class(self) -> impl Future<Output = Result<(), ErrorClass>>;
}

impl<T, F: Future<Output = Answer<T>>> Classified for F {
    async fn class(self) -> Result<(), ErrorClass> {
        self.await.map(drop).map_err(|error| error.class)
    }
}

fn bus_name() -> BusName {
    BusName::parse("acme").unwrap()
}

fn part(name: &str) -> RulePartName {
    RulePartName::parse(name).unwrap()
}

async fn with_bus() -> World {
    let world = World::new();
    let bus = NewBus { name: bus_name(), settings: BusSettings::default(), tags: Tags::new() };
    world.aws.buses.create_bus(&bus).await.unwrap();
    world
}

fn rule(name: &str, pattern: Value) -> NewRule {
    NewRule {
        bus: bus_name(),
        name: part(name),
        pattern,
        state: RuleState::Enabled,
        description: String::new(),
        tags: Tags::from([("made".to_owned(), name.to_owned())]),
    }
}

async fn with_rule() -> World {
    let world = with_bus().await;
    world.aws.buses.put_rule(&rule("departures", json!({"source": ["a"]}))).await.unwrap();
    world
}

fn target(world: &World, id: &str, queue: &str) -> Target {
    Target {
        id: id.to_owned(),
        arn: world.queue_arn(queue).to_string(),
        dead_letter: None,
        max_event_age_seconds: None,
        max_retries: None,
        message_group_id: None,
        foreign_settings: false,
    }
}

fn queue(name: &str) -> NewQueue {
    let attributes = QueueAttributes {
        visibility_timeout_seconds: 30,
        retention_seconds: 600,
        max_message_bytes: 1_048_576,
        delay_seconds: 0,
        content_based_deduplication: name.strip_suffix(".fifo").is_some(),
        encryption: Encryption::SqsManaged,
        policy: None,
        redrive: None,
    };
    NewQueue { name: QueueName::parse(name).unwrap(), attributes, tags: Tags::new() }
}

async fn ids(world: &World) -> Vec<String> {
    let found = world.aws.buses.targets(&bus_name(), &part("departures")).await.unwrap();
    found.into_iter().map(|target| target.id).collect()
}

#[test]
fn a_refused_target_is_a_failed_entry_and_the_others_are_put() {
    run(async {
        let world = with_rule().await;
        let good = target(&world, "good", "gate");
        let fifo_dead_letter = Target {
            dead_letter: Some(world.queue_arn("gate-dlq.fifo")),
            ..target(&world, "fifo dead letters", "gate")
        };
        let no_group = target(&world, "no group", "gate.fifo");
        let group = |id: &str, queue: &str, group: String| Target {
            message_group_id: Some(group),
            ..target(&world, id, queue)
        };
        let long_group = group("long group", "gate.fifo", "g".repeat(101));
        let needless_group = group("needless group", "gate", "g".to_owned());
        let fifo = group("fifo", "gate.fifo", "g".repeat(100));
        for refused in [fifo_dead_letter, no_group, long_group, needless_group] {
            let targets = [good.clone(), refused.clone(), fifo.clone()];
            let error = world.aws.buses.put_targets(&bus_name(), &part("departures"), &targets).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid, "{error}");
            assert!(error.message.contains(&refused.id), "{error}");
            assert_eq!(ids(&world).await, ["fifo", "good"]);
        }
    });
}

#[test]
fn entries_may_fail_by_aws_own_fault_in_putting_and_in_removing() {
    run(async {
        let world = with_rule().await;
        let two = [target(&world, "a", "gate1"), target(&world, "b", "gate2")];
        world.fake.fail_write(0, Fault::Partial);
        let error = world.aws.buses.put_targets(&bus_name(), &part("departures"), &two).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Retryable);
        assert_eq!(ids(&world).await, ["a"]);
        world.aws.buses.put_targets(&bus_name(), &part("departures"), &two).await.unwrap();
        world.fake.fail_write(0, Fault::Partial);
        let both = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let error = world.aws.buses.remove_targets(&bus_name(), &part("departures"), &both).await.unwrap_err();
        assert!(error.message.contains("b: "), "{error}");
        assert_eq!(ids(&world).await, ["b"]);
    });
}

#[test]
fn quotas_of_targets_rules_and_wildcard_rules_are_kept() {
    run(async {
        let world = with_rule().await;
        let six: Vec<Target> = (0..6).map(|n| target(&world, &n.to_string(), &format!("gate{n}"))).collect();
        let put = |targets: Vec<Target>| {
            let buses = world.aws.buses.clone();
            async move { buses.put_targets(&bus_name(), &part("departures"), &targets).await }
        };
        assert_eq!(put(six.clone()).await.unwrap_err().class, ErrorClass::LimitExceeded);
        put(six[..5].to_vec()).await.unwrap();
        assert_eq!(put(six[5..].to_vec()).await.unwrap_err().class, ErrorClass::LimitExceeded);

        let wild = |n: usize| rule(&format!("wild{n}"), json!({"detail": {"a": {"b": [{"wildcard": "x*"}]}}}));
        for n in 0..30 {
            world.aws.buses.put_rule(&wild(n)).await.unwrap();
        }
        world.aws.buses.put_rule(&wild(3)).await.unwrap();
        let error = world.aws.buses.put_rule(&wild(30)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::LimitExceeded, "{error}");
        // A member that is called so is no matcher.
        let member = json!({"detail": {"wildcard": ["x*"]}});
        for n in 31..300 {
            world.aws.buses.put_rule(&rule(&format!("r{n}"), member.clone())).await.unwrap();
        }
        let error = world.aws.buses.put_rule(&rule("r300", member)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::LimitExceeded, "{error}");
    });
}

#[test]
fn put_rule_replaces_silently_and_ignores_tags_of_an_update() {
    run(async {
        let world = with_rule().await;
        let mut other = rule("departures", json!({"source": ["b"]}));
        other.tags = Tags::from([("made".to_owned(), "by somebody else".to_owned())]);
        let arn = world.aws.buses.put_rule(&other).await.unwrap();
        assert_eq!(world.aws.buses.rules(&bus_name(), "").await.unwrap()[0].pattern, json!({"source": ["b"]}));
        assert_eq!(world.aws.buses.rule_tags(&arn).await.unwrap()["made"], "departures");
    });
}

#[test]
fn a_bus_with_rules_and_a_rule_with_targets_are_not_deleted() {
    run(async {
        let world = with_rule().await;
        let buses = &world.aws.buses;
        buses.put_targets(&bus_name(), &part("departures"), &[target(&world, "a", "gate")]).await.unwrap();
        assert_eq!(buses.delete_rule(&bus_name(), &part("departures")).await.unwrap_err().class, ErrorClass::Conflict);
        buses.remove_targets(&bus_name(), &part("departures"), &BTreeSet::from(["a".to_owned()])).await.unwrap();
        assert_eq!(buses.delete_bus(&bus_name()).await.unwrap_err().class, ErrorClass::Conflict);
        buses.delete_rule(&bus_name(), &part("departures")).await.unwrap();
        buses.delete_bus(&bus_name()).await.unwrap();
    });
}

#[test]
fn eventbridge_takes_fifty_calls_a_second_and_other_services_do_not_count() {
    run(async {
        let world = with_bus().await;
        world.fake.keep_rates();
        let (buses, name) = (&world.aws.buses, bus_name());
        for _ in 0..50 {
            buses.bus(&name).await.unwrap();
        }
        assert_eq!(buses.bus(&name).class().await.unwrap_err(), ErrorClass::Throttled);
        world.aws.queues.url(&QueueName::parse("gate").unwrap()).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
        buses.bus(&name).await.unwrap();
    });
}

#[test]
fn a_redrive_policy_names_a_queue_that_exists_and_is_of_the_same_kind() {
    run(async {
        let world = World::new();
        let queues = &world.aws.queues;
        let redrive = |to: &str| Some(Redrive { dead_letter: world.queue_arn(to), max_receive_count: 3 });
        let mut fifo = queue("gate.fifo");
        fifo.attributes.redrive = redrive("gate-dlq");
        assert_eq!(queues.create(&fifo).class().await.unwrap_err(), ErrorClass::Missing);
        queues.create(&queue("gate-dlq")).await.unwrap();
        assert_eq!(queues.create(&fifo).class().await.unwrap_err(), ErrorClass::Invalid);
        queues.create(&queue("gate-dlq.fifo")).await.unwrap();
        fifo.attributes.redrive = redrive("gate-dlq.fifo");
        let url = queues.create(&fifo).await.unwrap();
        let change = QueueChange { redrive: Some(redrive("gone.fifo")), ..QueueChange::default() };
        assert_eq!(queues.change(&url, &change).class().await.unwrap_err(), ErrorClass::Missing);
        let many = Some(Redrive { dead_letter: world.queue_arn("gate-dlq.fifo"), max_receive_count: 1001 });
        let change = QueueChange { redrive: Some(many), ..QueueChange::default() };
        assert_eq!(queues.change(&url, &change).class().await.unwrap_err(), ErrorClass::Invalid);
    });
}

#[test]
fn a_queues_name_is_refused_for_a_minute_after_its_delete() {
    run(async {
        let world = World::new();
        let queues = &world.aws.queues;
        let url = queues.create(&queue("gate")).await.unwrap();
        queues.delete(&url).await.unwrap();
        world.clock.advance(Duration::from_secs(59));
        assert_eq!(queues.create(&queue("gate")).class().await.unwrap_err(), ErrorClass::QueueDeletedRecently);
        world.clock.advance(Duration::from_secs(1));
        queues.create(&queue("gate")).await.unwrap();
    });
}

#[test]
fn create_queue_gives_out_an_existing_queue_of_the_same_attributes_and_refuses_others() {
    run(async {
        let world = World::new();
        let queues = &world.aws.queues;
        let mut theirs = queue("gate");
        theirs.tags = Tags::from([("whose".to_owned(), "theirs".to_owned())]);
        let url = queues.create(&theirs).await.unwrap();
        assert_eq!(queues.create(&queue("gate")).await.unwrap(), url);
        assert_eq!(queues.tags(&url).await.unwrap(), theirs.tags);
        let mut differs = queue("gate");
        differs.attributes.retention_seconds = 601;
        assert_eq!(queues.create(&differs).class().await.unwrap_err(), ErrorClass::Conflict);
    });
}

#[test]
fn a_queue_policy_has_at_most_8192_bytes_and_20_statements() {
    run(async {
        let world = World::new();
        let queues = &world.aws.queues;
        let url = queues.create(&queue("gate")).await.unwrap();
        let statement = |sid: &str| json!({"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": "sqs:*"});
        let change = |statements: Vec<Value>| {
            let policy = PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": statements}));
            QueueChange { policy: Some(Some(policy)), ..QueueChange::default() }
        };
        let many = |count: usize| change((0..count).map(|n| statement(&n.to_string())).collect());
        queues.change(&url, &many(20)).await.unwrap();
        assert_eq!(queues.change(&url, &many(21)).class().await.unwrap_err(), ErrorClass::Invalid);
        let long = change(vec![statement(&"s".repeat(8192))]);
        assert_eq!(queues.change(&url, &long).class().await.unwrap_err(), ErrorClass::Invalid);
    });
}

fn role(name: &str, trust: &str) -> NewRole {
    NewRole {
        name: RoleName::parse(name).unwrap(),
        path: "/".to_owned(),
        description: String::new(),
        trust: PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [{"Sid": trust}]})),
        boundary: None,
        tags: Tags::new(),
    }
}

#[test]
fn role_names_are_unique_without_regard_to_case_and_trust_is_short() {
    run(async {
        let world = World::new();
        let roles = &world.aws.roles;
        roles.create(&role("Pilot", "t")).await.unwrap();
        assert_eq!(roles.create(&role("pilot", "t")).class().await.unwrap_err(), ErrorClass::Conflict);
        let long = role("copilot", &"t".repeat(2048));
        assert_eq!(roles.create(&long).class().await.unwrap_err(), ErrorClass::LimitExceeded);
        let name = RoleName::parse("Pilot").unwrap();
        let document = PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": []}));
        roles.put_inline_policy(&name, "p", &document).await.unwrap();
        assert_eq!(roles.delete(&name).class().await.unwrap_err(), ErrorClass::Conflict);
    });
}

#[test]
fn faults_before_and_after_the_effect_and_conflicts_are_as_aws_makes_them() {
    run(async {
        let world = with_bus().await;
        let buses = &world.aws.buses;
        for (name, fault, class, took_effect) in [
            ("r1", Fault::Throttled, ErrorClass::Throttled, false),
            ("r2", Fault::Unavailable(When::Before), ErrorClass::Retryable, false),
            ("r3", Fault::Unavailable(When::After), ErrorClass::Retryable, true),
            ("r4", Fault::Modified, ErrorClass::Conflict, false),
            ("r5", Fault::Partial, ErrorClass::Retryable, false),
        ] {
            world.fake.fail_write(0, fault);
            let answer = buses.put_rule(&rule(name, json!({"source": ["a"]}))).class().await;
            assert_eq!(answer.unwrap_err(), class, "{fault:?}");
            let found = buses.rules(&bus_name(), name).await.unwrap();
            assert_eq!(!found.is_empty(), took_effect, "{fault:?}");
        }
    });
}

#[test]
fn every_call_is_recorded_and_a_hook_is_awaited_around_it() {
    run(async {
        let world = World::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (told, before) = (seen.clone(), world.fake.tally());
        world.fake.set_hook(Some(Arc::new(move |when, call: &Call| {
            told.lock().unwrap().push((when, call.operation));
            Box::pin(std::future::ready(()))
        })));
        world.aws.queues.url(&QueueName::parse("gate").unwrap()).await.unwrap();
        world.aws.queues.create(&queue("gate")).await.unwrap();
        let expected = [
            (When::Before, "GetQueueUrl"),
            (When::After, "GetQueueUrl"),
            (When::Before, "CreateQueue"),
            (When::After, "CreateQueue"),
        ];
        assert_eq!(*seen.lock().unwrap(), expected);
        let calls = world.fake.take_calls();
        assert_eq!(
            calls.iter().map(|call| (call.service, call.write)).collect::<Vec<_>>(),
            [("SQS", false), ("SQS", true)]
        );
        let tally = world.fake.tally().since(&before);
        assert_eq!(tally, calls.into_iter().collect::<Tally>());
        assert_eq!((tally.total(), tally.writes(), tally.of_service("SQS"), tally.of_service("IAM")), (2, 1, 2, 0));
    });
}
