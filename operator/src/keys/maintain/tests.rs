#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod memory;

use std::{collections::BTreeSet, time::Duration};

use eventing::{algorithm::Algorithm, types::BusId};
use futures::FutureExt as _;
use proptest::prelude::*;

use super::*;
use crate::keys::{KeyState, Rotation, Signing};
use memory::{Memory, Stop, interleave};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_795_420_800;

fn span(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap())
}

fn policy() -> KeyPolicy {
    KeyPolicy {
        algorithm: Algorithm::MlDsa44,
        sources: BTreeSet::from(["qsl.stock".to_owned()]),
        rotation: Rotation::new(span(30 * DAY), span(DAY), span(7 * DAY)).unwrap(),
        keep: span(30 * DAY),
        revoked: BTreeSet::new(),
        rotate_request: None,
        adopts: false,
        signing: Signing::Wanted,
    }
}

fn line() -> Line {
    Line::Signing { bus: BusId::new("platform", "stock").unwrap(), name: "stock".to_owned() }
}

fn at(store: &Memory, policy: &KeyPolicy, now: i64) -> Result<Maintained, StoreError> {
    maintain(store, &line(), policy, UnixSeconds(now)).now_or_never().unwrap()
}

/// Something that a person does between two looks of the operator.
#[derive(Clone, Debug)]
enum Edit {
    Nothing,
    Rotate(String),
    Algorithm(bool),
    RevokeNewest,
    Period(i64),
    PublishBefore(i64),
    Signing(Signing),
}

fn edits() -> impl Strategy<Value = Edit> {
    let signing = prop_oneof![6 => Just(Signing::Wanted), 1 => Just(Signing::Held), 1 => Just(Signing::Left), 1 => Just(Signing::Ended)];
    prop_oneof![
        3 => Just(Edit::Nothing),
        1 => "[abc]".prop_map(Edit::Rotate),
        1 => any::<bool>().prop_map(Edit::Algorithm),
        1 => Just(Edit::RevokeNewest),
        1 => (3..60_i64).prop_map(Edit::Period),
        1 => (1..70_i64).prop_map(Edit::PublishBefore),
        1 => signing.prop_map(Edit::Signing),
    ]
}

fn make(edit: &Edit, policy: &mut KeyPolicy, store: &Memory) {
    let rotation = policy.rotation;
    match edit {
        Edit::Nothing => {}
        Edit::Rotate(request) => policy.rotate_request = Some(request.clone()),
        Edit::Algorithm(other) => {
            policy.algorithm = if *other { Algorithm::Dilithium2 } else { Algorithm::MlDsa44 };
        }
        Edit::RevokeNewest => policy.revoked.extend(store.keys().last().map(|key| key.kid.clone())),
        Edit::Period(days) => {
            let changed = Rotation::new(span(days * DAY), rotation.publish_before(), rotation.overlap());
            policy.rotation = changed.unwrap_or(rotation);
        }
        Edit::PublishBefore(hours) => {
            let changed = Rotation::new(rotation.period(), span(hours * HOUR), rotation.overlap());
            policy.rotation = changed.unwrap_or(rotation);
        }
        Edit::Signing(signing) => policy.signing = *signing,
    }
}

/// All that matters of the keys: what is left of them but their random parts.
fn shape(store: &Memory) -> Vec<StoredKey> {
    store.keys().into_iter().map(|key| StoredKey { kid: String::new(), ..key }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn stopped_after_each_write_it_goes_on_to_the_end_of_an_undisturbed_run(
        steps in prop::collection::vec((1..900_i64, edits()), 1..12),
        after in any::<bool>(),
    ) {
        let (calm, broken) = (Memory::default(), Memory::default());
        let (mut one, mut two) = (policy(), policy());
        let mut now = START;
        for (hours, edit) in steps {
            now += hours * HOUR;
            make(&edit, &mut one, &calm);
            make(&edit, &mut two, &broken);
            at(&calm, &one, now).unwrap();
            // The process ends at each write in turn, with and without its effect, and starts anew.
            let mut starts = 0;
            loop {
                broken.stop_at_next_write(if after { Stop::After } else { Stop::Before });
                if at(&broken, &two, now).is_ok() {
                    break;
                }
                if !after {
                    broken.let_one_write_through();
                    let _ = at(&broken, &two, now);
                }
                starts += 1;
                prop_assert!(starts < 40, "it does not come to an end");
            }
            prop_assert_eq!(shape(&broken), shape(&calm));
        }
    }

    #[test]
    fn two_operators_at_once_make_no_second_key_for_a_phase(
        steps in prop::collection::vec((1..900_i64, edits(), prop::collection::vec(any::<bool>(), 0..24)), 1..10),
    ) {
        let (alone, shared) = (Memory::default(), Memory::default());
        let (mut one, mut two) = (policy(), policy());
        let mut now = START;
        for (hours, edit, order) in steps {
            now += hours * HOUR;
            make(&edit, &mut one, &alone);
            make(&edit, &mut two, &shared);
            at(&alone, &one, now).unwrap();
            let line = line();
            let (here, there) = (shared.yielding(), shared.yielding());
            let first = maintain(&here, &line, &two, UnixSeconds(now)).boxed_local();
            let second = maintain(&there, &line, &two, UnixSeconds(now)).boxed_local();
            let (first, second) = interleave(first, second, &order);
            prop_assert!(first.is_ok() && second.is_ok());
            prop_assert_eq!(shape(&shared), shape(&alone));
            // Each change was made, and so is told, by one of the two.
            let mut told: Vec<_> = [first.unwrap().changes, second.unwrap().changes].concat();
            let count = told.len();
            told.sort_by_key(|change| format!("{change:?}"));
            told.dedup();
            prop_assert_eq!(told.len(), count);
        }
    }

    #[test]
    fn whatever_is_edited_somebody_can_sign_and_nothing_moves_that_was_made_known(
        steps in prop::collection::vec((1..12_i64, edits()), 1..120),
    ) {
        let store = Memory::default();
        let mut policy = policy();
        let mut now = START;
        at(&store, &policy, now).unwrap();
        for (hours, edit) in steps {
            let end = UnixSeconds(now + hours * HOUR);
            // Until then the operator looks when the clock says so.
            let mut moment = UnixSeconds(now);
            while let Some(next) = policy.next_change(&store.keys(), moment).filter(|next| *next < end) {
                moment = next;
                let signer = policy.signer(&store.keys(), moment).map(|key| key.number);
                prop_assert!(signer.is_some() || policy.signing != Signing::Wanted, "nobody signs at {}", moment);
                at(&store, &policy, moment.0).unwrap();
            }
            now = end.0;
            let before = store.keys();
            make(&edit, &mut policy, &store);
            at(&store, &policy, now).unwrap();
            let after = store.keys();
            prop_assert!(policy.signing != Signing::Wanted || policy.signer(&after, end).is_some());
            for old in &before {
                let Some(new) = after.iter().find(|key| key.number == old.number) else { continue };
                prop_assert_eq!(old.nbf, new.nbf);
                prop_assert!(new.exp <= old.exp, "verifiers may hold the earlier exp");
                prop_assert!(new.exp >= old.exp.min(end), "what was signed in time has to verify");
                prop_assert!(old.state != KeyState::Revoked || new.state == KeyState::Revoked);
                prop_assert!(old.has_private || !new.has_private);
            }
        }
    }
}

#[test]
fn a_plan_made_for_an_older_version_changes_nothing() {
    let (store, policy) = (Memory::default(), policy());
    at(&store, &policy, START).unwrap();
    let seen = store.list(line().bus()).now_or_never().unwrap().unwrap();
    let keys: Vec<_> = seen.iter().map(|record| record.key.clone()).collect();
    let revoking = KeyPolicy { revoked: BTreeSet::from([keys[0].kid.clone()]), ..policy.clone() };
    at(&store, &revoking, START + HOUR).unwrap();
    // A replica that was asleep goes on with what it saw.
    let late = plan_keys(&policy, &keys, UnixSeconds(START + 40 * DAY));
    assert!(!late.is_empty());
    let done = apply(&store, &line(), &seen, &late).now_or_never().unwrap().unwrap();
    assert_eq!(done, []);
    let states: Vec<_> = store.keys().into_iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Revoked, KeyState::Active]);
}
