//! What somebody changes by hand in AWS is found with its field and both values, is put right, and is found no more;
//! who only looks changes nothing.

use crate::support::{World, converge_bus, converge_inbox, converge_rule, run};
use operator_core::claim::Claim;
use operator_core::difference::{Difference, sentence};
use operator_core::names::{KmsKeyId, RoleName};
use operator_core::policy::PolicyDocument;
use operator_core::ports::{BusSettings, NewArchive, NewRule, QueueChange, QueueUrl, RuleState, Target};
use operator_core::tags::Tags;
use operator_core::{bus, inbox, rule};
use serde_json::json;
use std::collections::BTreeSet;

fn policy() -> PolicyDocument {
    PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "ByHand", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    ]}))
}

fn keys(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn team(value: &str) -> Tags {
    Tags::from([("team".to_owned(), value.to_owned())])
}

/// The world as it should be: a bus, a rule with one target, an inbox.
async fn steady() -> (World, bus::Desired, rule::Desired, inbox::Desired) {
    let world = World::new();
    let (mut bus, mut rule, mut inbox) =
        (world.bus("acme"), world.rule("acme", "departures", &["gate"]), world.inbox("gate"));
    (bus.tags, rule.tags, inbox.tags) = (team("red"), team("red"), team("red"));
    converge_bus(&world.aws, &bus).await.unwrap();
    converge_rule(&world.aws, &rule).await.unwrap();
    converge_inbox(&world.aws, &inbox).await.unwrap();
    (world, bus, rule, inbox)
}

async fn of_bus(world: &World, desired: &bus::Desired) -> Vec<Difference> {
    let observed = bus::observe(&world.aws, desired).await.unwrap();
    bus::differences(&observed, &bus::plan(desired, &observed))
}

async fn of_rule(world: &World, desired: &rule::Desired) -> Vec<Difference> {
    let observed = rule::observe(&world.aws, desired).await.unwrap();
    rule::differences(&observed, &rule::plan(desired, &observed))
}

async fn of_inbox(world: &World, desired: &inbox::Desired) -> Vec<Difference> {
    let observed = inbox::observe(&world.aws, desired).await.unwrap();
    inbox::differences(&observed, &inbox::plan(desired, &observed))
}

/// The differences, which must go when they are put right.
async fn repaired_bus(world: &World, desired: &bus::Desired) -> String {
    let found = of_bus(world, desired).await;
    converge_bus(&world.aws, desired).await.unwrap();
    assert_eq!(of_bus(world, desired).await, []);
    sentence(&found)
}

async fn repaired_rule(world: &World, desired: &rule::Desired) -> String {
    let found = of_rule(world, desired).await;
    converge_rule(&world.aws, desired).await.unwrap();
    assert_eq!(of_rule(world, desired).await, []);
    sentence(&found)
}

async fn repaired_inbox(world: &World, desired: &inbox::Desired) -> String {
    let found = of_inbox(world, desired).await;
    converge_inbox(&world.aws, desired).await.unwrap();
    assert_eq!(of_inbox(world, desired).await, []);
    sentence(&found)
}

#[test]
fn nothing_differs_where_nobody_changed_anything() {
    run(async {
        let (world, bus, rule, inbox) = steady().await;
        assert_eq!(of_bus(&world, &bus).await, []);
        assert_eq!(of_rule(&world, &rule).await, []);
        assert_eq!(of_inbox(&world, &inbox).await, []);
    });
}

#[test]
fn a_bus_is_put_right_attribute_by_attribute() {
    run(async {
        let (world, desired, ..) = steady().await;
        let (buses, name) = (&world.aws.buses, &desired.bus_name);
        let arn = world.installation.bus_arn(name);

        buses.change_bus(name, &BusSettings { description: "by hand".into(), ..BusSettings::default() }).await.unwrap();
        assert_eq!(repaired_bus(&world, &desired).await, "bus acme: description is by hand, not a bus");

        buses.tag_bus(&arn, &team("blue")).await.unwrap();
        assert_eq!(repaired_bus(&world, &desired).await, format!("{arn}: tags[team] is blue, not red"));

        buses.untag_bus(&arn, &keys(&["team", "eventing.qsl.dev/uid"])).await.unwrap();
        let said = repaired_bus(&world, &desired).await;
        assert!(said.contains("tags[team] is unset, not red") && said.contains("uid] is unset, not uid-1"), "{said}");

        // Others' statements on the bus are theirs; our switch is ours.
        let mut disabled = desired.clone();
        disabled.publishing = bus::Publishing::Disabled;
        converge_bus(&world.aws, &disabled).await.unwrap();
        buses.set_bus_policy(name, None).await.unwrap();
        assert_eq!(repaired_bus(&world, &disabled).await, "bus acme: policy says something else");
    });
}

/// A bus with an archive, the four alarms of a rule, and a dashboard.
fn watched(world: &World) -> bus::Desired {
    let archive = bus::DesiredArchive { pattern: None, retention_days: 30 };
    let rules = BTreeSet::from(["departures".parse().unwrap()]);
    bus::Desired {
        archives: [("all".parse().unwrap(), archive)].into(),
        alarms: Some(bus::DesiredAlarms { rules, actions: BTreeSet::new() }),
        dashboard: true,
        ..world.bus("acme")
    }
}

#[test]
fn what_stands_beside_a_bus_is_missed_found_different_and_found_superfluous() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let desired = watched(&world);
        let found = repaired_bus(&world, &desired).await;
        let parts: Vec<&str> = found.split("; ").collect();
        let observed = bus::observe(&world.aws, &desired).await.unwrap();
        let alarms: Vec<String> = observed.alarms.keys().map(ToString::to_string).collect();
        let dashboard = operator_core::names::dashboard_name(&world.installation, &desired.owner);
        assert_eq!(parts.len(), 6, "{found}");
        for thing in alarms
            .iter()
            .map(|name| format!("alarm {name}"))
            .chain(["archive all".into(), format!("dashboard {dashboard}")])
        {
            assert!(parts.contains(&format!("{thing} is not there").as_str()), "{thing}: {found}");
        }

        let (name, seen) = observed.alarms.iter().next().unwrap();
        let mut alarm = seen.facts.alarm.clone().unwrap();
        alarm.threshold += 7.0;
        world.aws.monitoring.put_alarm(&alarm, &Tags::new()).await.unwrap();
        assert_eq!(repaired_bus(&world, &desired).await, format!("alarm {name}: settings says something else"));

        let mut body = observed.dashboard.clone().unwrap();
        body["start"] = json!("-PT6H");
        world.aws.monitoring.put_dashboard(&dashboard, &body).await.unwrap();
        assert_eq!(repaired_bus(&world, &desired).await, format!("dashboard {dashboard}: body says something else"));

        let none = repaired_bus(&world, &world.bus("acme")).await;
        let parts: Vec<&str> = none.split("; ").collect();
        assert_eq!(parts.len(), 6, "{none}");
        assert!(parts.iter().all(|part| part.ends_with(" should not be there")), "{none}");
    });
}

#[test]
fn an_archive_is_put_right_attribute_by_attribute() {
    run(async {
        let world = World::new();
        let desired = watched(&world);
        converge_bus(&world.aws, &desired).await.unwrap();
        let name = "all".parse().unwrap();
        let facts = world.aws.buses.archive(&name).await.unwrap().unwrap();
        let as_it_is = NewArchive {
            name,
            bus: world.installation.bus_arn(&desired.bus_name),
            description: facts.description,
            pattern: facts.pattern,
            retention_days: facts.retention_days,
            kms_key: None,
        };
        let key: KmsKeyId = "alias/theirs".parse().unwrap();
        for (changed, said) in [
            (NewArchive { retention_days: 9, ..as_it_is.clone() }, "archive all: retention in days is 9, not 30"),
            (NewArchive { kms_key: Some(key), ..as_it_is.clone() }, "archive all: KMS key is alias/theirs, not unset"),
            (
                NewArchive { pattern: json!({"source": ["by.hand"]}), ..as_it_is },
                "archive all: event pattern says something else",
            ),
        ] {
            world.aws.buses.change_archive(&changed).await.unwrap();
            assert_eq!(repaired_bus(&world, &desired).await, said);
        }
    });
}

#[test]
fn a_bus_that_was_deleted_by_hand_is_made_again() {
    run(async {
        let world = World::new();
        let desired = world.bus("acme");
        converge_bus(&world.aws, &desired).await.unwrap();
        world.aws.buses.delete_bus(&desired.bus_name).await.unwrap();
        assert_eq!(repaired_bus(&world, &desired).await, "bus acme is not there");
    });
}

/// A rule as somebody puts it by hand; AWS ignores its tags.
fn by_hand(desired: &rule::Desired, state: RuleState, source: &str, description: &str) -> NewRule {
    NewRule {
        bus: desired.bus_name.clone(),
        name: desired.rule_name.part(1),
        pattern: json!({"source": [source]}),
        state,
        description: description.into(),
        tags: Tags::new(),
    }
}

#[test]
fn a_rule_is_put_right_attribute_by_attribute() {
    run(async {
        let (world, _, desired, _) = steady().await;
        let (buses, bus, part) = (&world.aws.buses, &desired.bus_name, desired.rule_name.part(1));
        let arn = world.installation.rule_arn(bus, &part);
        let ours = "Made by QSL Eventing for EventRule planes/departures";
        let rule = "rule departures of bus acme";

        buses.put_rule(&by_hand(&desired, RuleState::Disabled, "acme.flight", ours)).await.unwrap();
        assert_eq!(repaired_rule(&world, &desired).await, format!("{rule}: state is Disabled, not Enabled"));

        buses.put_rule(&by_hand(&desired, RuleState::Enabled, "acme.cargo", ours)).await.unwrap();
        assert_eq!(repaired_rule(&world, &desired).await, format!("{rule}: eventPattern says something else"));

        buses.put_rule(&by_hand(&desired, RuleState::Enabled, "acme.flight", "mine")).await.unwrap();
        assert_eq!(repaired_rule(&world, &desired).await, format!("{rule}: description is mine, not {ours}"));

        buses.tag_rule(&arn, &team("blue")).await.unwrap();
        assert_eq!(repaired_rule(&world, &desired).await, format!("{arn}: tags[team] is blue, not red"));

        let standing = buses.targets(bus, &part).await.unwrap().remove(0);
        let target = format!("target {} of rule departures", standing.arn);
        let changed = Target { max_event_age_seconds: Some(60), ..standing.clone() };
        buses.put_targets(bus, &part, &[changed]).await.unwrap();
        assert_eq!(repaired_rule(&world, &desired).await, format!("{target}: maximumEventAgeSeconds is 60, not 240"));

        let changed = Target { dead_letter: None, ..standing.clone() };
        buses.put_targets(bus, &part, &[changed]).await.unwrap();
        let said = repaired_rule(&world, &desired).await;
        assert!(said.starts_with(&format!("{target}: deadLetter is unset, not arn:aws:sqs")), "{said}");

        let changed = Target { foreign_settings: true, ..standing.clone() };
        buses.put_targets(bus, &part, &[changed]).await.unwrap();
        let said = repaired_rule(&world, &desired).await;
        assert!(said.contains("input transformer"), "{said}");

        buses.remove_targets(bus, &part, &BTreeSet::from([standing.id.clone()])).await.unwrap();
        assert_eq!(repaired_rule(&world, &desired).await, format!("{target} is not there"));

        let stray = Target { id: "stray".into(), arn: format!("{}-stray", standing.arn), ..standing };
        buses.put_targets(bus, &part, std::slice::from_ref(&stray)).await.unwrap();
        let said = repaired_rule(&world, &desired).await;
        assert_eq!(said, format!("target {} of rule departures should not be there", stray.arn));

        let ids: BTreeSet<String> = buses.targets(bus, &part).await.unwrap().into_iter().map(|t| t.id).collect();
        buses.remove_targets(bus, &part, &ids).await.unwrap();
        buses.delete_rule(bus, &part).await.unwrap();
        let said = repaired_rule(&world, &desired).await;
        assert_eq!(said, format!("{rule} is not there; {target} is not there"));
    });
}

#[test]
fn an_inbox_is_put_right_attribute_by_attribute() {
    run(async {
        let (world, _, _, desired) = steady().await;
        let queues = &world.aws.queues;
        let url = queues.url(&desired.queue_name.queue()).await.unwrap().unwrap();
        for (change, expected) in [
            (
                QueueChange { visibility_timeout_seconds: Some(7), ..QueueChange::default() },
                "queue gate: visibility timeout is 7, not 60",
            ),
            (
                QueueChange { retention_seconds: Some(600), ..QueueChange::default() },
                "queue gate: retention is 600, not 604800",
            ),
            (
                QueueChange { max_message_bytes: Some(1024), ..QueueChange::default() },
                "queue gate: maximum message size is 1024, not 1048576",
            ),
            (
                QueueChange { policy: Some(Some(policy())), ..QueueChange::default() },
                "queue gate: policy says something else",
            ),
            (QueueChange { policy: Some(None), ..QueueChange::default() }, "queue gate: policy says something else"),
        ] {
            queues.change(&url, &change).await.unwrap();
            assert_eq!(repaired_inbox(&world, &desired).await, expected);
        }
        queues.change(&url, &QueueChange { redrive: Some(None), ..QueueChange::default() }).await.unwrap();
        let said = repaired_inbox(&world, &desired).await;
        assert!(said.starts_with("queue gate: redrive policy is unset, not arn:aws:sqs"), "{said}");

        queues.tag(&url, &team("blue")).await.unwrap();
        assert_eq!(repaired_inbox(&world, &desired).await, "queue gate: tags[team] is blue, not red");
    });
}

#[test]
fn a_dead_letter_queue_is_put_right_too() {
    run(async {
        let (world, _, _, desired) = steady().await;
        let url: QueueUrl = world.aws.queues.url(&desired.queue_name.dead_letter()).await.unwrap().unwrap();
        let change = QueueChange { retention_seconds: Some(600), ..QueueChange::default() };
        world.aws.queues.change(&url, &change).await.unwrap();
        assert_eq!(repaired_inbox(&world, &desired).await, "queue gate-dlq: retention is 600, not 1209600");
    });
}

#[test]
fn a_role_is_put_right_attribute_by_attribute() {
    run(async {
        let (world, _, _, desired) = steady().await;
        let (roles, name) = (&world.aws.roles, inbox::consumer_role_name(&world.installation, &desired.owner));
        let role = |name: &RoleName| format!("role {name}");

        roles.set_trust(&name, &policy()).await.unwrap();
        let said = repaired_inbox(&world, &desired).await;
        assert_eq!(said, format!("{}: trust policy says something else", role(&name)));

        roles.put_inline_policy(&name, "qsl-eventing", &policy()).await.unwrap();
        let said = repaired_inbox(&world, &desired).await;
        assert_eq!(said, format!("{}: permissions says something else", role(&name)));

        let boundary = operator_core::arn::PolicyArn::parse("arn:aws:iam::210987654321:policy/by-hand").unwrap();
        roles.set_boundary(&name, Some(&boundary)).await.unwrap();
        let said = repaired_inbox(&world, &desired).await;
        assert_eq!(said, format!("{}: permissions boundary is {boundary}, not unset", role(&name)));

        roles.delete_inline_policy(&name, "qsl-eventing").await.unwrap();
        roles.delete(&name).await.unwrap();
        assert_eq!(repaired_inbox(&world, &desired).await, format!("{} is not there", role(&name)));
    });
}

#[test]
fn a_tag_that_the_spec_names_no_longer_goes_from_everything_and_others_tags_stay() {
    run(async {
        let (world, mut bus, mut rule, mut inbox) = steady().await;
        let theirs = Tags::from([("backup".to_owned(), "daily".to_owned())]);
        let url = world.aws.queues.url(&inbox.queue_name.queue()).await.unwrap().unwrap();
        world.aws.queues.tag(&url, &theirs).await.unwrap();
        world.aws.buses.tag_bus(&world.installation.bus_arn(&bus.bus_name), &theirs).await.unwrap();
        (bus.tags, rule.tags, inbox.tags) = (Tags::new(), Tags::new(), Tags::new());
        assert!(repaired_bus(&world, &bus).await.contains("tags[team] is red, not unset"));
        assert!(repaired_rule(&world, &rule).await.contains("tags[team] is red, not unset"));
        assert!(repaired_inbox(&world, &inbox).await.contains("tags[team] is red, not unset"));
        let things = world.fake.things();
        assert!(things.len() >= 6, "bus, rule, two queues, two roles");
        for (name, (tags, _)) in &things {
            assert!(!tags.contains_key("team"), "{name}");
            let expected = matches!(name.as_str(), "bus acme" | "queue gate");
            assert_eq!(tags.contains_key("backup"), expected, "{name}");
        }
    });
}

#[test]
fn who_only_looks_sees_what_differs_and_whose_it_is() {
    run(async {
        let (world, mut bus, _, mut inbox) = steady().await;
        (bus.claim, inbox.claim) = (Claim::Look, Claim::Look);
        assert_eq!(of_bus(&world, &bus).await, []);
        // Another cluster's eyes: everything is as wanted but for the marks.
        inbox.installation = world.of_another_cluster();
        bus.installation = world.of_another_cluster();
        world.fake.take_calls();
        let said = sentence(&of_bus(&world, &bus).await);
        assert!(said.contains("tags[eventing.qsl.dev/cluster] is cluster-a, not cluster-b"), "{said}");
        let said = sentence(&of_inbox(&world, &inbox).await);
        assert!(said.contains("queue gate: tags[eventing.qsl.dev/cluster] is cluster-a, not cluster-b"), "{said}");
        assert!(world.fake.take_calls().iter().all(|call| !call.write));
    });
}
