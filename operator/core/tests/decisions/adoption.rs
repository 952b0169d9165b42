//! What stands under an object's names and carries no mark is taken over only where that is allowed, and what another
//! owns never is. What an object gives up (`deletionPolicy: Retain`) finds its way back by the tag it leaves.

use crate::support::{World, account, converge_bus, converge_inbox, converge_rule, run};
use operator_core::claim::{Claim, Standing, Taken};
use operator_core::deletion::DeletionStep;
use operator_core::error::{AwsError, ErrorClass};
use operator_core::ports::{BusSettings, NewBus, NewQueue, NewRole, NewRule, QueueAttributes, RuleState};
use operator_core::tags::{ADOPT, Tags};
use operator_core::{bus, inbox, rule};
use serde_json::json;
use std::collections::BTreeMap;

const CLAIMS: [Claim; 3] = [Claim::Own, Claim::AdoptTagged, Claim::AdoptNamed];

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A bus, its rule, an inbox with its dead-letter queue, and a role for its consumers, all made by somebody by hand.
async fn made_by_hand(world: &World, tags: &Tags) {
    let (bus, rule, inbox) = (world.bus("acme"), world.rule("acme", "departures", &[]), world.inbox("gate"));
    let new = NewBus {
        name: bus.bus_name.clone(),
        settings: BusSettings { description: "by hand".into(), ..BusSettings::default() },
        tags: tags.clone(),
    };
    world.aws.buses.create_bus(&new).await.unwrap();
    let new = NewRule {
        bus: bus.bus_name,
        name: rule.rule_name.part(1),
        pattern: json!({"source": ["by.hand"]}),
        state: RuleState::Enabled,
        description: String::new(),
        tags: tags.clone(),
    };
    world.aws.buses.put_rule(&new).await.unwrap();
    for name in [inbox.queue_name.dead_letter(), inbox.queue_name.queue()] {
        let attributes = QueueAttributes { retention_seconds: 7_777, ..crate::support::plain_queue() };
        world.aws.queues.create(&NewQueue { name, attributes, tags: tags.clone() }).await.unwrap();
    }
    let name = inbox::consumer_role_name(&world.installation, &inbox.owner);
    let trust = operator_core::policy::PolicyDocument::new(json!({"Statement": []}));
    let (path, description) = ("/elsewhere/".to_owned(), String::new());
    let role = NewRole { name, path, description, trust, boundary: None, tags: tags.clone() };
    world.aws.roles.create(&role).await.unwrap();
}

fn claiming(world: &World, claim: Claim) -> (bus::Desired, rule::Desired, inbox::Desired) {
    let (mut bus, mut rule, mut inbox) =
        (world.bus("acme"), world.rule("acme", "departures", &["gate"]), world.inbox("gate"));
    (bus.claim, rule.claim, inbox.claim) = (claim, claim, claim);
    (bus, rule, inbox)
}

/// What comes of all three kinds, each on its own.
async fn converge(world: &World, claim: Claim) -> [Result<usize, AwsError>; 3] {
    let (bus, rule, inbox) = claiming(world, claim);
    [
        converge_bus(&world.aws, &bus).await.map(|(_, actions)| actions),
        converge_rule(&world.aws, &rule).await.map(|(_, actions)| actions),
        converge_inbox(&world.aws, &inbox).await.map(|(_, actions)| actions),
    ]
}

fn refused(outcomes: &[Result<usize, AwsError>; 3]) -> bool {
    outcomes.iter().all(|outcome| matches!(outcome, Err(AwsError { class: ErrorClass::NotOurs { .. }, .. })))
}

#[test]
fn what_carries_no_mark_is_refused_and_not_touched_unless_it_may_be_adopted() {
    run(async {
        for claim in [Claim::Own, Claim::AdoptTagged] {
            let world = World::new();
            made_by_hand(&world, &tags(&[("team", "red")])).await;
            let before = world.fake.things();
            assert!(refused(&converge(&world, claim).await), "{claim:?}");
            assert_eq!(world.fake.things(), before);
        }
    });
}

#[test]
fn by_name_all_of_it_is_taken_set_and_marked_and_foreign_tags_stay() {
    run(async {
        let world = World::new();
        made_by_hand(&world, &tags(&[("team", "red")])).await;
        let outcomes = converge(&world, Claim::AdoptNamed).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        for (name, (tags, text)) in world.fake.things() {
            assert_eq!(tags.get("eventing.qsl.dev/cluster").map(String::as_str), Some("cluster-a"), "{name}");
            let by_hand = !["publish", "pilot", "redrive"].iter().any(|made| name.contains(made));
            assert_eq!(tags.get("team").map(String::as_str), by_hand.then_some("red"), "{name}");
            assert!(!text.contains("by hand") && !text.contains("by.hand") && !text.contains("7777"), "{name}: {text}");
        }
        // Ours now, and as it should be: nothing is left to do, and no adoption is needed any more.
        assert_eq!(converge(&world, Claim::Own).await.map(Result::unwrap), [0, 0, 0]);
    });
}

#[test]
fn what_its_owner_tagged_for_the_object_is_taken_and_the_tag_goes() {
    run(async {
        let world = World::new();
        // The bus and the rule are of namespace planes, the inbox is of tower: each tag names one object.
        made_by_hand(&world, &tags(&[(ADOPT, "tower/gate")])).await;
        let [bus, rule, inbox] = converge(&world, Claim::AdoptTagged).await;
        assert!(inbox.is_ok(), "{inbox:?}");
        for other in [bus, rule] {
            let said = other.unwrap_err().to_string();
            assert!(said.contains("kept for") && said.contains("tower/gate"), "{said}");
        }
        let ours = world.fake.things();
        let ours = ours.iter().filter(|(name, _)| name.starts_with("queue") || name.contains("tower-gate"));
        assert!(ours.clone().count() >= 3);
        for (name, (tags, _)) in ours {
            assert!(!tags.contains_key(ADOPT), "{name}");
        }
    });
}

#[test]
fn what_another_owns_is_never_taken_whatever_is_allowed() {
    run(async {
        let world = World::new();
        let theirs = world.of_another_cluster();
        let (mut bus, mut rule, mut inbox) = claiming(&world, Claim::Own);
        (bus.installation, rule.installation, inbox.installation) = (theirs.clone(), theirs.clone(), theirs);
        converge_bus(&world.aws, &bus).await.unwrap();
        converge_rule(&world.aws, &rule).await.unwrap();
        converge_inbox(&world.aws, &inbox).await.unwrap();
        let before = world.fake.things();
        for claim in CLAIMS {
            let outcomes = converge(&world, claim).await;
            assert!(refused(&outcomes), "{claim:?}");
            let said = outcomes[2].as_ref().unwrap_err().to_string();
            assert!(said.contains("InboxQueue tower/gate of cluster cluster-b"), "{said}");
            assert_eq!(world.fake.things(), before);
        }
    });
}

#[test]
fn a_rule_that_only_looks_like_a_part_is_not_adopted() {
    run(async {
        let world = World::new();
        converge_bus(&world.aws, &world.bus("acme")).await.unwrap();
        let (_, desired, _) = claiming(&world, Claim::AdoptNamed);
        let stray = NewRule {
            bus: desired.bus_name.clone(),
            name: desired.rule_name.part(2),
            pattern: json!({"source": ["by.hand"]}),
            state: RuleState::Enabled,
            description: String::new(),
            tags: Tags::new(),
        };
        world.aws.buses.put_rule(&stray).await.unwrap();
        let before = world.fake.things()["rule acme/departures-2"].clone();
        converge_rule(&world.aws, &desired).await.unwrap();
        assert_eq!(world.fake.things()["rule acme/departures-2"], before);
    });
}

#[test]
fn what_is_taken_is_told_once() {
    run(async {
        let world = World::new();
        made_by_hand(&world, &Tags::new()).await;
        let (bus, ..) = claiming(&world, Claim::AdoptNamed);
        let taken = |observed: &bus::Observed| bus::taken(&bus, observed);
        let observed = bus::observe(&world.aws, &bus).await.unwrap();
        assert_eq!(taken(&observed), [Taken { thing: "bus acme".into(), standing: Standing::Adopted }]);
        converge_bus(&world.aws, &bus).await.unwrap();
        assert_eq!(taken(&bus::observe(&world.aws, &bus).await.unwrap()), []);

        let mut restored = bus.clone();
        restored.owner.uid = "uid-2".into();
        let observed = bus::observe(&world.aws, &restored).await.unwrap();
        let standing = Standing::Restored { uid: "uid-1".into() };
        assert!(bus::taken(&restored, &observed).iter().all(|taken| taken.standing == standing));
        assert_eq!(bus::taken(&restored, &observed).len(), 2, "the bus and its publisher's role");
    });
}

/// All there is, without tags of ours.
fn without_marks(world: &World) -> BTreeMap<String, (Tags, String)> {
    let mut things = world.fake.things();
    for (tags, _) in things.values_mut() {
        tags.retain(|key, _| !key.starts_with("eventing.qsl.dev/"));
    }
    things
}

/// Gives all three up, each in one step.
async fn release(world: &World) {
    let (bus, rule, inbox) = claiming(world, Claim::Own);
    let aws = &world.aws;
    let deletion = crate::support::rule_deletion(&rule);
    let step = async || rule::plan_release(&deletion, &rule::observe_deletion(aws, &deletion).await.unwrap());
    if let DeletionStep::Act(actions) = step().await {
        rule::apply_deletion(aws, &actions).await.unwrap();
    }
    assert_eq!(step().await, DeletionStep::Gone);
    let deletion = crate::support::inbox_deletion(&inbox);
    let step = async || inbox::plan_release(&deletion, &inbox::observe_deletion(aws, &deletion).await.unwrap());
    if let DeletionStep::Act(actions) = step().await {
        inbox::apply_deletion(aws, &deletion, &actions).await.unwrap();
    }
    assert_eq!(step().await, DeletionStep::Gone);
    let deletion = crate::support::bus_deletion(&bus);
    let step = async || bus::plan_release(&deletion, &bus::observe_deletion(aws, &deletion).await.unwrap());
    if let DeletionStep::Act(actions) = step().await {
        bus::apply_deletion(aws, &deletion, &actions).await.unwrap();
    }
    assert_eq!(step().await, DeletionStep::Gone);
}

#[test]
fn what_is_retained_stays_as_it_is_and_belongs_to_nobody() {
    run(async {
        let world = World::new();
        assert!(converge(&world, Claim::Own).await.iter().all(Result::is_ok));
        let before = without_marks(&world);
        release(&world).await;
        assert_eq!(without_marks(&world), before);
        for (name, (tags, _)) in world.fake.things() {
            let marks: Vec<&String> = tags.keys().filter(|key| key.starts_with("eventing.qsl.dev/")).collect();
            assert_eq!(marks, [ADOPT], "{name}");
        }
        assert!(refused(&converge(&world, Claim::Own).await));
        let back = converge(&world, Claim::AdoptTagged).await;
        assert!(back.iter().all(Result::is_ok), "{back:?}");
        assert_eq!(converge(&world, Claim::Own).await.map(Result::unwrap), [0, 0, 0]);
    });
}

#[test]
fn a_bus_keeps_its_publishers_roles_through_being_given_up_and_taken_back() {
    run(async {
        let world = World::new();
        let (mut bus, ..) = claiming(&world, Claim::Own);
        bus.publishers.insert(account("apron", "loader"), crate::support::sources(&["acme.cargo"]));
        converge_bus(&world.aws, &bus).await.unwrap();
        let roles = || world.fake.things().keys().filter(|name| name.starts_with("role")).cloned().collect::<Vec<_>>();
        let before = roles();
        release(&world).await;
        bus.claim = Claim::AdoptTagged;
        converge_bus(&world.aws, &bus).await.unwrap();
        assert_eq!(roles(), before);
    });
}
