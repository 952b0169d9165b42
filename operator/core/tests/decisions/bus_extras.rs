//! What a bus has beside itself, its archives, alarms and dashboard, is made, put right and taken away, and nobody
//! else's is touched.

use crate::support::{World, converge_bus, converge_rule, run};
use operator_core::bus::{self, Deletion, DesiredAlarms, DesiredArchive, SharedAlarm};
use operator_core::deletion::{DeletionBlocked, DeletionStep};
use operator_core::error::ErrorClass;
use operator_core::fake::When;
use operator_core::names::{ArchiveName, DashboardName, RulePartName};
use operator_core::ports::NewArchive;
use operator_core::rule::EventPattern;
use operator_core::tags::Tags;
use serde_json::json;
use std::collections::BTreeSet;

const TOPIC: &str = "arn:aws:sns:eu-west-3:210987654321:pager";

fn archive(name: &str) -> ArchiveName {
    ArchiveName::parse(name).unwrap()
}

fn rules(names: &[&str]) -> BTreeSet<RulePartName> {
    names.iter().map(|name| RulePartName::parse(*name).unwrap()).collect()
}

/// A bus with all there is.
fn full(world: &World, name: &str) -> bus::Desired {
    let mut desired = world.bus(name);
    let pattern = EventPattern::parse(json!({"source": ["acme.flight"]})).unwrap();
    desired.archives.insert(archive("flights"), DesiredArchive { pattern: Some(pattern), retention_days: 30 });
    desired.archives.insert(archive("all"), DesiredArchive { pattern: None, retention_days: 0 });
    let actions = BTreeSet::from([TOPIC.parse().unwrap()]);
    desired.alarms = Some(DesiredAlarms { rules: rules(&["departures", "departures-2"]), actions: actions.clone() });
    desired.shared_alarm = SharedAlarm::Kept(actions);
    desired.dashboard = true;
    desired
}

fn count(world: &World, kind: &str) -> usize {
    world.fake.things().keys().filter(|thing| thing.starts_with(&format!("{kind} "))).count()
}

fn text(world: &World, thing: &str) -> String {
    let things = world.fake.things();
    let found = things.iter().find(|(name, _)| name.starts_with(thing));
    found.map(|(_, (_, text))| text.clone()).unwrap_or_default()
}

fn dashboard(world: &World) -> DashboardName {
    let things = world.fake.things();
    let name = things.keys().find_map(|thing| thing.strip_prefix("dashboard ")).unwrap();
    DashboardName::parse(name).unwrap()
}

async fn planned(world: &World, desired: &bus::Desired) -> Vec<String> {
    let observed = bus::observe(&world.aws, desired).await.unwrap();
    bus::plan(desired, &observed).iter().map(bus::Action::describe).collect()
}

fn deletion(desired: &bus::Desired, last_with_alarms: bool) -> Deletion {
    Deletion {
        installation: desired.installation.clone(),
        owner: desired.owner.clone(),
        bus_name: desired.bus_name.clone(),
        force: false,
        last_with_alarms,
    }
}

async fn delete(world: &World, deletion: &Deletion) -> DeletionStep<bus::Action> {
    for _ in 0..5 {
        let seen = bus::observe_deletion(&world.aws, deletion).await.unwrap();
        match bus::plan_deletion(deletion, &seen) {
            DeletionStep::Act(actions) => bus::apply_deletion(&world.aws, deletion, &actions).await.unwrap(),
            step => return step,
        }
    }
    panic!("it never ends")
}

#[test]
fn all_of_it_is_made_and_then_left_alone() {
    run(async {
        let world = World::new();
        let desired = full(&world, "acme");
        let (applied, _) = converge_bus(&world.aws, &desired).await.unwrap();
        assert_eq!((count(&world, "archive"), count(&world, "alarm"), count(&world, "dashboard")), (2, 9, 1));
        let arns: Vec<String> = applied.archives.iter().map(ToString::to_string).collect();
        assert_eq!(arns[1], "arn:aws:events:eu-west-3:210987654321:archive/flights");
        let mut named: Vec<String> = applied.alarms.iter().map(|name| format!("alarm {name}")).collect();
        named.sort();
        assert!(named.iter().all(|name| world.fake.things().contains_key(name)), "{named:?}");
        assert_eq!(applied.dashboard, Some(dashboard(&world)));
        world.fake.take_calls();
        assert_eq!(planned(&world, &desired).await, Vec::<String>::new());
        assert!(world.fake.take_calls().iter().all(|call| !call.write));
    });
}

#[test]
fn the_alarms_are_on_metrics_that_exist_with_the_dimensions_that_they_have() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &full(&world, "acme")).await.unwrap();
        let things = world.fake.things();
        let alarms: Vec<&String> =
            things.iter().filter(|(name, _)| name.starts_with("alarm")).map(|(_, a)| &a.1).collect();
        for metric in ["FailedInvocations", "InvocationsSentToDlq", "InvocationsFailedToBeSentToDlq", "ThrottledRules"]
        {
            for rule in ["departures", "departures-2"] {
                let named =
                    format!("name: {metric:?}, dimensions: {{\"EventBusName\": \"acme\", \"RuleName\": {rule:?}}}");
                assert_eq!(alarms.iter().filter(|text| text.contains(&named)).count(), 1, "{named} in {alarms:?}");
            }
        }
        let of_the_account = "name: \"PutEventsFailedEntriesCount\", dimensions: {}";
        assert_eq!(alarms.iter().filter(|text| text.contains(of_the_account)).count(), 1, "{alarms:?}");
        assert!(alarms.iter().all(|text| text.contains("missing_data: NotBreaching")), "{alarms:?}");
        assert!(alarms.iter().all(|text| text.contains("pager")), "{alarms:?}");
    });
}

#[test]
fn what_is_taken_out_of_the_spec_is_taken_out_of_aws() {
    run(async {
        let world = World::new();
        let mut desired = full(&world, "acme");
        converge_bus(&world.aws, &desired).await.unwrap();

        desired.archives.get_mut(&archive("flights")).unwrap().pattern = None;
        desired.archives.get_mut(&archive("flights")).unwrap().retention_days = 0;
        assert_eq!(planned(&world, &desired).await, ["put archive flights right"]);
        converge_bus(&world.aws, &desired).await.unwrap();
        assert!(text(&world, "archive flights").contains("prefix"), "the pattern is one that matches all events");

        desired.archives.remove(&archive("flights"));
        desired.alarms.as_mut().unwrap().rules.pop_last();
        desired.alarms.as_mut().unwrap().actions.clear();
        converge_bus(&world.aws, &desired).await.unwrap();
        assert_eq!((count(&world, "archive"), count(&world, "alarm")), (1, 5));

        desired = world.bus("acme");
        desired.shared_alarm = SharedAlarm::Unwanted;
        converge_bus(&world.aws, &desired).await.unwrap();
        assert_eq!((count(&world, "archive"), count(&world, "alarm"), count(&world, "dashboard")), (0, 0, 0));
        assert_eq!(planned(&world, &desired).await, Vec::<String>::new());
    });
}

#[test]
fn hand_edits_are_put_right() {
    run(async {
        let world = World::new();
        let desired = full(&world, "acme");
        let (applied, _) = converge_bus(&world.aws, &desired).await.unwrap();
        let before = world.fake.things();

        let found = bus::observe(&world.aws, &desired).await.unwrap().archives[&archive("all")].clone();
        let edited = NewArchive {
            name: found.name,
            bus: applied.bus_arn.clone(),
            description: found.description,
            pattern: json!({"source": ["acme.fuel"]}),
            retention_days: 1,
            kms_key: None,
        };
        world.aws.buses.change_archive(&edited).await.unwrap();
        world.fake.edit_alarm(&applied.alarms[0]);
        let mut body = world.aws.monitoring.dashboard(&dashboard(&world)).await.unwrap().unwrap();
        body["widgets"].as_array_mut().unwrap().pop();
        world.aws.monitoring.put_dashboard(&dashboard(&world), &body).await.unwrap();

        assert_eq!(planned(&world, &desired).await.len(), 3);
        converge_bus(&world.aws, &desired).await.unwrap();
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn anothers_archive_and_dashboard_are_refused_and_their_owners_named() {
    run(async {
        let world = World::new();
        let mut theirs = full(&world, "acme");
        theirs.installation = world.of_another_cluster();
        theirs.bus_name = "other".parse().unwrap();
        converge_bus(&world.aws, &theirs).await.unwrap();
        let before = world.fake.things();

        let mut ours = world.bus("acme");
        ours.archives.clone_from(&theirs.archives);
        let error = bus::observe(&world.aws, &ours).await.unwrap_err();
        let ErrorClass::NotOurs { owner } = error.class else { panic!("{error}") };
        assert_eq!(owner, "EventBus planes/acme of cluster cluster-b");

        // Somebody's dashboard in the place of ours.
        let mut ours = world.bus("acme");
        ours.dashboard = true;
        let name = operator_core::names::dashboard_name(&ours.installation, &ours.owner);
        let body = json!({"widgets": [{"type": "text", "properties": {"markdown": "mine"}}]});
        world.aws.monitoring.put_dashboard(&name, &body).await.unwrap();
        let error = bus::observe(&world.aws, &ours).await.unwrap_err();
        assert!(matches!(&error.class, ErrorClass::NotOurs { owner } if owner.starts_with("somebody else")), "{error}");
        ours.dashboard = false;
        converge_bus(&world.aws, &ours).await.unwrap();
        assert_eq!(world.aws.monitoring.dashboard(&name).await.unwrap(), Some(body), "not ours to delete");
        let after = world.fake.things();
        assert!(before.iter().all(|(name, thing)| after.get(name) == Some(thing)));
    });
}

#[test]
fn an_archive_that_stands_for_another_bus_is_not_taken_from_it() {
    run(async {
        let world = World::new();
        let mut desired = full(&world, "acme");
        converge_bus(&world.aws, &desired).await.unwrap();
        // The object was deleted with Retain, and made anew for another bus.
        desired.bus_name = "zenith".parse().unwrap();
        let error = bus::observe(&world.aws, &desired).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.to_string().contains("event-bus/acme: give this one another name"), "{error}");
    });
}

#[test]
fn every_bus_keeps_the_shared_alarm_and_the_last_takes_it_along() {
    run(async {
        let world = World::new();
        let (one, two) = (full(&world, "acme"), {
            let mut two = full(&world, "zenith");
            two.archives.clear();
            two
        });
        converge_bus(&world.aws, &one).await.unwrap();
        converge_bus(&world.aws, &two).await.unwrap();
        assert_eq!(count(&world, "alarm"), 8 + 8 + 1);
        assert!(planned(&world, &one).await.is_empty() && planned(&world, &two).await.is_empty(), "they agree");
        assert_eq!(delete(&world, &deletion(&one, false)).await, DeletionStep::Gone);
        assert_eq!(count(&world, "alarm"), 8 + 1);
        assert_eq!(delete(&world, &deletion(&two, true)).await, DeletionStep::Gone);
        assert!(world.fake.things().is_empty());
    });
}

#[test]
fn archives_go_before_their_bus_and_do_not_block_it() {
    run(async {
        let world = World::new();
        let desired = full(&world, "acme");
        converge_bus(&world.aws, &desired).await.unwrap();
        let seen = bus::observe_deletion(&world.aws, &deletion(&desired, true)).await.unwrap();
        let DeletionStep::Act(actions) = bus::plan_deletion(&deletion(&desired, true), &seen) else { panic!() };
        let said: Vec<String> = actions.iter().map(bus::Action::describe).collect();
        assert_eq!(said.last().unwrap(), "delete bus acme");
        assert!(said.contains(&"delete archive all".to_owned()), "{said:?}");
        assert_eq!(delete(&world, &deletion(&desired, true)).await, DeletionStep::Gone);
        assert!(world.fake.things().is_empty());
    });
}

#[test]
fn a_foreign_archive_blocks_the_bus_even_when_it_is_forced_and_nothing_is_lost() {
    run(async {
        let world = World::new();
        let desired = full(&world, "acme");
        let (applied, _) = converge_bus(&world.aws, &desired).await.unwrap();
        let theirs = NewArchive {
            name: archive("theirs"),
            bus: applied.bus_arn,
            description: "of the auditors".to_owned(),
            pattern: json!({"source": ["acme.flight"]}),
            retention_days: 0,
            kms_key: None,
        };
        world.aws.buses.create_archive(&theirs).await.unwrap();
        let before = world.fake.things();
        let forced = Deletion { force: true, ..deletion(&desired, true) };
        let DeletionStep::Blocked(blocked) = delete(&world, &forced).await else { panic!() };
        assert!(matches!(&blocked, DeletionBlocked::Rules { rules, .. } if rules.len() == 1));
        assert!(blocked.to_string().contains("Events-Archive-theirs of AWS service"), "{blocked}");
        assert_eq!(world.fake.things(), before, "our archives hold what they hold");
        world.aws.buses.delete_archive(&archive("theirs")).await.unwrap();
        assert_eq!(delete(&world, &forced).await, DeletionStep::Gone);
    });
}

#[test]
fn a_full_bus_has_no_room_for_an_archive_and_the_quota_is_named() {
    run(async {
        let world = World::new();
        let mut desired = world.bus("acme");
        converge_bus(&world.aws, &desired).await.unwrap();
        for number in 0..300 {
            converge_rule(&world.aws, &world.rule("acme", &format!("r{number}"), &[])).await.unwrap();
        }
        desired.archives = full(&world, "acme").archives;
        let error = converge_bus(&world.aws, &desired).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::LimitExceeded, "{error}");
    });
}

#[test]
fn a_crash_or_a_lost_answer_at_any_step_is_healed_by_the_next_pass() {
    run(async {
        let undisturbed = World::new();
        converge_bus(&undisturbed.aws, &full(&undisturbed, "acme")).await.unwrap();
        let expected = undisturbed.fake.things();
        for operation in
            ["CreateEventBus", "CreateRole", "PutRolePolicy", "CreateArchive", "PutMetricAlarm", "PutDashboard"]
        {
            for when in [When::Before, When::After] {
                let world = World::new();
                let desired = full(&world, "acme");
                world.fake.fail_next(operation, when, ErrorClass::Retryable);
                assert!(converge_bus(&world.aws, &desired).await.is_err(), "{operation}");
                converge_bus(&world.aws, &desired).await.unwrap();
                assert_eq!(world.fake.things(), expected, "{operation} {when:?}");
            }
        }
        for operation in ["DeleteArchive", "DeleteAlarms", "DeleteDashboards", "DeleteRole", "DeleteEventBus"] {
            for when in [When::Before, When::After] {
                let world = World::new();
                let desired = full(&world, "acme");
                converge_bus(&world.aws, &desired).await.unwrap();
                let deletion = deletion(&desired, true);
                world.fake.fail_next(operation, when, ErrorClass::Retryable);
                let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
                let DeletionStep::Act(actions) = bus::plan_deletion(&deletion, &seen) else { panic!() };
                assert!(bus::apply_deletion(&world.aws, &deletion, &actions).await.is_err(), "{operation}");
                assert_eq!(delete(&world, &deletion).await, DeletionStep::Gone);
                assert!(world.fake.things().is_empty(), "{operation} {when:?}");
            }
        }
    });
}

#[test]
fn an_alarm_that_somebody_made_meanwhile_is_noticed() {
    run(async {
        let world = World::new();
        let desired = full(&world, "acme");
        let observed = bus::observe(&world.aws, &desired).await.unwrap();
        let actions = bus::plan(&desired, &observed);
        // Another makes an alarm of the same name before we do.
        let alarm = actions.iter().find_map(|action| match action {
            bus::Action::Alarm(operator_core::alarm::AlarmAction::Put(alarm, _)) => Some(alarm.clone()),
            _ => None,
        });
        world.aws.monitoring.put_alarm(&alarm.unwrap(), &Tags::new()).await.unwrap();
        let error = bus::apply(&world.aws, &desired, &actions).await.unwrap_err();
        assert!(matches!(error.class, ErrorClass::NotOurs { .. }), "{error}");
    });
}
