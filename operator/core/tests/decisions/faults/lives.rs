//! The lives: of each kind alone, and of all together.

use super::life::Stage;
use crate::support::{World, account, sources};
use operator_core::bus::Publishing;
use operator_core::ports::RuleState;
use operator_core::tags::Tags;
use operator_core::{bus, inbox, rule};
use std::collections::BTreeSet;

const SEVEN: [&str; 7] = ["g1", "g2", "g3", "g4", "g5", "g6", "g7"];

pub fn team(name: &str) -> Tags {
    Tags::from([("team".to_owned(), name.to_owned())])
}

pub fn going_bus(desired: &bus::Desired) -> bus::Deletion {
    bus::Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        bus_name: desired.bus_name.clone(),
        force: false,
        last_with_alarms: true,
    }
}

pub fn going_inbox(desired: &inbox::Desired) -> inbox::Deletion {
    inbox::Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        queue_name: desired.queue_name.clone(),
        force: false,
    }
}

pub fn going_rule(desired: &rule::Desired) -> rule::Deletion {
    rule::Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        bus_name: desired.bus_name.clone(),
        rule_name: desired.rule_name.clone(),
    }
}

fn changed_bus(desired: &bus::Desired) -> bus::Desired {
    let mut changed = desired.clone();
    "another description".clone_into(&mut changed.description);
    changed.publishing = Publishing::Disabled;
    changed.publishers.clear();
    changed.publishers.insert(account("hangar", "pilot"), sources(&["acme.flight", "acme.cargo"]));
    changed.publishers.insert(account("tower", "control"), sources(&["acme.tower.*"]));
    changed.tags = team("red");
    "uid-2".clone_into(&mut changed.owner.uid);
    changed
}

/// Made, changed in all its parts, changed back, deleted.
pub fn of_a_bus(world: &World) -> Vec<Stage> {
    let bus = world.bus("acme");
    vec![
        Stage { buses: vec![bus.clone()], ..Stage::default() },
        Stage { buses: vec![changed_bus(&bus)], ..Stage::default() },
        Stage { buses: vec![bus.clone()], ..Stage::default() },
        Stage { going_buses: vec![going_bus(&bus)], ..Stage::default() },
    ]
}

fn changed_inbox(world: &World, desired: &inbox::Desired) -> inbox::Desired {
    let mut changed = desired.clone();
    changed.visibility_timeout_seconds = 90;
    changed.retention_seconds = 86_400;
    changed.max_receive_count = 7;
    changed.sealed = false;
    changed.service_accounts = BTreeSet::from(["controller".to_owned(), "deputy".to_owned()]);
    changed.allowed_rule_arns = allowed(world, &["arrivals", "departures"]);
    changed.tags = team("red");
    "uid-2".clone_into(&mut changed.owner.uid);
    changed
}

pub fn allowed(world: &World, rules: &[&str]) -> BTreeSet<operator_core::arn::RuleArn> {
    let bus = world.bus("acme").bus_name;
    rules.iter().flat_map(|name| world.installation.rule_arns(&bus, &name.parse().unwrap(), 1)).collect()
}

/// Made, changed in all its parts, bereft of its consumers, changed back, deleted, made and deleted again.
pub fn of_an_inbox(world: &World, name: &str) -> Vec<Stage> {
    let inbox = world.inbox(name);
    let mut alone = inbox.clone();
    alone.service_accounts.clear();
    let present = |inbox: inbox::Desired| Stage { inboxes: vec![inbox], ..Stage::default() };
    let going = || Stage { going_inboxes: vec![going_inbox(&inbox)], ..Stage::default() };
    vec![
        present(inbox.clone()),
        present(changed_inbox(world, &inbox)),
        present(alone),
        present(inbox.clone()),
        going(),
        present(inbox.clone()),
        going(),
    ]
}

/// On a bus: made with five targets, split over two by two more and changed, joined by losing three, deleted.
pub fn of_a_rule(world: &World) -> Vec<Stage> {
    let bus = world.bus("acme");
    let rule = world.rule("acme", "departures", &SEVEN[..5]);
    let mut split = world.rule("acme", "departures", &SEVEN);
    split.state = RuleState::Disabled;
    split.tags = team("red");
    "uid-2".clone_into(&mut split.owner.uid);
    split.targets[1].max_event_age_seconds = Some(600);
    let joined = world.rule("acme", "departures", &SEVEN[3..]);
    let with = |rule: rule::Desired| Stage { buses: vec![bus.clone()], rules: vec![rule], ..Stage::default() };
    vec![
        with(rule.clone()),
        with(split),
        with(joined),
        Stage { buses: vec![bus.clone()], going_rules: vec![going_rule(&rule)], ..Stage::default() },
        Stage { going_buses: vec![going_bus(&bus)], ..Stage::default() },
    ]
}

/// A bus, two inboxes and two rules that feed them; changed; then the inboxes leave the rules; then all goes at once.
pub fn of_all(world: &World) -> Vec<Stage> {
    let bus = world.bus("acme");
    let rule = |name: &str, queues: &[&str]| world.rule("acme", name, queues);
    let fed = |name: &str, rules: &[&str]| {
        let mut inbox = world.inbox(name);
        name.clone_into(&mut inbox.owner.name);
        inbox.allowed_rule_arns = allowed(world, rules);
        inbox
    };
    let both = ["arrivals", "departures"];
    let inboxes = vec![fed("gate", &both), fed("hall", &["arrivals"])];
    let rules = vec![rule("arrivals", &["gate", "hall"]), rule("departures", &["gate"])];
    vec![
        Stage { buses: vec![bus.clone()], inboxes: inboxes.clone(), rules: rules.clone(), ..Stage::default() },
        Stage {
            buses: vec![changed_bus(&bus)],
            inboxes: vec![changed_inbox(world, &inboxes[0]), fed("hall", &both)],
            rules: vec![rule("arrivals", &["gate"]), rule("departures", &["gate", "hall"])],
            ..Stage::default()
        },
        // An inbox that no longer lets a rule in keeps it in its policy until the rule has let go of it.
        Stage {
            buses: vec![bus.clone()],
            inboxes: vec![fed("gate", &[]), fed("hall", &[])],
            rules: vec![rule("arrivals", &[]), rule("departures", &[])],
            ..Stage::default()
        },
        Stage {
            going_buses: vec![going_bus(&bus)],
            going_inboxes: inboxes.iter().map(going_inbox).collect(),
            going_rules: rules.iter().map(going_rule).collect(),
            ..Stage::default()
        },
    ]
}
