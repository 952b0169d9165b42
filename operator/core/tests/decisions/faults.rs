//! Whatever befalls one of the operator's changes in AWS, the end is that of an undisturbed run: no duplicate, no
//! orphan (lines 2 and 3 of the faults that `docs/reliability.md` lists).
//!
//! A life ([`life`]) makes objects, changes them, and deletes them. It is run undisturbed first, which tells how many
//! changes it takes and what stands after each stage; then once for every change and every fault that may befall it.

mod extras;
mod life;
mod lives;
mod taken;

use life::{Course, Disturbance, Stage};
use operator_core::fake::{Fault, When};
use operator_core::tags;

/// All that may befall a change.
const DISTURBANCES: [Disturbance; 7] = [
    Disturbance::Crash,
    Disturbance::Fault(Fault::Unavailable(When::After)),
    Disturbance::Fault(Fault::Unavailable(When::Before)),
    Disturbance::Fault(Fault::Throttled),
    Disturbance::Fault(Fault::Modified),
    Disturbance::Fault(Fault::Partial),
    Disturbance::CrashBefore,
];

/// Runs a life undisturbed, and then with each disturbance of each of its changes.
fn survives_everything(stages: impl Fn(&crate::support::World) -> Vec<Stage>) {
    survives(stages, |_| DISTURBANCES.to_vec());
}

/// The same of a long life, for the sake of time: each change has the two disturbances after it took effect, and takes
/// its turn with one of the others.
fn survives_what_takes_effect(stages: impl Fn(&crate::support::World) -> Vec<Stage>) {
    let [crash, unavailable, others @ ..] = DISTURBANCES;
    survives(stages, |change| {
        let turn = usize::try_from(change).unwrap() % others.len();
        vec![crash, unavailable, others[turn]]
    });
}

fn survives(stages: impl Fn(&crate::support::World) -> Vec<Stage>, disturbances: impl Fn(u64) -> Vec<Disturbance>) {
    let undisturbed = Course::run(&stages, None);
    assert!(undisturbed.changes >= 5, "a life of {} changes shows nothing", undisturbed.changes);
    let after: Vec<usize> = undisturbed.after_each_stage.iter().map(std::collections::BTreeMap::len).collect();
    let left = undisturbed.after_each_stage.last().unwrap();
    let was_there = |(name, thing): (&String, &_)| undisturbed.before.get(name) == Some(thing);
    assert!(left.iter().all(was_there), "nothing is left but what was there: {after:?}");
    for change in 0..undisturbed.changes {
        for disturbance in disturbances(change) {
            let course = Course::run(&stages, Some((change, disturbance)));
            let expected = undisturbed.after_each_stage.iter().enumerate();
            for ((stage, expected), found) in expected.zip(&course.after_each_stage) {
                assert_eq!(found, expected, "{disturbance:?} of change {change}, after stage {stage}");
            }
        }
    }
}

#[test]
fn a_bus_and_its_publishers_survive_every_disturbance_of_every_change() {
    survives_everything(lives::of_a_bus);
}

#[test]
fn a_standard_inbox_survives_every_disturbance_of_every_change() {
    survives_everything(|world| lives::of_an_inbox(world, "gate"));
}

#[test]
fn a_fifo_inbox_survives_every_disturbance_of_every_change() {
    survives_everything(|world| lives::of_an_inbox(world, "gate.fifo"));
}

#[test]
fn a_rule_that_is_split_and_joined_survives_every_disturbance_of_every_change() {
    survives_everything(lives::of_a_rule);
}

#[test]
fn a_bus_its_inboxes_and_its_rules_together_survive_every_disturbance_of_every_change() {
    survives_everything(lives::of_all);
}

#[test]
fn a_bus_with_a_key_archives_alarms_and_a_dashboard_survives_every_disturbance_of_every_change() {
    survives_what_takes_effect(extras::of_a_bus);
}

#[test]
fn an_inbox_with_a_key_alarms_and_messages_survives_every_disturbance_of_every_change() {
    survives_what_takes_effect(extras::of_an_inbox);
}

#[test]
fn what_is_adopted_retained_and_adopted_again_survives_every_disturbance_of_every_change() {
    survives_what_takes_effect(taken::of_what_strangers_made);
}

#[test]
fn what_is_retained_carries_nobodys_mark_and_the_tag_by_which_it_is_found_again() {
    let course = Course::run(&taken::of_what_strangers_made, None);
    let released = &course.after_each_stage[taken::RELEASED];
    assert!(released.len() > 5, "nothing goes with its object: {:?}", released.keys());
    for (name, (tags, _)) in released {
        assert!(!tags.contains_key(tags::CLUSTER) && tags.contains_key(tags::ADOPT), "{name}: {tags:?}");
    }
}

#[test]
fn a_disturbance_is_noticed() {
    // What the comparison above is worth: an operator that stops at the first failure leaves something undone.
    let stages = |world: &crate::support::World| lives::of_an_inbox(world, "gate");
    let undisturbed = Course::run(&stages, None);
    let given_up = Course::run_once(&stages, (0, Disturbance::Fault(Fault::Unavailable(When::Before))));
    assert_ne!(given_up.after_each_stage, undisturbed.after_each_stage);
}
