//! A bus is encrypted with a customer's key only when EventBridge can use it, and never without a queue for what fails.

use crate::support::{World, converge_bus, converge_inbox, run};
use operator_core::arn::{KeyArn, QueueArn};
use operator_core::bus::{self, DesiredArchive, Obstacle};
use operator_core::error::ErrorClass;
use operator_core::fake::When;
use operator_core::names::{ArchiveName, KmsKeyId, QueueName};
use operator_core::policy::PolicyDocument;
use operator_core::ports::{KeyFacts, NewQueue, QueueChange};
use operator_core::tags::Tags;
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-west-3:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const BUS: &str = "arn:aws:events:eu-west-3:210987654321:event-bus/acme";
const ARCHIVE: &str = "arn:aws:events:eu-west-3:210987654321:archive/all";
const CONTEXT: &str = "kms:EncryptionContext:aws:events:event-bus:arn";

fn key() -> KeyFacts {
    KeyFacts { arn: KeyArn::parse(KEY).unwrap(), aws_managed: false, enabled: true, symmetric: true }
}

fn alias() -> KmsKeyId {
    KmsKeyId::parse("alias/ledger").unwrap()
}

fn policy(statements: &[Value]) -> PolicyDocument {
    PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": statements}))
}

fn statement(actions: &Value, condition: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": actions, "Resource": "*",
        "Condition": condition})
}

/// A key and a queue that EventBridge may use, and a bus with both.
async fn world() -> (World, bus::Desired) {
    let world = World::new();
    world.fake.set_key(&key(), &alias(), &policy(&[statement(&json!("kms:*"), &json!({}))]));
    let name = QueueName::parse("lost").unwrap();
    let arn = world.installation.queue_arn(&name);
    let takes = json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": BUS}}});
    let mut queue = inbox_attributes(&world).await;
    queue.name = name;
    queue.attributes.policy = Some(policy(&[takes]));
    world.aws.queues.create(&queue).await.unwrap();
    let mut desired = world.bus("acme");
    desired.kms_key = Some(alias());
    desired.dead_letter = Some(arn);
    (world, desired)
}

/// A queue's attributes as an inbox would have them.
async fn inbox_attributes(world: &World) -> NewQueue {
    let inbox = world.inbox("gate");
    converge_inbox(&world.aws, &inbox).await.unwrap();
    let url = world.aws.queues.url(&inbox.queue_name.queue()).await.unwrap().unwrap();
    let facts = world.aws.queues.queue(&url).await.unwrap().unwrap();
    let mut attributes = facts.attributes;
    attributes.redrive = None;
    NewQueue { name: inbox.queue_name.queue(), attributes, tags: Tags::new() }
}

async fn refusal(world: &World, desired: &bus::Desired) -> Obstacle {
    let observed = bus::observe(&world.aws, desired).await.unwrap();
    let actions = bus::plan(desired, &observed);
    let changed = |action: &bus::Action| {
        matches!(action, bus::Action::CreateBus(_) | bus::Action::Change(..) | bus::Action::Archive(_))
    };
    assert!(!actions.iter().any(changed), "{actions:?}");
    observed.obstacle.unwrap()
}

/// What is said of a key that cannot be used.
fn of_the_key(obstacle: &Obstacle) -> String {
    assert!(matches!(obstacle, Obstacle::Key(_)), "{obstacle:?}");
    obstacle.to_string()
}

#[test]
fn the_key_is_set_by_its_arn_and_taken_away_again() {
    run(async {
        let (world, mut desired) = world().await;
        desired
            .archives
            .insert(ArchiveName::parse("all").unwrap(), DesiredArchive { pattern: None, retention_days: 1 });
        converge_bus(&world.aws, &desired).await.unwrap();
        let seen = bus::observe(&world.aws, &desired).await.unwrap();
        let settings = seen.bus.clone().unwrap().settings;
        assert_eq!(settings.kms_key.unwrap().as_str(), KEY);
        assert_eq!(settings.dead_letter, desired.dead_letter);
        let kept = seen.archives.values().next().unwrap();
        assert_eq!(kept.kms_key.as_ref().unwrap().as_str(), KEY, "events are encrypted in the archive too");
        assert_eq!(bus::plan(&desired, &seen), []);
        let mut things = world.fake.things();
        things.retain(|name, _| name.starts_with("role qsl-"));
        assert!(!things.is_empty());
        assert!(things.values().all(|(_, text)| !text.contains("kms:")), "EventBridge uses the key itself");

        desired.kms_key = None;
        desired.dead_letter = None;
        converge_bus(&world.aws, &desired).await.unwrap();
        let seen = bus::observe(&world.aws, &desired).await.unwrap();
        let settings = seen.bus.clone().unwrap().settings;
        assert_eq!((settings.kms_key, settings.dead_letter), (None, None));
        assert_eq!(seen.archives.values().next().unwrap().kms_key, None);
        assert_eq!(bus::plan(&desired, &seen), []);
    });
}

#[test]
fn a_key_that_cannot_be_used_is_refused_before_anything_is_changed() {
    run(async {
        let (world, desired) = world().await;
        let usable = policy(&[statement(&json!("kms:*"), &json!({}))]);
        let foreign = KeyArn::parse(&KEY.replace("210987654321", "111111111111")).unwrap();
        for (facts, said) in [
            (KeyFacts { aws_managed: true, ..key() }, "name a customer managed key"),
            (KeyFacts { symmetric: false, ..key() }, "is not a symmetric key"),
            (KeyFacts { enabled: false, ..key() }, "enable it"),
            (KeyFacts { arn: foreign, ..key() }, "name a key of account 210987654321"),
        ] {
            let world = World::new();
            world.fake.set_key(&facts, &alias(), &usable);
            let mut desired = desired.clone();
            desired.dead_letter = None;
            let text = of_the_key(&refusal(&world, &desired).await);
            assert!(text.starts_with("KMS key alias/ledger ") && text.contains(said), "{text}");
        }
        let mut missing = desired.clone();
        missing.kms_key = Some(KmsKeyId::parse("alias/none").unwrap());
        let text = of_the_key(&refusal(&world, &missing).await);
        assert!(text.ends_with("does not exist in Region eu-west-3"), "{text}");
    });
}

#[test]
fn the_statements_that_a_key_lacks_are_printed_and_suffice_when_they_are_added() {
    run(async {
        let (world, mut desired) = world().await;
        for with_archive in [false, true] {
            if with_archive {
                desired
                    .archives
                    .insert(ArchiveName::parse("all").unwrap(), DesiredArchive { pattern: None, retention_days: 1 });
            }
            world.fake.set_key(&key(), &alias(), &policy(&[]));
            let text = of_the_key(&refusal(&world, &desired).await);
            let start = text.find('{').unwrap();
            let printed: Vec<Value> = serde_json::from_str(&format!("[{}]", &text[start..])).unwrap();
            assert_eq!(printed.len(), 2);
            assert_eq!(printed[1].to_string().contains(ARCHIVE), with_archive, "{text}");
            world.fake.set_key(&key(), &alias(), &policy(&printed));
            converge_bus(&world.aws, &desired).await.unwrap();
        }
    });
}

#[test]
fn a_key_s_policy_is_judged_by_what_it_lets_eventbridge_do_for_this_bus() {
    run(async {
        let (world, desired) = world().await;
        let describe = statement(&json!("kms:DescribeKey"), &json!({}));
        let all = json!(["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]);
        let allowed = |statements: &[Value]| {
            world.fake.set_key(&key(), &alias(), &policy(statements));
            let (aws, desired) = (world.aws.clone(), desired.clone());
            async move { bus::observe(&aws, &desired).await.unwrap().obstacle.is_none() }
        };
        assert!(allowed(&[statement(&all, &json!({"StringEquals": {"aws:SourceAccount": "210987654321"}}))]).await);
        let for_bus = |bus: &str| {
            statement(&json!(["kms:Decrypt", "kms:GenerateDataKey"]), &json!({"StringEquals": {CONTEXT: bus}}))
        };
        assert!(allowed(&[describe.clone(), for_bus(BUS)]).await);
        assert!(!allowed(&[for_bus(BUS)]).await, "EventBridge looks at the key too");
        assert!(!allowed(&[describe.clone(), for_bus(&BUS.replace("acme", "other"))]).await);
        assert!(!allowed(&[describe.clone(), statement(&json!("kms:Decrypt"), &json!({}))]).await, "half of it");
        let denial = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"});
        assert!(!allowed(&[describe, for_bus(BUS), denial]).await);
    });
}

#[test]
fn a_dead_letter_queue_that_takes_nothing_is_refused_with_the_statement_that_it_lacks() {
    run(async {
        let (world, mut desired) = world().await;
        let url = world.aws.queues.url(&QueueName::parse("lost").unwrap()).await.unwrap().unwrap();
        let change = QueueChange { policy: Some(None), ..QueueChange::default() };
        world.aws.queues.change(&url, &change).await.unwrap();
        let obstacle = refusal(&world, &desired).await;
        let Obstacle::DeadLetterRefuses { statement, .. } = &obstacle else { panic!("{obstacle}") };
        let text = obstacle.to_string();
        assert!(text.contains("lost takes nothing from the bus") && text.ends_with(&statement.to_string()), "{text}");
        let change =
            QueueChange { policy: Some(Some(policy(std::slice::from_ref(statement)))), ..QueueChange::default() };
        world.aws.queues.change(&url, &change).await.unwrap();
        converge_bus(&world.aws, &desired).await.unwrap();

        desired.dead_letter = Some(QueueArn::parse("arn:aws:sqs:eu-west-3:210987654321:none").unwrap());
        let obstacle = refusal(&world, &desired).await;
        assert!(matches!(obstacle, Obstacle::DeadLetterMissing(_)), "{obstacle}");
        // A sealed inbox takes nothing but what its rules send.
        desired.dead_letter = Some(QueueArn::parse("arn:aws:sqs:eu-west-3:210987654321:gate-dlq").unwrap());
        let obstacle = refusal(&world, &desired).await;
        assert!(matches!(obstacle, Obstacle::DeadLetterRefuses { .. }), "{obstacle}");
    });
}

#[test]
fn the_rollback_switch_acts_although_the_key_has_become_unusable() {
    run(async {
        let (world, mut desired) = world().await;
        converge_bus(&world.aws, &desired).await.unwrap();
        world.fake.set_key(&KeyFacts { enabled: false, ..key() }, &alias(), &policy(&[]));
        desired.publishing = bus::Publishing::Disabled;
        let observed = bus::observe(&world.aws, &desired).await.unwrap();
        bus::apply(&world.aws, &desired, &bus::plan(&desired, &observed)).await.unwrap();
        let observed = bus::observe(&world.aws, &desired).await.unwrap();
        let bus = observed.bus.unwrap();
        assert!(format!("{:?}", bus.policy).contains("QslPublishingDisabled"));
        assert_eq!(bus.settings.kms_key.unwrap().as_str(), KEY, "the key stays what it is");
        assert!(observed.obstacle.unwrap().to_string().contains("is disabled"));
    });
}

#[test]
fn a_key_that_the_operator_may_not_look_at_is_in_the_way_and_a_throttled_look_is_a_failed_pass() {
    run(async {
        let (world, desired) = world().await;
        world.fake.fail_next("GetKeyPolicy", When::Before, ErrorClass::Denied);
        let Obstacle::Unknown(error) = refusal(&world, &desired).await else { panic!("AWS's own word is lost") };
        assert_eq!((error.class, error.operation), (ErrorClass::Denied, "GetKeyPolicy"));
        world.fake.fail_next("GetKeyPolicy", When::Before, ErrorClass::Throttled);
        assert_eq!(bus::observe(&world.aws, &desired).await.unwrap_err().class, ErrorClass::Throttled);
    });
}
