#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

const TIMES: Times = Times::DEFAULT;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A Lease as the API server returns it.
fn lease(holder: Option<&str>, version: &str) -> Lease {
    let mut spec = claim("somebody", None, Timestamp::UNIX_EPOCH, &TIMES);
    spec.holder_identity = holder.map(str::to_owned);
    let metadata = ObjectMeta {
        name: Some("qsl-operator".into()),
        uid: Some("u".into()),
        resource_version: Some(version.into()),
        ..ObjectMeta::default()
    };
    Lease { metadata, spec: Some(spec) }
}

fn next(standing: &Standing, now: Instant) -> Step {
    standing.next("me", "qsl-operator", now, Timestamp::UNIX_EPOCH, &TIMES)
}

#[test]
fn where_there_is_no_lease_it_is_made() {
    let Step::Create(made) = next(&Standing::default(), Instant::now()) else { panic!("not made") };
    assert_eq!(made.spec.unwrap().holder_identity.as_deref(), Some("me"));
}

#[test]
fn anothers_lease_is_taken_only_after_it_stood_still_for_as_long_as_its_holder_promised() {
    let start = Instant::now();
    let mut standing = Standing::default();
    standing.saw(Some(lease(Some("other"), "1")), start);
    // It was renewed: the count begins anew.
    standing.saw(Some(lease(Some("other"), "2")), start + seconds(15));
    standing.saw(Some(lease(Some("other"), "2")), start + seconds(30));
    let free = start + seconds(35);
    assert_eq!(next(&standing, free - seconds(1)), Step::Wait(free));
    let Step::Write(taken) = next(&standing, free) else { panic!("not taken") };
    let spec = taken.spec.unwrap();
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("me"), Some(1)));
    assert_eq!(taken.metadata.resource_version.as_deref(), Some("2"), "over the version that stood still");
}

#[test]
fn its_times_are_not_compared_with_our_clock() {
    let start = Instant::now();
    let mut standing = Standing::default();
    // Renewed, by the holder's clock, in 1970.
    standing.saw(Some(lease(Some("other"), "1")), start);
    assert!(matches!(next(&standing, start), Step::Wait(_)));
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_once() {
    let start = Instant::now();
    let mut standing = Standing::default();
    let mut given = Standing::default();
    given.saw(Some(lease(Some("other"), "1")), start);
    standing.saw(given.released("other", Timestamp::UNIX_EPOCH), start);
    assert!(matches!(next(&standing, start), Step::Write(_)));
    assert_eq!(given.released("me", Timestamp::UNIX_EPOCH), None, "only its holder gives it back");
}

#[test]
fn the_holder_counts_from_before_it_sent_the_renewal_and_stops_before_anybody_can_take_it() {
    let sent = Instant::now();
    let answered = sent + seconds(3);
    let (mut holder, mut candidate) = (Standing::default(), Standing::default());
    let until = holder.wrote(lease(Some("me"), "7"), sent, answered, &TIMES);
    // The candidate sees it at the earliest moment that it can.
    candidate.saw(Some(lease(Some("me"), "7")), sent);
    let Step::Wait(_) = candidate.next("other", "l", until + TIMES.attempt, Timestamp::UNIX_EPOCH, &TIMES) else {
        panic!("taken while a write of the holder may be under way")
    };
    assert!(!holder.is_over(sent + seconds(19), &TIMES));
    assert!(holder.is_over(sent + seconds(20), &TIMES));
}

#[test]
fn renewing_keeps_the_time_of_acquiring_and_counts_no_transition() {
    let start = Instant::now();
    let mut standing = Standing::default();
    standing.wrote(lease(Some("me"), "7"), start, start, &TIMES);
    let later = Timestamp::from_second(4).unwrap();
    let Step::Write(renewed) = standing.next("me", "l", start + seconds(4), later, &TIMES) else {
        panic!("not renewed")
    };
    let spec = renewed.spec.unwrap();
    assert_eq!(spec.acquire_time, Some(MicroTime(Timestamp::UNIX_EPOCH)));
    assert_eq!((spec.renew_time, spec.lease_transitions), (Some(MicroTime(later)), Some(0)));
}

#[test]
fn a_holder_with_a_longer_promise_is_given_its_time() {
    let start = Instant::now();
    let mut standing = Standing::default();
    let mut long = lease(Some("other"), "1");
    long.spec.as_mut().unwrap().lease_duration_seconds = Some(60);
    standing.saw(Some(long), start);
    assert!(matches!(next(&standing, start + seconds(59)), Step::Wait(_)));
    assert!(matches!(next(&standing, start + seconds(60)), Step::Write(_)));
}
