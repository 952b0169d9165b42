//! Lives with all that can stand beside a bus and an inbox: customers' keys, archives, alarms, a dashboard, messages.

use super::life::Stage;
use super::lives::{going_bus, going_inbox, team};
use crate::support::{World, plain_queue, run};
use operator_core::arn::ActionArn;
use operator_core::bus::{self, DesiredAlarms, DesiredArchive, SharedAlarm};
use operator_core::inbox::{self, Alarms, with_key};
use operator_core::names::{ArchiveName, KmsKeyId, QueueName, RulePartName};
use operator_core::policy::PolicyDocument;
use operator_core::ports::{KeyFacts, NewQueue};
use operator_core::rule::EventPattern;
use operator_core::tags::Tags;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn lets_eventbridge(action: &str) -> PolicyDocument {
    let everyone: Value = json!({"Service": "events.amazonaws.com"});
    let statement = json!({"Effect": "Allow", "Principal": everyone, "Action": action, "Resource": "*"});
    PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [statement]}))
}

/// Two keys that EventBridge may use.
fn make_keys(world: &World) {
    for name in ["ledger", "vault"] {
        let arn = format!("arn:aws:kms:eu-west-3:210987654321:key/{name}").parse().unwrap();
        let facts = KeyFacts { arn, aws_managed: false, enabled: true, symmetric: true };
        world.fake.set_key(&facts, &format!("alias/{name}").parse().unwrap(), &lets_eventbridge("kms:*"));
    }
}

/// A queue of somebody's that takes what a bus cannot encrypt.
fn make_queue(world: &World) -> QueueName {
    let name = QueueName::parse("lost").unwrap();
    let attributes =
        operator_core::ports::QueueAttributes { policy: Some(lets_eventbridge("sqs:SendMessage")), ..plain_queue() };
    let queue = NewQueue { name: name.clone(), attributes, tags: team("finance") };
    run(world.aws.queues.create(&queue)).unwrap();
    name
}

fn topic(name: &str) -> BTreeSet<ActionArn> {
    BTreeSet::from([format!("arn:aws:sns:eu-west-3:210987654321:{name}").parse().unwrap()])
}

fn rules(names: &[&str]) -> BTreeSet<RulePartName> {
    names.iter().map(|name| RulePartName::parse(*name).unwrap()).collect()
}

fn archive(name: &str, source: Option<&str>, retention_days: u32) -> (ArchiveName, DesiredArchive) {
    let pattern = source.map(|source| EventPattern::parse(json!({"source": [source]})).unwrap());
    (ArchiveName::parse(name).unwrap(), DesiredArchive { pattern, retention_days })
}

/// Made with everything, changed in all of it, bereft of it, given it again, deleted.
pub fn of_a_bus(world: &World) -> Vec<Stage> {
    make_keys(world);
    let bare = world.bus("acme");
    let full = bus::Desired {
        kms_key: Some(KmsKeyId::parse("alias/ledger").unwrap()),
        dead_letter: Some(world.installation.queue_arn(&make_queue(world))),
        archives: [archive("all", None, 0), archive("flights", Some("acme.flight"), 30)].into(),
        alarms: Some(DesiredAlarms { rules: rules(&["arrivals", "departures"]), actions: topic("pager") }),
        shared_alarm: SharedAlarm::Kept(topic("pager")),
        dashboard: true,
        ..bare.clone()
    };
    let changed = bus::Desired {
        kms_key: Some(KmsKeyId::parse("alias/vault").unwrap()),
        archives: [archive("all", Some("acme.cargo"), 7), archive("late", None, 1)].into(),
        alarms: Some(DesiredAlarms { rules: rules(&["arrivals", "late"]), actions: topic("duty") }),
        shared_alarm: SharedAlarm::Kept(topic("duty")),
        tags: team("red"),
        ..full.clone()
    };
    let none = bus::Desired { shared_alarm: SharedAlarm::Unwanted, ..bare };
    let present = |bus: &bus::Desired| Stage { buses: vec![bus.clone()], ..Stage::default() };
    let going = Stage { going_buses: vec![going_bus(&full)], ..Stage::default() };
    vec![present(&full), present(&changed), present(&none), present(&full), going]
}

/// Made with a key and alarms; changed in both while it holds messages, so that its retention stays; allowed to lose
/// them; bereft of key and alarms; given both again; deleted.
pub fn of_an_inbox(world: &World) -> Vec<Stage> {
    make_keys(world);
    let bare = world.inbox("gate");
    let alarms = |age, name| {
        let actions = topic(name);
        Some(Alarms { actions, oldest_message_age_seconds: age, dead_letters: 0, in_flight: 100_000 })
    };
    let full = inbox::Desired {
        encryption: with_key("alias/ledger", 300).unwrap(),
        alarms: alarms(600, "pager"),
        redrive_service_accounts: BTreeSet::from(["mechanic".to_owned()]),
        ..bare.clone()
    };
    let changed = inbox::Desired {
        encryption: with_key("alias/vault", 600).unwrap(),
        alarms: alarms(900, "duty"),
        retention_seconds: 3_600,
        tags: Tags::from([("team".to_owned(), "red".to_owned())]),
        ..full.clone()
    };
    let losing = inbox::Desired { allow_expiry: Some(3_600), ..changed.clone() };
    let present = |inbox: &inbox::Desired| Stage { inboxes: vec![inbox.clone()], ..Stage::default() };
    let holding = |messages| vec![(full.queue_name.queue(), messages)];
    vec![
        present(&full),
        Stage { holding: holding(3), ..present(&changed) },
        present(&losing),
        Stage { holding: holding(0), ..present(&bare) },
        present(&full),
        Stage { going_inboxes: vec![going_inbox(&full)], ..Stage::default() },
    ]
}
