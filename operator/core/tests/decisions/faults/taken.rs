//! A life that begins with what strangers made: adopted by its name, changed, retained when its objects go, adopted
//! again by its tag, deleted.

use super::life::Stage;
use super::lives::{allowed, going_bus, going_inbox, going_rule, team};
use crate::support::{World, plain_queue, run};
use operator_core::Claim;
use operator_core::bus::{self, DesiredAlarms};
use operator_core::inbox::{self, Alarms};
use operator_core::names::{BusName, QueueName, RulePartName};
use operator_core::ports::{BusSettings, NewBus, NewQueue, NewRule, RuleState, Target};
use operator_core::rule;
use serde_json::json;
use std::collections::BTreeSet;

/// The stage after which nothing is anybody's.
pub const RELEASED: usize = 2;

/// What people made by hand: a bus with a rule, and an inbox's two queues.
async fn strangers(world: &World) {
    let settings = BusSettings { description: "by hand".to_owned(), ..BusSettings::default() };
    let bus = NewBus { name: BusName::parse("acme").unwrap(), settings, tags: team("finance") };
    world.aws.buses.create_bus(&bus).await.unwrap();
    let rule = NewRule {
        bus: bus.name.clone(),
        name: RulePartName::parse("departures").unwrap(),
        pattern: json!({"source": ["by.hand"]}),
        state: RuleState::Disabled,
        description: "by hand".to_owned(),
        tags: team("finance"),
    };
    world.aws.buses.put_rule(&rule).await.unwrap();
    let target = Target {
        id: "by-hand".to_owned(),
        arn: world.queue_arn("elsewhere").to_string(),
        dead_letter: None,
        max_event_age_seconds: None,
        max_retries: None,
        message_group_id: None,
        foreign_settings: false,
    };
    world.aws.buses.put_targets(&bus.name, &rule.name, &[target]).await.unwrap();
    for name in ["gate", "gate-dlq"] {
        let queue =
            NewQueue { name: QueueName::parse(name).unwrap(), attributes: plain_queue(), tags: team("finance") };
        world.aws.queues.create(&queue).await.unwrap();
    }
}

/// Adopted, changed, released, adopted again, deleted.
pub fn of_what_strangers_made(world: &World) -> Vec<Stage> {
    run(strangers(world));
    let actions = || BTreeSet::from(["arn:aws:sns:eu-west-3:210987654321:pager".parse().unwrap()]);
    let bus = |claim| {
        let rules = BTreeSet::from([RulePartName::parse("departures").unwrap()]);
        bus::Desired { claim, alarms: Some(DesiredAlarms { rules, actions: actions() }), ..world.bus("acme") }
    };
    let rule = |claim| rule::Desired { claim, ..world.rule("acme", "departures", &["gate"]) };
    let inbox = |claim| inbox::Desired {
        claim,
        allowed_rule_arns: allowed(world, &["departures"]),
        alarms: Some(Alarms {
            actions: actions(),
            oldest_message_age_seconds: 600,
            dead_letters: 0,
            in_flight: 100_000,
        }),
        ..world.inbox("gate")
    };
    let present = |claim| Stage {
        buses: vec![bus(claim)],
        inboxes: vec![inbox(claim)],
        rules: vec![rule(claim)],
        ..Stage::default()
    };
    let mut changed = present(Claim::AdoptNamed);
    "another description".clone_into(&mut changed.buses[0].description);
    changed.inboxes[0].visibility_timeout_seconds = 90;
    changed.rules[0].tags = team("red");
    let going = |retain| Stage {
        going_buses: vec![going_bus(&bus(Claim::AdoptTagged))],
        going_inboxes: vec![going_inbox(&inbox(Claim::AdoptTagged))],
        going_rules: vec![going_rule(&rule(Claim::AdoptTagged))],
        retain,
        ..Stage::default()
    };
    vec![present(Claim::AdoptNamed), changed, going(true), present(Claim::AdoptTagged), going(false)]
}
