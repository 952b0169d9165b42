#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::keys::Rotation;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_795_420_800;

fn span(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap())
}

fn policy() -> KeyPolicy {
    KeyPolicy {
        algorithm: Algorithm::Dilithium2,
        sources: BTreeSet::from(["qsl.stock".to_owned()]),
        rotation: Rotation::new(span(30 * DAY), span(DAY), span(7 * DAY)).unwrap(),
        keep: span(30 * DAY),
        revoked: BTreeSet::new(),
        rotate_request: None,
        adopts: false,
        signing: Signing::Wanted,
    }
}

/// A line of keys that lives through time, its plans applied as the store would.
struct Life {
    policy: KeyPolicy,
    keys: Vec<StoredKey>,
}

impl Life {
    fn new() -> Self {
        Self { policy: policy(), keys: Vec::new() }
    }

    fn at(&mut self, seconds: i64) -> Vec<KeyAction> {
        let actions = plan_keys(&self.policy, &self.keys, UnixSeconds(seconds));
        apply(&mut self.keys, &actions);
        actions
    }

    fn states(&self) -> Vec<(u32, KeyState, bool)> {
        self.keys.iter().map(|key| (key.number, key.state, key.has_private)).collect()
    }
}

fn apply(keys: &mut Vec<StoredKey>, actions: &[KeyAction]) {
    for action in actions {
        match action.clone() {
            KeyAction::Create(NewKey { number, algorithm, sources, nbf, exp, state, rotate_request }) => {
                let kid = format!("kid-{number}");
                keys.push(StoredKey {
                    number,
                    kid,
                    algorithm,
                    sources,
                    nbf,
                    exp,
                    state,
                    has_private: true,
                    rotate_request,
                });
            }
            KeyAction::Update(KeyUpdate { number, exp, sources, state, keep_private }) => {
                let key = keys.iter_mut().find(|key| key.number == number).unwrap();
                (key.exp, key.sources, key.state) = (exp, sources, state);
                key.has_private = key.has_private && keep_private;
            }
            KeyAction::Forget { number } => keys.retain(|key| key.number != number),
        }
    }
}

#[test]
fn the_first_key_signs_at_once() {
    let mut life = Life::new();
    life.at(START);
    assert_eq!(life.states(), [(1, KeyState::Active, true)]);
    assert_eq!((life.keys[0].nbf.0, life.keys[0].exp.0), (START, START + 31 * DAY));
    assert_eq!(life.at(START + 28 * DAY), []);
}

#[test]
fn the_next_key_is_published_before_it_signs_and_the_last_one_lives_on_beyond() {
    let mut life = Life::new();
    life.at(START);
    life.at(START + 29 * DAY);
    assert_eq!(life.states(), [(1, KeyState::Active, true), (2, KeyState::Pending, true)]);
    assert_eq!(life.keys[1].nbf.0, START + 30 * DAY);
    life.at(START + 30 * DAY);
    assert_eq!(life.states(), [(1, KeyState::Accepted, true), (2, KeyState::Active, true)]);
    life.at(START + 31 * DAY);
    assert_eq!(life.states()[0], (1, KeyState::Accepted, false), "the private part goes with exp");
    life.at(START + 38 * DAY);
    assert_eq!(life.states()[0], (1, KeyState::Retired, false));
    life.at(START + 61 * DAY);
    assert!(life.keys.iter().all(|key| key.number != 1), "nothing of it is read any more");
}

#[test]
fn an_operator_that_was_away_too_long_makes_a_key_that_signs_at_once() {
    let mut life = Life::new();
    life.at(START);
    life.at(START + 35 * DAY);
    assert_eq!(life.states(), [(1, KeyState::Accepted, false), (2, KeyState::Active, true)]);
}

#[test]
fn a_late_operator_still_publishes_before_the_key_signs() {
    let mut life = Life::new();
    life.at(START);
    life.at(START + 30 * DAY + 12 * HOUR);
    assert_eq!(life.states(), [(1, KeyState::Active, true), (2, KeyState::Pending, true)]);
    assert_eq!(life.keys[1].nbf.0, START + 30 * DAY + 18 * HOUR);
    assert!(life.keys[1].nbf < life.keys[0].exp);
}

#[test]
fn revoking_the_active_key_makes_another_at_once_and_ends_the_private_part() {
    let mut life = Life::new();
    life.at(START);
    life.policy.revoked.insert("kid-1".to_owned());
    life.at(START + DAY);
    assert_eq!(life.states(), [(1, KeyState::Revoked, false), (2, KeyState::Active, true)]);
    life.policy.revoked.clear();
    assert_eq!(life.at(START + 2 * DAY), [], "a revoked kid stays so");
    life.at(START + 400 * DAY);
    assert!(life.keys.iter().any(|key| key.number == 1), "and stays listed");
}

#[test]
fn asking_for_a_rotation_rotates_once() {
    let mut life = Life::new();
    life.at(START);
    life.policy.rotate_request = Some("now".to_owned());
    life.at(START + DAY);
    assert_eq!(life.states(), [(1, KeyState::Accepted, true), (2, KeyState::Active, true)]);
    assert_eq!(life.keys[0].exp.0, START + 2 * DAY, "it signs for publishBefore more, for signers that have not heard");
    assert_eq!(life.at(START + DAY), []);
}

#[test]
fn another_algorithm_is_an_ordinary_rotation() {
    let mut life = Life::new();
    life.at(START);
    life.policy.algorithm = Algorithm::MlDsa44;
    life.at(START + DAY);
    assert_eq!(life.states(), [(1, KeyState::Active, true), (2, KeyState::Pending, true)]);
    assert_eq!((life.keys[1].algorithm, life.keys[1].nbf.0), (Algorithm::MlDsa44, START + 2 * DAY));
}

#[test]
fn a_key_that_is_revoked_leaves_no_gap_before_one_that_was_published_already() {
    let mut life = Life::new();
    life.at(START);
    life.policy.algorithm = Algorithm::MlDsa44;
    life.at(START + HOUR);
    life.policy.rotation = Rotation::new(span(30 * DAY), span(2 * HOUR), span(7 * DAY)).unwrap();
    life.policy.rotate_request = Some("now".to_owned());
    life.at(START + 2 * HOUR);
    // The first signs until four, the requested one is revoked, and the one of the other algorithm waits for its day.
    assert_eq!((life.keys[0].exp.0, life.keys[1].nbf.0), (START + 4 * HOUR, START + 25 * HOUR));
    life.policy.revoked.insert("kid-3".to_owned());
    life.at(START + 3 * HOUR);
    let (nbf, exp) = (life.keys[3].nbf.0, life.keys[3].exp.0);
    assert_eq!((nbf, exp), (START + 3 * HOUR + HOUR / 2, START + 27 * HOUR));
}

#[test]
fn a_longer_period_does_not_leave_a_key_that_was_made_for_a_shorter_one_without_successor() {
    let mut life = Life::new();
    life.at(START);
    life.policy.rotation = Rotation::new(span(90 * DAY), span(DAY), span(7 * DAY)).unwrap();
    assert_eq!(life.policy.next_rotation(&life.keys, UnixSeconds(START)), Some(UnixSeconds(START + 30 * DAY)));
    life.at(START + 29 * DAY);
    assert_eq!(life.states(), [(1, KeyState::Active, true), (2, KeyState::Pending, true)]);
    assert_eq!(life.keys[1].nbf.0, START + 30 * DAY);
}

#[test]
fn a_line_that_is_held_makes_no_key_and_goes_through_its_phases() {
    let mut life = Life::new();
    life.at(START);
    life.policy.signing = Signing::Held;
    assert_eq!(life.at(START + 29 * DAY), []);
    assert_eq!(life.policy.next_rotation(&life.keys, UnixSeconds(START)), None);
    life.at(START + 31 * DAY);
    assert_eq!(life.states(), [(1, KeyState::Accepted, false)]);
    life.at(START + 38 * DAY);
    assert_eq!(life.states(), [(1, KeyState::Retired, false)]);
    life.policy.signing = Signing::Wanted;
    life.at(START + 39 * DAY);
    assert_eq!(life.states()[1], (2, KeyState::Active, true));
}

#[test]
fn a_source_that_was_signed_stays_bound_and_a_new_one_is_added() {
    let mut life = Life::new();
    life.at(START);
    life.policy.sources = BTreeSet::from(["qsl.goods".to_owned()]);
    life.at(START + HOUR);
    assert_eq!(life.keys[0].sources.iter().collect::<Vec<_>>(), ["qsl.goods", "qsl.stock"]);
}

#[test]
fn an_end_destroys_private_parts_and_keeps_public_ones_as_retired() {
    let mut life = Life::new();
    life.at(START);
    life.policy.signing = Signing::Ended;
    life.at(START + DAY);
    assert_eq!(life.states(), [(1, KeyState::Retired, false)]);
    assert_eq!(life.keys[0].exp.0, START + DAY);
    life.at(START + 31 * DAY);
    assert_eq!(life.states(), []);
}

#[test]
fn keys_that_were_left_run_out() {
    let mut life = Life::new();
    life.at(START);
    life.policy.signing = Signing::Left;
    life.at(START + DAY);
    assert_eq!(life.states(), [(1, KeyState::Retired, true)]);
    life.at(START + 31 * DAY);
    assert_eq!(life.states(), [(1, KeyState::Retired, false)]);
}

#[test]
fn keys_that_were_left_sign_again_only_for_who_adopts_them() {
    let mut left = Life::new();
    left.at(START);
    left.policy.signing = Signing::Left;
    left.at(START + DAY);

    let mut next = Life { policy: policy(), keys: left.keys.clone() };
    next.at(START + 2 * DAY);
    assert_eq!(next.states(), [(1, KeyState::Retired, true), (2, KeyState::Active, true)]);
    assert_eq!(next.keys[0], left.keys[0], "what was left is left alone");
    next.at(START + 31 * DAY);
    assert_eq!(next.states()[0], (1, KeyState::Retired, false), "but no longer than it could sign");

    let mut adopting = Life { policy: KeyPolicy { adopts: true, ..policy() }, keys: left.keys };
    adopting.at(START + 2 * DAY);
    assert_eq!(adopting.states(), [(1, KeyState::Active, true)]);
}

fn states() -> impl Strategy<Value = KeyState> {
    prop_oneof![
        Just(KeyState::Pending),
        Just(KeyState::Active),
        Just(KeyState::Accepted),
        Just(KeyState::Retired),
        Just(KeyState::Revoked),
    ]
}

fn any_keys() -> impl Strategy<Value = Vec<StoredKey>> {
    let one = (states(), any::<bool>(), -90..40_i64, 0..70_i64, any::<bool>(), prop::option::of("[ab]"));
    prop::collection::vec(one, 0..6).prop_map(|drawn| {
        let keys = drawn.into_iter().zip(1..);
        keys.map(|((state, has_private, nbf, life, plan, rotate_request), number)| StoredKey {
            number,
            kid: format!("kid-{number}"),
            algorithm: if plan { Algorithm::Dilithium2 } else { Algorithm::MlDsa44 },
            sources: BTreeSet::new(),
            nbf: UnixSeconds(START + nbf * DAY),
            exp: UnixSeconds(START + (nbf + life) * DAY),
            state,
            has_private,
            rotate_request,
        })
        .collect()
    })
}

fn any_policy() -> impl Strategy<Value = KeyPolicy> {
    let signing = prop_oneof![Just(Signing::Wanted), Just(Signing::Left), Just(Signing::Ended)];
    let revoked = prop::collection::btree_set("kid-[1-8]", 0..3);
    (signing, revoked, prop::option::of("[ab]"), 2..40_i64, any::<bool>(), any::<bool>()).prop_map(
        |(signing, revoked, rotate_request, period, plan, adopts)| KeyPolicy {
            adopts,
            algorithm: if plan { Algorithm::Dilithium2 } else { Algorithm::MlDsa44 },
            rotation: Rotation::new(span(period * DAY), span(DAY), span(7 * DAY)).unwrap(),
            signing,
            rotate_request,
            revoked,
            ..policy()
        },
    )
}

/// Whether planning comes to an end, and what it plans.
fn planned_in_time(policy: KeyPolicy, keys: Vec<StoredKey>) -> Vec<KeyAction> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(plan_keys(&policy, &keys, UnixSeconds(START))));
    told.recv_timeout(Duration::from_secs(10)).unwrap()
}

/// A key signs, and after it one that was published before its time was cut short.
fn cut_short(nbf: i64, exp: i64) -> Vec<StoredKey> {
    let key = |number, nbf, exp| StoredKey {
        kid: format!("kid-{number}"),
        exp: UnixSeconds(START + exp),
        rotate_request: None,
        ..StoredKey::planned(&policy(), number, UnixSeconds(START + nbf))
    };
    vec![key(1, -10 * DAY, 5 * DAY), key(2, nbf, exp)]
}

#[test]
fn a_next_key_that_soon_runs_out_has_its_successor_behind_it() {
    for exp in [DAY + 1, DAY + HOUR, DAY + 12 * HOUR] {
        let actions = planned_in_time(policy(), cut_short(DAY, exp));
        let made = actions.iter().filter_map(|action| match action {
            KeyAction::Create(new) => Some((new.number, new.nbf)),
            _ => None,
        });
        assert_eq!(made.collect::<Vec<_>>(), [(3, UnixSeconds(START + DAY))], "{exp}");
    }
}

#[test]
fn a_key_that_never_signs_is_nobody_s_successor() {
    for exp in [2 * DAY, 2 * DAY - 1, HOUR] {
        let actions = planned_in_time(policy(), cut_short(2 * DAY, exp));
        assert!(!actions.iter().any(|action| matches!(action, KeyAction::Create(_))), "{exp}: {actions:?}");
    }
}

#[test]
fn a_key_that_never_signs_shortens_no_other_and_keeps_no_other_algorithm_away() {
    let alone = cut_short(DAY, DAY).split_off(1);
    let over = cut_short(-3 * DAY, -3 * DAY);
    for mut keys in [alone, over] {
        let policy = KeyPolicy { algorithm: Algorithm::MlDsa44, ..policy() };
        let actions = planned_in_time(policy.clone(), keys.clone());
        assert!(actions.iter().any(|action| matches!(action, KeyAction::Create(_))), "{actions:?}");
        apply(&mut keys, &actions);
        assert_eq!(planned_in_time(policy, keys), []);
    }
}

proptest! {
    #[test]
    fn once_applied_nothing_is_left_to_do(policy in any_policy(), mut keys in any_keys()) {
        // New keys get kids that nobody has revoked.
        let now = UnixSeconds(START);
        let policy = KeyPolicy { revoked: policy.revoked.into_iter().filter(|kid| keys.iter().any(|key| key.kid == *kid)).collect(), ..policy };
        let actions = plan_keys(&policy, &keys, now);
        apply(&mut keys, &actions);
        prop_assert_eq!(plan_keys(&policy, &keys, now), vec![]);
        if policy.signing == Signing::Wanted {
            prop_assert!(policy.signer(&keys, now).is_some());
        }
        for key in &keys {
            prop_assert!(!key.has_private || now < key.exp);
            prop_assert!(!(key.has_private && key.state == KeyState::Revoked));
        }
    }

    #[test]
    fn there_is_always_a_signer_while_the_operator_looks_often(steps in prop::collection::vec(1..23_i64, 1..200)) {
        let mut life = Life::new();
        let mut now = START;
        life.at(now);
        for hours in steps {
            now += hours * HOUR;
            prop_assert!(life.policy.signer(&life.keys, UnixSeconds(now)).is_some(), "before the operator looked");
            life.at(now);
        }
    }
}
