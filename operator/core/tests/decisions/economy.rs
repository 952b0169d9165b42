//! What the operator need not ask AWS again is not asked; what changed behind its back is still seen.

use crate::support::{World, converge_bus, converge_inbox, converge_rule, run};
use operator_core::economy::Economy;
use operator_core::error::ErrorClass;
use operator_core::fake::{Fault, Tally, When};
use operator_core::names::{BusName, QueueName, RulePartName};
use operator_core::policy::PolicyDocument;
use operator_core::ports::{Aws, NewQueue, NewRule, QueueChange, RuleState};
use operator_core::tags::Tags;
use operator_core::{bus, inbox, rule};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

const RESYNC: Duration = Duration::from_mins(10);

fn economy(world: &World) -> Economy {
    let clock = world.clock.clone();
    let now: operator_core::economy::Now = std::sync::Arc::new(move || clock.now());
    Economy::new(&world.aws, &world.installation.cluster_id, RESYNC, &now)
}

/// What was called meanwhile.
async fn calls<T>(world: &World, work: impl Future<Output = T>) -> (T, Tally) {
    world.fake.take_calls();
    let done = work.await;
    (done, world.fake.take_calls().into_iter().collect())
}

/// So many inboxes, each fed by a rule of its own.
struct Crowd {
    bus: bus::Desired,
    inboxes: Vec<inbox::Desired>,
    rules: Vec<rule::Desired>,
}

fn crowd(world: &World, count: usize) -> Crowd {
    let bus = world.bus("acme");
    let rules: Vec<rule::Desired> =
        (0..count).map(|n| world.rule("acme", &format!("r{n:03}"), &[&format!("q{n:03}")])).collect();
    let inbox = |(n, rule): (usize, &rule::Desired)| {
        let mut inbox = world.inbox(&format!("q{n:03}"));
        inbox.allowed_rule_arns =
            world.installation.rule_arns(&rule.bus_name, &rule.rule_name, 1).into_iter().collect();
        inbox
    };
    Crowd { inboxes: rules.iter().enumerate().map(inbox).collect(), bus, rules }
}

/// One pass over all of them; how many actions that took.
async fn pass(aws: &Aws, crowd: &Crowd) -> usize {
    let mut actions = converge_bus(aws, &crowd.bus).await.unwrap().1;
    for inbox in &crowd.inboxes {
        actions += converge_inbox(aws, inbox).await.unwrap().1;
    }
    for rule in &crowd.rules {
        actions += converge_rule(aws, rule).await.unwrap().1;
    }
    actions
}

fn per(calls: u64, count: usize) -> f64 {
    f64::from(u32::try_from(calls).unwrap()) / f64::from(u32::try_from(count).unwrap())
}

#[test]
fn one_inbox_and_one_rule_alone_are_made_within_their_budgets() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        converge_bus(&economy.aws, &world.bus("acme")).await.unwrap();
        let (_, made) = calls(&world, converge_inbox(&economy.aws, &world.inbox("gate"))).await;
        assert!(made.total() <= 12, "{made:?}");
        let (_, made) = calls(&world, converge_rule(&economy.aws, &world.rule("acme", "r", &["gate"]))).await;
        assert!(made.total() <= 5, "{made:?}");
    });
}

#[test]
fn a_crowd_is_made_within_the_budgets_and_a_resync_reads_each_queue_and_each_rule_once() {
    const COUNT: usize = 100;
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let crowd = crowd(&world, COUNT);
        let (_, made) = calls(&world, pass(&economy.aws, &crowd)).await;
        assert!(per(made.of_service("SQS") + made.of_service("IAM"), COUNT) <= 12.0, "{made:?}");
        assert!(per(made.of_service("EventBridge"), COUNT) <= 5.0, "{made:?}");

        world.clock.advance(RESYNC);
        let (actions, read) = calls(&world, pass(&economy.aws, &crowd)).await;
        assert_eq!((actions, read.writes()), (0, 0), "{read:?}");
        let queues = u64::try_from(crowd.inboxes.len() * 2).unwrap();
        assert_eq!(read.of_service("SQS"), queues, "one read a queue: {read:?}");
        // A few look alone before the crowd shares one listing.
        assert!(read.of_service("IAM") <= 10, "{read:?}");
        assert!(read.of_service("EventBridge") <= u64::try_from(COUNT).unwrap() + 2 + 5, "{read:?}");
    });
}

#[test]
fn what_changed_behind_our_back_is_put_right_at_the_next_resync() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let crowd = crowd(&world, 20);
        pass(&economy.aws, &crowd).await;
        let made = world.fake.things();
        let (bus, part) =
            (BusName::parse("acme").unwrap(), |n: usize| RulePartName::parse(format!("r{n:03}")).unwrap());
        let url = world.aws.queues.url(&QueueName::parse("q003").unwrap()).await.unwrap().unwrap();
        let role = world.aws.roles.under("/qsl-eventing/").await.unwrap().into_iter().next_back().unwrap();

        let change = QueueChange { visibility_timeout_seconds: Some(1), policy: Some(None), ..QueueChange::default() };
        world.aws.queues.change(&url, &change).await.unwrap();
        let nothing = PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": []}));
        world.aws.roles.put_inline_policy(&role, "qsl-eventing", &nothing).await.unwrap();
        world.aws.roles.set_trust(&role, &nothing).await.unwrap();
        let edited = NewRule {
            bus: bus.clone(),
            name: part(4),
            pattern: json!({"source": ["other"]}),
            state: RuleState::Disabled,
            description: String::new(),
            tags: Tags::new(),
        };
        world.aws.buses.put_rule(&edited).await.unwrap();
        let ids = world.aws.buses.targets(&bus, &part(5)).await.unwrap().into_iter().map(|target| target.id).collect();
        world.aws.buses.remove_targets(&bus, &part(5), &ids).await.unwrap();
        let ids = world.aws.buses.targets(&bus, &part(6)).await.unwrap().into_iter().map(|target| target.id).collect();
        world.aws.buses.remove_targets(&bus, &part(6), &ids).await.unwrap();
        world.aws.buses.delete_rule(&bus, &part(6)).await.unwrap();
        assert_ne!(world.fake.things(), made);

        world.clock.advance(RESYNC);
        pass(&economy.aws, &crowd).await;
        assert_eq!(world.fake.things(), made);
    });
}

#[test]
fn a_person_who_asks_for_a_look_gets_one() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let crowd = crowd(&world, 20);
        pass(&economy.aws, &crowd).await;
        pass(&economy.aws, &crowd).await;
        let made = world.fake.things();
        let role = world.aws.roles.under("/qsl-eventing/").await.unwrap().into_iter().next_back().unwrap();
        let nothing = PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": []}));
        world.aws.roles.set_trust(&role, &nothing).await.unwrap();
        assert_eq!(pass(&economy.aws, &crowd).await, 0, "the listing of a moment ago serves yet");
        assert_eq!(pass(&economy.fresh, &crowd).await, 1);
        assert_eq!(world.fake.things(), made);
        assert_eq!(pass(&economy.aws, &crowd).await, 0, "what was remembered is right again");
    });
}

#[test]
fn a_queue_that_somebody_made_anew_is_not_ours_by_what_we_remember() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let desired = world.inbox("gate");
        converge_inbox(&economy.aws, &desired).await.unwrap();
        converge_inbox(&economy.aws, &desired).await.unwrap();
        let name = QueueName::parse("gate").unwrap();
        let url = world.aws.queues.url(&name).await.unwrap().unwrap();
        let mut attributes = world.aws.queues.queue(&url).await.unwrap().unwrap().attributes;
        attributes.retention_seconds = 61;
        world.aws.queues.delete(&url).await.unwrap();
        world.clock.advance(Duration::from_mins(1));
        let theirs = NewQueue { name, attributes, tags: Tags::from([("whose".to_owned(), "theirs".to_owned())]) };
        world.aws.queues.create(&theirs).await.unwrap();
        let before = world.fake.things();
        let error = converge_inbox(&economy.aws, &desired).await.unwrap_err();
        assert!(matches!(error.class, ErrorClass::NotOurs { .. }), "{error}");
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn a_rule_that_somebody_made_since_the_listing_is_not_replaced() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let crowd = crowd(&world, 20);
        pass(&economy.aws, &crowd).await;
        pass(&economy.aws, &crowd).await;
        let theirs = NewRule {
            bus: BusName::parse("acme").unwrap(),
            name: RulePartName::parse("new").unwrap(),
            pattern: json!({"source": ["theirs"]}),
            state: RuleState::Enabled,
            description: String::new(),
            tags: Tags::new(),
        };
        world.aws.buses.put_rule(&theirs).await.unwrap();
        let before = world.fake.things();
        let error = converge_rule(&economy.aws, &world.rule("acme", "new", &["gate"])).await.unwrap_err();
        assert!(matches!(error.class, ErrorClass::NotOurs { .. }), "{error}");
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn our_rule_that_another_has_replaced_is_looked_at_again_before_it_is_changed() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let desired = world.rule("acme", "departures", &["gate"]);
        converge_bus(&economy.aws, &world.bus("acme")).await.unwrap();
        converge_rule(&economy.aws, &desired).await.unwrap();
        converge_rule(&economy.aws, &desired).await.unwrap();
        let (bus, part) = (desired.bus_name.clone(), RulePartName::parse("departures").unwrap());
        let ids = world.aws.buses.targets(&bus, &part).await.unwrap().into_iter().map(|target| target.id).collect();
        world.aws.buses.remove_targets(&bus, &part, &ids).await.unwrap();
        world.aws.buses.delete_rule(&bus, &part).await.unwrap();
        let mut theirs = desired.clone();
        theirs.installation = world.of_another_cluster();
        theirs.owner.name = "theirs".to_owned();
        converge_rule(&world.aws, &theirs).await.unwrap();
        let before = world.fake.things();
        let error = converge_rule(&economy.aws, &desired).await.unwrap_err();
        assert!(matches!(error.class, ErrorClass::NotOurs { .. }), "{error}");
        assert_eq!(world.fake.things(), before);
    });
}

#[test]
fn a_role_of_ours_by_name_that_is_elsewhere_in_the_account_is_named() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let crowd = crowd(&world, 20);
        pass(&economy.aws, &crowd).await;
        pass(&economy.aws, &crowd).await;
        // Another cluster's object of the same names would have other role names: so take the role, and move it.
        let desired = world.inbox("late");
        let probe = World::new();
        converge_inbox(&probe.aws, &desired).await.unwrap();
        let name = probe.aws.roles.under("/").await.unwrap().into_iter().next().unwrap();
        let facts = probe.aws.roles.role(&name).await.unwrap().unwrap();
        let elsewhere = operator_core::ports::NewRole {
            name,
            path: "/somebody/".to_owned(),
            description: String::new(),
            trust: facts.trust,
            boundary: None,
            tags: Tags::new(),
        };
        world.aws.roles.create(&elsewhere).await.unwrap();
        let first = converge_inbox(&economy.aws, &desired).await.unwrap_err();
        assert_eq!(first.class, ErrorClass::Conflict, "{first}");
        let second = converge_inbox(&economy.aws, &desired).await.unwrap_err();
        assert!(matches!(second.class, ErrorClass::NotOurs { .. }), "{second}");
    });
}

#[test]
fn after_a_write_whose_answer_was_lost_aws_is_asked() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let mut crowd = crowd(&world, 20);
        pass(&economy.aws, &crowd).await;
        pass(&economy.aws, &crowd).await;
        crowd.inboxes[3].service_accounts = BTreeSet::from(["pilot".to_owned()]);
        for fault in [Fault::Unavailable(When::After), Fault::Unavailable(When::Before), Fault::Modified] {
            crowd.rules[4].state = match crowd.rules[4].state {
                RuleState::Enabled => RuleState::Disabled,
                RuleState::Disabled => RuleState::Enabled,
            };
            crowd.inboxes[3].service_accounts.insert(format!("{fault:?}").to_lowercase().replace(['(', ')'], "-"));
            world.fake.fail_write(0, fault);
            converge_inbox(&economy.aws, &crowd.inboxes[3]).await.unwrap_err();
            world.fake.fail_write(0, fault);
            converge_rule(&economy.aws, &crowd.rules[4]).await.unwrap_err();
            pass(&economy.aws, &crowd).await;
            let direct = World { aws: world.fake.aws(), ..World::new() };
            let observed = inbox::observe(&direct.aws, &crowd.inboxes[3]).await.unwrap();
            assert_eq!(inbox::plan(&crowd.inboxes[3], &observed), [], "{fault:?}");
            let observed = rule::observe(&direct.aws, &crowd.rules[4]).await.unwrap();
            assert_eq!(rule::plan(&crowd.rules[4], &observed), [], "{fault:?}");
        }
    });
}

#[test]
fn where_listing_is_denied_each_role_is_asked_for() {
    run(async {
        let world = World::new();
        let economy = economy(&world);
        let crowd = crowd(&world, 20);
        world.fake.fail_next("GetAccountAuthorizationDetails", When::Before, ErrorClass::Denied);
        pass(&economy.aws, &crowd).await;
        let (_, read) = calls(&world, pass(&economy.aws, &crowd)).await;
        assert_eq!(read.operations().find(|(_, name, _)| *name == "GetAccountAuthorizationDetails"), None, "{read:?}");
        assert_eq!(read.writes(), 0);
    });
}
