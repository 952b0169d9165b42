//! An inbox is encrypted by SQS or with a customer's key, and with that only where EventBridge can use it.

use crate::support::{World, converge_inbox, run};
use operator_core::inbox::{self, judge_key, with_key};
use operator_core::names::QueueName;
use operator_core::policy::PolicyDocument;
use operator_core::policy::key::statement_for_eventbridge;
use operator_core::ports::{Counts, Encryption, KeyFacts};
use serde_json::{Value, json};

/// What makes a key one that cannot be used.
type Change = fn(&mut KeyFacts);

const KEY: &str = "arn:aws:kms:eu-west-3:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn root() -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action": "kms:*", "Resource": "*"})
}

/// A key called `alias/NAME` whose policy has these statements.
fn make_key(world: &World, name: &str, change: impl FnOnce(&mut KeyFacts), statements: &[Value]) {
    let mut facts = KeyFacts { arn: KEY.parse().unwrap(), aws_managed: false, enabled: true, symmetric: true };
    change(&mut facts);
    let policy = PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": statements}));
    world.fake.set_key(&facts, &format!("alias/{name}").parse().unwrap(), &policy);
}

fn good_statements(world: &World) -> Vec<Value> {
    vec![root(), statement_for_eventbridge(&world.installation)]
}

fn encrypted(world: &World, key: &str) -> inbox::Desired {
    inbox::Desired { encryption: with_key(key, 300).unwrap(), ..world.inbox("gate") }
}

/// What is said of the inbox's key.
async fn judged(world: &World, key: &str) -> String {
    let desired = encrypted(world, key);
    let observed = inbox::observe(&world.aws, &desired).await.unwrap();
    judge_key(&desired, observed.key.as_ref()).map_or_else(|problem| problem.to_string(), |()| "good".to_owned())
}

#[test]
fn a_key_that_eventbridge_cannot_use_is_said_with_what_would_let_it() {
    run(async {
        let world = World::new();
        assert_eq!(judged(&world, "alias/ledger").await, "KMS key alias/ledger does not exist in Region eu-west-3");
        make_key(&world, "ledger", |_| (), &[root()]);
        let said = judged(&world, "alias/ledger").await;
        let statement = statement_for_eventbridge(&world.installation).to_string();
        assert!(said.ends_with(&statement) && said.contains("events.amazonaws.com"), "{said}");
        make_key(&world, "ledger", |_| (), &good_statements(&world));
        for key in ["alias/ledger", KEY, "1234abcd-12ab-34cd-56ef-1234567890ab"] {
            assert_eq!(judged(&world, key).await, "good", "{key}");
        }
    });
}

#[test]
fn a_key_that_sqs_cannot_use_is_said_with_the_fix() {
    run(async {
        let world = World::new();
        let cases: [(Change, &str); 4] = [
            (|key| key.enabled = false, "enable it"),
            (|key| key.symmetric = false, "not a symmetric key"),
            (|key| key.aws_managed = true, "name a customer managed key"),
            (
                |key| key.arn = "arn:aws:kms:eu-west-3:111111111111:key/k".parse().unwrap(),
                "is of account 111111111111, and its policy cannot be read from here: name a key of account 210987654321",
            ),
        ];
        for (number, (change, expected)) in cases.into_iter().enumerate() {
            make_key(&world, &format!("key{number}"), change, &good_statements(&world));
            let said = judged(&world, &format!("alias/key{number}")).await;
            assert!(said.contains(expected), "{expected}: {said}");
        }
    });
}

#[test]
fn aws_own_keys_are_refused_before_anybody_is_asked() {
    for key in ["alias/aws/sqs", "arn:aws:kms:eu-west-3:210987654321:alias/aws/sqs"] {
        let refused = with_key(key, 300).unwrap_err().to_string();
        assert!(refused.contains("leave it out") && refused.contains("customer managed key"), "{refused}");
    }
    assert!(with_key("alias/ledger", 59).unwrap_err().to_string().contains("60 to 86,400"));
}

#[test]
fn with_a_key_all_queues_are_encrypted_and_both_roles_may_use_it_and_without_it_sqs_does_it_again() {
    run(async {
        let world = World::new();
        make_key(&world, "ledger", |_| (), &good_statements(&world));
        let plain = world.inbox("gate");
        converge_inbox(&world.aws, &plain).await.unwrap();
        let before = world.fake.things();
        let desired = encrypted(&world, "alias/ledger");
        converge_inbox(&world.aws, &desired).await.unwrap();
        let encrypted = world.fake.things();
        let queues = encrypted.iter().filter(|(name, (_, text))| name.starts_with("queue") && text.contains("ledger"));
        assert_eq!(queues.count(), 2);
        let roles = encrypted.iter().filter(|(name, (_, text))| name.starts_with("role") && text.contains(KEY));
        assert_eq!(roles.count(), 2);
        assert_eq!(converge_inbox(&world.aws, &desired).await.unwrap().1, 0);

        converge_inbox(&world.aws, &plain).await.unwrap();
        assert_eq!(converge_inbox(&world.aws, &plain).await.unwrap().1, 0);
        let observed = inbox::observe(&world.aws, &plain).await.unwrap();
        let retired = inbox::retire_keys(&plain, &observed);
        assert_eq!(retired.len(), 2, "{retired:?}");
        inbox::apply(&world.aws, &plain, &observed, &retired).await.unwrap();
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn a_former_key_stays_in_the_roles_until_what_it_encrypted_is_gone() {
    run(async {
        let world = World::new();
        make_key(&world, "ledger", |_| (), &good_statements(&world));
        converge_inbox(&world.aws, &encrypted(&world, "alias/ledger")).await.unwrap();
        let plain = world.inbox("gate");
        let retire = async || inbox::retire_keys(&plain, &inbox::observe(&world.aws, &plain).await.unwrap()).len();
        assert_eq!(retire().await, 0, "not in the pass that changes the encryption");
        converge_inbox(&world.aws, &plain).await.unwrap();
        let dead_letters = QueueName::parse("gate-dlq").unwrap();
        world.fake.set_counts(&dead_letters, Counts { visible: 1, in_flight: 0, delayed: 0 });
        assert_eq!(retire().await, 0, "a dead letter is encrypted with it");
        world.fake.set_counts(&dead_letters, Counts::default());
        assert_eq!(retire().await, 2);
    });
}

#[test]
fn another_key_and_another_time_are_changed_in_place() {
    run(async {
        let world = World::new();
        make_key(&world, "ledger", |_| (), &good_statements(&world));
        let mut desired = encrypted(&world, "alias/ledger");
        converge_inbox(&world.aws, &desired).await.unwrap();
        desired.encryption = with_key("alias/ledger", 600).unwrap();
        let observed = inbox::observe(&world.aws, &desired).await.unwrap();
        let said: Vec<String> = inbox::plan(&desired, &observed).iter().map(inbox::Action::describe).collect();
        assert_eq!(said.len(), 2);
        assert!(said.iter().all(|text| text.starts_with("set encryption of")), "{said:?}");
        // Somebody switches encryption off by hand.
        converge_inbox(&world.aws, &desired).await.unwrap();
        let off = inbox::Desired { encryption: Encryption::None, ..desired.clone() };
        converge_inbox(&world.aws, &off).await.unwrap();
        assert_eq!(converge_inbox(&world.aws, &desired).await.unwrap().1, 2);
    });
}
