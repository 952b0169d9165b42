#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::installation::root::plan::{Facts, SETTLE, Step, step};

fn root() -> Root {
    Root::new(PrivateKey::generate(Algorithm::MlDsa44).unwrap())
}

fn at(minutes: i64) -> Timestamp {
    "2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn ask(secret: &mut Secret, request: &str) {
    secret.metadata.annotations.get_or_insert_default().insert(ROTATE_REQUESTED_AT.to_owned(), request.to_owned());
}

#[test]
fn a_rotation_goes_through_its_phases_and_ends_with_the_new_root_alone() {
    let (old, new) = (root(), root());
    let mut secret = first(&old);
    assert!(!read(&secret, at(0)).unwrap().is_requested());
    ask(&mut secret, "monday");
    assert!(read(&secret, at(0)).unwrap().is_requested());

    let secret = announce(&secret, &new, at(1));
    let roots = read(&secret, at(2)).unwrap();
    assert_eq!(roots.hashes(), [old.sha256(), new.sha256()]);
    assert_eq!((roots.phase.clone(), roots.is_requested()), (Phase::Announced { since: at(1) }, false));

    let secret = switch(&secret, at(20)).unwrap();
    let roots = read(&secret, at(21)).unwrap();
    assert_eq!(roots.hashes(), [new.sha256(), old.sha256()]);
    assert_eq!(roots.phase, Phase::Signing { since: at(20) });
    let bytes = old.key().secret_bytes().to_vec();
    assert!(secret.data.as_ref().unwrap().values().all(|value| value.0 != bytes), "the old private part is gone");

    let mut secret = drop_previous(&secret);
    let roots = read(&secret, at(40)).unwrap();
    assert_eq!((roots.hashes(), roots.phase.clone()), (vec![new.sha256().to_owned()], Phase::Alone));
    assert!(!roots.is_requested(), "once asked, once rotated");
    ask(&mut secret, "tuesday");
    assert!(read(&secret, at(40)).unwrap().is_requested());
}

#[test]
fn what_lacks_a_part_is_damaged_and_says_which() {
    let whole = announce(&first(&root()), &root(), at(0));
    for key in [PRIVATE, PUBLIC, NEXT_PRIVATE, NEXT_PUBLIC] {
        let mut secret = whole.clone();
        secret.data.as_mut().unwrap().remove(key);
        let error = read(&secret, at(0)).unwrap_err().to_string();
        assert!(error.contains(&format!("'{key}'")), "{error}");
    }
    let mut swapped = whole;
    swapped.data.as_mut().unwrap().insert(NEXT_PUBLIC.to_owned(), public(&root()));
    assert!(read(&swapped, at(0)).unwrap_err().to_string().contains("'next.public'"));
}

/// A pod, by the hashes it was given.
type Pod = Vec<String>;

/// What replicas see and do; each may be late, and each may end after its write.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Time passes, in minutes.
    Wait(i64),
    /// Somebody asks.
    Ask,
    /// A replica looks at the Secret, and keeps what it saw for its webhook and its signatures.
    Look(usize),
    /// A replica takes the step that is due by the Secret as it was when it last looked.
    Step(usize),
    /// A pod is injected by a replica.
    Inject(usize),
    /// The oldest pod ends.
    End,
    /// The replica that publishes signs everything anew.
    Publish(usize),
}

fn events() -> impl Strategy<Value = Event> {
    let replica = 0..2_usize;
    prop_oneof![
        3 => (1..10_i64).prop_map(Event::Wait),
        1 => Just(Event::Ask),
        4 => replica.clone().prop_map(Event::Look),
        4 => replica.clone().prop_map(Event::Step),
        2 => replica.clone().prop_map(Event::Inject),
        2 => Just(Event::End),
        2 => replica.prop_map(Event::Publish),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However two replicas and their ends fall together: no pod meets a document of a root that it does not know.
    #[test]
    fn no_pod_is_given_what_it_cannot_verify(events in prop::collection::vec(events(), 1..120)) {
        let mut secret = first(&root());
        secret.metadata.resource_version = Some("0".to_owned());
        let mut version = 0;
        let mut now = 0;
        let mut pods: Vec<Pod> = Vec::new();
        let mut seen = [(secret.clone(), 0), (secret.clone(), 0)];
        let mut signed = hash(read(&secret, at(0)).unwrap().signing.public());
        for event in events {
            // A replica looks at least every few minutes: that is what the time to settle is for.
            for (look, since) in &mut seen {
                if now - *since > 7 {
                    (*look, *since) = (secret.clone(), now);
                }
            }
            match event {
                Event::Wait(minutes) => now += minutes,
                Event::Ask => {
                    ask(&mut secret, &now.to_string());
                    version += 1;
                    secret.metadata.resource_version = Some(version.to_string());
                }
                Event::Look(replica) => seen[replica] = (secret.clone(), now),
                Event::Step(replica) => {
                    let found = seen[replica].0.clone();
                    let roots = read(&found, at(now)).unwrap();
                    let other = roots.other.as_deref().map(hash);
                    let in_the_way = match (&roots.phase, other) {
                        (Phase::Announced { .. }, Some(next)) => pods.iter().filter(|pod| !pod.contains(&next)).count(),
                        (Phase::Signing { .. }, Some(previous)) => usize::from(signed == previous),
                        _ => 0,
                    };
                    let facts = Facts { phase: &roots.phase, is_requested: roots.is_requested(), in_the_way };
                    let changed = match step(&facts, at(now)) {
                        Step::Stay => continue,
                        Step::Announce => announce(&found, &root(), at(now)),
                        Step::Switch => switch(&found, at(now)).unwrap(),
                        Step::Drop => drop_previous(&found),
                    };
                    // The API server takes it from one alone.
                    if changed.metadata.resource_version == secret.metadata.resource_version {
                        version += 1;
                        secret = changed;
                        secret.metadata.resource_version = Some(version.to_string());
                    }
                }
                Event::Inject(replica) => pods.push(read(&seen[replica].0, at(now)).unwrap().hashes()),
                Event::End => drop(pods.drain(..pods.len().min(1))),
                Event::Publish(replica) => {
                    signed = read(&seen[replica].0, at(now)).unwrap().signing.sha256().to_owned();
                }
            }
            for pod in &pods {
                prop_assert!(pod.contains(&signed), "signed by a root that a pod does not know");
            }
        }
    }

    /// A rotation that was stopped after any step, by whichever replica, ends as an undisturbed one does.
    #[test]
    fn a_restart_in_any_phase_goes_on(stops in prop::collection::vec(any::<bool>(), 12)) {
        let mut secret = first(&root());
        ask(&mut secret, "now");
        let mut phases = Vec::new();
        let mut now = 0;
        for stop in stops.into_iter().chain([false; 4]) {
            let roots = read(&secret, at(now)).unwrap();
            let facts = Facts { phase: &roots.phase, is_requested: roots.is_requested(), in_the_way: 0 };
            let next = step(&facts, at(now));
            if !stop {
                secret = match next {
                    Step::Stay => secret,
                    Step::Announce => announce(&secret, &root(), at(now)),
                    Step::Switch => switch(&secret, at(now)).unwrap(),
                    Step::Drop => drop_previous(&secret),
                };
                phases.extend((next != Step::Stay).then_some(next));
            }
            now += i64::try_from(SETTLE.as_secs() / 60).unwrap();
        }
        prop_assert_eq!(phases, [Step::Announce, Step::Switch, Step::Drop]);
        prop_assert_eq!(read(&secret, at(now)).unwrap().phase, Phase::Alone);
    }
}
