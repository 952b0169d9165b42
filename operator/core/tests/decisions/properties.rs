//! Over generated pasts and wishes: once a wish is fulfilled nothing is left to do; and what lacks our mark is never
//! touched, unless the object may adopt it. After any wishes all is as if it were new.
//!
//! A past ([`past`]) leaves things behind that are foreign, half made, drifted, or stripped of their marks; a wish
//! ([`wish`]) varies every field. What the operator remembers of AWS ([`operator_core::economy`]) is as old as the past.

mod past;
mod wish;

use crate::support::{
    World, bus_deletion, converge_bus, converge_inbox, converge_rule, inbox_deletion, plain_queue, run,
};
use operator_core::deletion::DeletionStep;
use operator_core::economy::{Economy, Now};
use operator_core::error::ErrorClass;
use operator_core::policy::PolicyDocument;
use operator_core::ports::{Aws, KeyFacts, NewQueue, QueueAttributes};
use operator_core::tags::{self, Tags};
use operator_core::{AwsError, Claim, bus, inbox, rule};
use past::{Past, past};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wish::{Wish, wish};

fn economy(world: &World) -> Economy {
    let clock = world.clock.clone();
    let now: Now = Arc::new(move || clock.now());
    Economy::new(&world.aws, &world.installation.cluster_id, Duration::from_mins(10), &now)
}

/// An account with what objects name and others own: two keys that EventBridge may use, and a queue that takes what a
/// bus cannot encrypt.
async fn account() -> World {
    let world = World::new();
    let lets = |action: &str| {
        let statement = json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action,
            "Resource": "*"});
        PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [statement]}))
    };
    for number in 0..2 {
        let arn = format!("arn:aws:kms:eu-west-3:210987654321:key/k{number}").parse().unwrap();
        let facts = KeyFacts { arn, aws_managed: false, enabled: true, symmetric: true };
        world.fake.set_key(&facts, &format!("alias/key{number}").parse().unwrap(), &lets("kms:*"));
    }
    let attributes = QueueAttributes { policy: Some(lets("sqs:SendMessage")), ..plain_queue() };
    let lost = NewQueue { name: "lost".parse().unwrap(), attributes, tags: Tags::new() };
    world.aws.queues.create(&lost).await.unwrap();
    world
}

/// Fulfils a wish, the objects one after the other; the first refusal of each.
async fn converge(world: &World, aws: &Aws, wish: &Wish) -> [Result<(), AwsError>; 3] {
    [
        converge_bus(aws, &wish.bus(world)).await.map(drop),
        converge_inbox(aws, &wish.inbox(world)).await.map(drop),
        converge_rule(aws, &wish.rule(world)).await.map(drop),
    ]
}

/// Everything that does not carry the mark of this cluster, in its tags, or in its text where it can have none. The
/// rule that AWS makes for an archive is the archive's.
fn not_ours(world: &World) -> BTreeMap<String, (Tags, String)> {
    let mut things = world.fake.things();
    things.retain(|name, (tags, text)| {
        let tagged = tags.get(tags::CLUSTER) == Some(&world.installation.cluster_id);
        let marked = has_no_tags(name) && text.contains("of cluster cluster-a");
        !tagged && !marked && !name.contains("/Events-Archive-")
    });
    things
}

/// Whether AWS knows no tags of such a thing: whose it is stands in its text, and nobody adopts it.
fn has_no_tags(name: &str) -> bool {
    name.starts_with("archive ") || name.starts_with("dashboard ")
}

/// A refusal that leaves the rest to a person, or to the next pass.
fn may_be(error: &AwsError) -> bool {
    match error.class {
        ErrorClass::NotOurs { .. } => true,
        // The bus was refused, and so there is none for the rule.
        ErrorClass::Missing => error.service == "EventBridge",
        _ => false,
    }
}

/// The wish after a past; says which objects were refused.
async fn judge(world: &World, memory: &Economy, wish: &Wish) -> Result<[bool; 3], TestCaseError> {
    let aws = &memory.aws;
    // What was remembered may be wrong once, and is then asked for.
    let mut outcomes = converge(world, aws, wish).await;
    if outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(|error| !may_be(error))) {
        outcomes = converge(world, aws, wish).await;
    }
    for outcome in &outcomes {
        if let Err(error) = outcome {
            prop_assert!(may_be(error), "{error}");
        }
    }
    // Judged by what stands, not by what is remembered.
    let aws = &world.aws;
    if outcomes[0].is_ok() {
        let desired = wish.bus(world);
        prop_assert_eq!(bus::plan(&desired, &bus::observe(aws, &desired).await.unwrap()), vec![]);
    }
    if outcomes[1].is_ok() {
        let desired = wish.inbox(world);
        let observed = inbox::observe(aws, &desired).await.unwrap();
        prop_assert_eq!(inbox::plan(&desired, &observed), vec![]);
    }
    if outcomes[2].is_ok() {
        let desired = wish.rule(world);
        let observed = rule::observe(aws, &desired).await.unwrap();
        prop_assert_eq!(rule::plan(&desired, &observed), vec![]);
        // Every target that may be put is there, once.
        let ids: Vec<&String> =
            observed.parts.values().flat_map(|part| &part.targets).map(|target| &target.id).collect();
        let distinct: std::collections::BTreeSet<&&String> = ids.iter().collect();
        prop_assert_eq!(distinct.len(), ids.len());
        prop_assert!(ids.len() >= desired.targets.iter().filter(|target| target.ready).count());
    }
    Ok(outcomes.map(|outcome| outcome.is_err()))
}

/// Marks that somebody took away are missed when tags are read again, which is daily; all else at the next resync.
fn until_next_look(pasts: &[Past]) -> Duration {
    if pasts.iter().any(Past::takes_marks_away) { Duration::from_hours(24) } else { Duration::from_mins(10) }
}

fn pasts_and_wishes(claim: Claim) -> impl Strategy<Value = (Vec<Past>, Wish)> {
    any::<bool>().prop_flat_map(move |fifo| (past(claim, fifo), wish(claim, fifo)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_was_before_the_plan_is_empty_after_it_was_applied_and_nothing_of_others_is_touched(
        (pasts, wish) in pasts_and_wishes(Claim::Own)
    ) {
        run(async {
            let world = account().await;
            let mut memory = economy(&world);
            for past in &pasts {
                past.happen(&world, &mut memory).await;
            }
            world.clock.advance(until_next_look(&pasts));
            let before = not_ours(&world);
            judge(&world, &memory, &wish).await?;
            prop_assert_eq!(not_ours(&world), before);
            Ok(())
        })?;
    }

    #[test]
    fn who_may_adopt_takes_what_nobody_marked_and_nothing_that_another_did(
        (pasts, wish) in pasts_and_wishes(Claim::AdoptNamed)
    ) {
        run(async {
            let world = account().await;
            let mut memory = economy(&world);
            for past in &pasts {
                past.happen(&world, &mut memory).await;
            }
            world.clock.advance(until_next_look(&pasts));
            let mut before = not_ours(&world);
            judge(&world, &memory, &wish).await?;
            let mut after = not_ours(&world);
            // What nobody marked may be ours by now; what is left is as it was, and what another marked is all there.
            before.retain(|thing, (tags, _)| {
                tags.contains_key(tags::CLUSTER) || has_no_tags(thing) || after.contains_key(thing)
            });
            after.retain(|thing, _| before.contains_key(thing));
            prop_assert_eq!(after, before);
            Ok(())
        })?;
    }

    #[test]
    fn who_only_looks_changes_nothing((pasts, wish) in pasts_and_wishes(Claim::Own)) {
        run(async {
            let world = account().await;
            let mut memory = economy(&world);
            for past in &pasts {
                past.happen(&world, &mut memory).await;
            }
            let before = world.fake.things();
            let mut looking = wish;
            looking.claim = Claim::Look;
            bus::observe(&memory.aws, &looking.bus(&world)).await.unwrap();
            inbox::observe(&memory.aws, &looking.inbox(&world)).await.unwrap();
            drop(rule::observe(&memory.aws, &looking.rule(&world)).await);
            prop_assert_eq!(world.fake.things(), before);
            Ok(())
        })?;
    }

    #[test]
    fn after_any_wishes_all_is_as_if_it_were_new_and_goes_without_a_trace(
        (wishes, other) in any::<bool>().prop_flat_map(|fifo| {
            (vec(wish(Claim::Own, fifo), 1..4), wish(Claim::Own, fifo))
        })
    ) {
        run(async {
            let world = account().await;
            let mut stranger = other.alone().bus_with(&world, "theirs");
            stranger.installation = world.of_another_cluster();
            stranger.bus_name = "other".parse().unwrap();
            converge_bus(&world.aws, &stranger).await.unwrap();
            let before = world.fake.things();
            for wish in wishes.iter().cloned().map(Wish::alone) {
                let (bus, inbox) = (wish.bus(&world), wish.inbox(&world));
                let (applied, _) = converge_bus(&world.aws, &bus).await.unwrap();
                let (let_in, _) = converge_inbox(&world.aws, &inbox).await.unwrap();
                prop_assert_eq!(&let_in.allowed_rule_arns, &inbox.allowed_rule_arns);
                // The queues are empty, so former keys go.
                let observed = inbox::observe(&world.aws, &inbox).await.unwrap();
                let retired = inbox::retire_keys(&inbox, &observed);
                inbox::apply(&world.aws, &inbox, &observed, &retired).await.unwrap();
                let observed = inbox::observe(&world.aws, &inbox).await.unwrap();
                prop_assert_eq!(inbox::plan(&inbox, &observed), vec![]);
                prop_assert_eq!(inbox::retire_keys(&inbox, &observed), vec![]);

                let mut things = world.fake.things();
                things.retain(|name, _| !before.contains_key(name));
                let count = |kind: &str| things.keys().filter(|name| name.starts_with(kind)).count();
                prop_assert_eq!([count("archive "), count("dashboard ")], wish.beside_the_bus());
                let of_the_inbox = inbox.alarms.iter().map(|_| if wish.fifo { 4 } else { 3 }).sum::<usize>();
                prop_assert_eq!(count("alarm "), applied.alarms.len() + of_the_inbox);
                let fresh = account().await;
                converge_bus(&fresh.aws, &bus).await.unwrap();
                converge_inbox(&fresh.aws, &inbox).await.unwrap();
                let mut new = fresh.fake.things();
                new.retain(|name, _| !before.contains_key(name));
                prop_assert_eq!(things, new);
            }
            let last = wishes.last().unwrap();
            let deletion = bus::Deletion { last_with_alarms: true, ..bus_deletion(&last.bus(&world)) };
            let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
            let DeletionStep::Act(actions) = bus::plan_deletion(&deletion, &seen) else {
                return Err(TestCaseError::fail("the bus is not there, or blocked"));
            };
            bus::apply_deletion(&world.aws, &deletion, &actions).await.unwrap();
            let seen = bus::observe_deletion(&world.aws, &deletion).await.unwrap();
            prop_assert_eq!(bus::plan_deletion(&deletion, &seen), DeletionStep::Gone);
            let deletion = inbox::Deletion { force: true, ..inbox_deletion(&last.inbox(&world)) };
            let seen = inbox::observe_deletion(&world.aws, &deletion).await.unwrap();
            let DeletionStep::Act(actions) = inbox::plan_deletion(&deletion, &seen, world.clock.now()) else {
                return Err(TestCaseError::fail("the inbox is not there, or waits although it is forced"));
            };
            inbox::apply_deletion(&world.aws, &deletion, &actions).await.unwrap();
            prop_assert_eq!(world.fake.things(), before);
            Ok(())
        })?;
    }
}
