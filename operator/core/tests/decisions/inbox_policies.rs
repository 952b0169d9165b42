//! The documents of an inbox, as they are sent to AWS.

use crate::support::World;
use operator_core::inbox::{self, Action, Observed, with_key};
use operator_core::key::SeenKey;
use operator_core::policy::PolicyDocument;
use operator_core::ports::KeyFacts;
use operator_core::role::RoleAction;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// All documents of a new inbox, by what they belong to.
fn documents(desired: &inbox::Desired, observed: &Observed) -> Value {
    let mut documents = Map::new();
    let mut note = |name: String, policy: &PolicyDocument| {
        documents.insert(name, policy.to_value());
    };
    for action in inbox::plan(desired, observed) {
        match action {
            Action::CreateQueue(_, queue) => {
                if let Some(policy) = &queue.attributes.policy {
                    note(format!("queue {}", queue.name), policy);
                }
            }
            Action::Role(RoleAction::Create(role)) => note(format!("trust of {}", role.name), &role.trust),
            Action::Role(RoleAction::PutPolicy(role, policy)) => note(format!("policy of {role}"), &policy),
            other => unreachable!("{}", other.describe()),
        }
    }
    Value::Object(documents)
}

fn inbox(world: &World, name: &str) -> inbox::Desired {
    let mut desired = world.inbox(name);
    desired.service_accounts.insert("second-controller".to_owned());
    desired.redrive_service_accounts = BTreeSet::from(["fixer".to_owned()]);
    desired.allowed_rule_arns = ["departures", "arrivals", "departures-2"]
        .map(|rule| format!("arn:aws:events:eu-west-3:210987654321:rule/acme/{rule}").parse().unwrap())
        .into();
    desired
}

#[test]
fn a_sealed_inbox() {
    let world = World::new();
    insta::assert_json_snapshot!(documents(&inbox(&world, "gate"), &Observed::default()));
}

#[test]
fn an_open_inbox() {
    let world = World::new();
    let open = inbox::Desired { sealed: false, ..inbox(&world, "gate") };
    insta::assert_json_snapshot!(documents(&open, &Observed::default()));
}

#[test]
fn a_sealed_fifo_inbox_with_a_customers_key() {
    let world = World::new();
    let desired = inbox::Desired { encryption: with_key("alias/ledger", 300).unwrap(), ..inbox(&world, "gate.fifo") };
    let key = SeenKey {
        facts: KeyFacts {
            arn: "arn:aws:kms:eu-west-3:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab".parse().unwrap(),
            aws_managed: false,
            enabled: true,
            symmetric: true,
        },
        policy: PolicyDocument::new(json!({})),
    };
    insta::assert_json_snapshot!(documents(&desired, &Observed { key: Some(key), ..Observed::default() }));
}

#[test]
fn an_inbox_without_rules_and_consumers_lets_nobody_in_but_those_who_bring_back() {
    let world = World::new();
    let mut desired = world.inbox("gate");
    desired.service_accounts.clear();
    insta::assert_json_snapshot!(documents(&desired, &Observed::default()));
}
