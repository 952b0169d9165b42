#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use eventing::keyset::KeyState;

use super::samples::{NOON, directory, driver, grant_key, key, key_of, signed_set, source, trams};
use super::*;

fn noon() -> Millis {
    Millis::from_seconds(NOON)
}

fn planned(directory: &Directory, sources: &[&str]) -> Result<Vec<Kid>, Refusal> {
    let sources: Vec<Source> = sources.iter().map(|s| source(s)).collect();
    let sources: Vec<&Source> = sources.iter().collect();
    let keys = directory.plan(&trams(), &driver(), &sources, noon())?;
    Ok(keys.into_iter().map(|held| held.kid.clone()).collect())
}

#[test]
fn only_a_publisher_of_the_bus_and_only_its_sources_are_signed_for() {
    let directory = directory(vec![key("all", &["*"], NOON - 1, NOON + 10)]);
    assert!(planned(&directory, &["qsl.tram", "qsl.bell"]).is_ok());
    assert_eq!(planned(&directory, &["qsl.tram", "qsl.toll"]), Err(Refusal::NotGranted(vec![(1, source("qsl.toll"))])));
    let tram = source("qsl.tram");
    let stranger = ServiceAccount::new("depot", "passenger");
    let namesake = ServiceAccount::new("elsewhere", "driver");
    for caller in [stranger, namesake] {
        assert!(matches!(directory.plan(&trams(), &caller, &[&tram], noon()), Err(Refusal::NotGranted(_))));
    }
    let other = "city/buses".parse().unwrap();
    assert!(matches!(directory.plan(&other, &driver(), &[&tram], noon()), Err(Refusal::NotGranted(_))));
}

#[test]
fn a_bus_whose_publishing_is_off_signs_nothing_and_says_so_only_to_its_publishers() {
    let mut directory = directory(vec![key("all", &["*"], NOON - 1, NOON + 10)]);
    directory.buses.get_mut(&trams()).unwrap().publishing = false;
    assert_eq!(planned(&directory, &["qsl.tram"]), Err(Refusal::PublishingDisabled));
    assert!(matches!(planned(&directory, &["qsl.toll"]), Err(Refusal::NotGranted(_))));
}

#[test]
fn the_newest_key_in_its_time_signs() {
    let (old, new) = (key("trams", &["qsl.tram"], NOON - 100, NOON + 10), key("trams", &["qsl.tram"], NOON, NOON + 99));
    let (early, late) =
        (key("trams", &["qsl.tram"], NOON + 1, NOON + 200), key("trams", &["qsl.tram"], NOON - 200, NOON));
    let newest = new.held.kid.clone();
    assert_eq!(planned(&directory(vec![old, early, new, late]), &["qsl.tram"]).unwrap(), [newest]);
    let over = key("trams", &["qsl.tram"], NOON - 200, NOON);
    assert_eq!(
        planned(&directory(vec![over]), &["qsl.tram"]),
        Err(Refusal::NoActiveKey(vec![(0, source("qsl.tram"))]))
    );
}

#[test]
fn a_key_for_the_source_by_name_beats_a_newer_one_for_all() {
    let (exact, all) = (key("trams", &["qsl.tram"], NOON - 50, NOON + 10), key("all", &["*"], NOON, NOON + 99));
    let (of_trams, of_all) = (exact.held.kid.clone(), all.held.kid.clone());
    assert_eq!(planned(&directory(vec![exact, all]), &["qsl.tram", "qsl.bell"]).unwrap(), [of_trams, of_all]);
}

#[test]
fn a_revoked_key_signs_no_more_whoever_said_it_first() {
    let revoked = key("trams", &["qsl.tram"], NOON - 1, NOON + 10);
    let kid = revoked.held.kid.clone();
    let mut by_object = directory(vec![revoked]);
    let other = SigningKeyFacts { bus: trams(), sources: vec![], revoked: [kid].into() };
    by_object.signing_keys.insert(("city".to_owned(), "bells".to_owned()), other);
    assert!(matches!(planned(&by_object, &["qsl.tram"]), Err(Refusal::NoActiveKey(_))));

    let mut revoked = key("trams", &["qsl.tram"], NOON - 1, NOON + 10);
    revoked.jwk.state = KeyState::Revoked;
    assert!(matches!(planned(&directory(vec![revoked]), &["qsl.tram"]), Err(Refusal::NoActiveKey(_))));
}

#[test]
fn a_key_signs_only_while_it_is_published_and_its_signing_key_covers_the_source() {
    let mut unpublished = directory(vec![key("trams", &["qsl.tram"], NOON - 1, NOON + 10)]);
    let empty = PublishedSet::read(&trams(), &signed_set(2, vec![])).unwrap();
    unpublished.key_sets.insert(trams(), Arc::new(empty));
    assert!(matches!(planned(&unpublished, &["qsl.tram"]), Err(Refusal::NoActiveKey(_))));

    let mut narrowed = directory(vec![key("trams", &["qsl.tram"], NOON - 1, NOON + 10)]);
    narrowed.signing_keys.values_mut().for_each(|facts| facts.sources = vec![source("qsl.bell").into()]);
    assert!(matches!(planned(&narrowed, &["qsl.tram"]), Err(Refusal::NoSigningKey(_))));

    let mut deleted = directory(vec![key("trams", &["qsl.tram"], NOON - 1, NOON + 10)]);
    deleted.signing_keys.clear();
    assert!(matches!(planned(&deleted, &["qsl.tram"]), Err(Refusal::NoSigningKey(_))));

    let mut grant = key("trams", &["qsl.tram"], NOON - 1, NOON + 10);
    grant.jwk.key_use = KeyUse::Grant;
    assert!(matches!(planned(&directory(vec![grant]), &["qsl.tram"]), Err(Refusal::NoActiveKey(_))));
}

#[test]
fn a_source_that_no_signing_key_covers_is_told_before_one_whose_key_is_on_its_way() {
    let mut revoked = directory(vec![key("trams", &["qsl.tram"], NOON - 1, NOON + 10)]);
    revoked.private_keys.clear();
    let (tram, bell) = ((0, source("qsl.tram")), (1, source("qsl.bell")));
    assert_eq!(planned(&revoked, &["qsl.tram", "qsl.bell"]), Err(Refusal::NoSigningKey(vec![bell])));
    assert_eq!(planned(&revoked, &["qsl.tram"]), Err(Refusal::NoActiveKey(vec![tram.clone()])));
    // One of another bus covers nothing here.
    revoked.signing_keys.values_mut().for_each(|facts| facts.bus = "city/buses".parse().unwrap());
    assert_eq!(planned(&revoked, &["qsl.tram"]), Err(Refusal::NoSigningKey(vec![tram])));
}

fn granting(directory: &Directory) -> Option<Kid> {
    directory.grant_key(&trams(), noon()).map(|held| held.kid.clone())
}

#[test]
fn a_grant_key_signs_no_event_and_an_events_key_no_grant() {
    let (mut grant, sig) =
        (grant_key(NOON - 1, NOON + 10), directory(vec![key("trams", &["qsl.tram"], NOON - 1, NOON + 10)]));
    assert_eq!(granting(&sig), None);
    // Whatever its set, or a SigningKey of its name, says of sources: what the key serves decides.
    grant.jwk.sources = vec![SourcePattern::Any];
    for published in [KeyUse::Grant, KeyUse::Sig] {
        grant.jwk.key_use = published;
        let held = samples::SampleKey { held: grant.held.clone(), jwk: grant.jwk.clone() };
        let mut directory = directory(vec![held]);
        let facts = SigningKeyFacts { bus: trams(), sources: vec![SourcePattern::Any], revoked: BTreeSet::new() };
        directory.signing_keys.insert(("city".to_owned(), "grant".to_owned()), facts);
        assert!(matches!(planned(&directory, &["qsl.tram"]), Err(Refusal::NoActiveKey(_))));
        assert_eq!(granting(&directory).is_some(), published == KeyUse::Grant);
    }
}

#[test]
fn the_newest_grant_key_in_its_time_is_taken() {
    let (old, new) = (grant_key(NOON - 100, NOON + 10), grant_key(NOON, NOON + 99));
    let (early, late) = (grant_key(NOON + 1, NOON + 200), grant_key(NOON - 200, NOON));
    let newest = new.held.kid.clone();
    assert_eq!(granting(&directory(vec![old, early, new, late])), Some(newest));
    assert_eq!(granting(&directory(vec![grant_key(NOON - 200, NOON)])), None);
    assert_eq!(granting(&directory(vec![grant_key(NOON + 1, NOON + 2)])), None);
}

#[test]
fn a_grant_key_that_is_revoked_unpublished_anothers_or_of_another_algorithm_is_not_taken() {
    let mut revoked = grant_key(NOON - 1, NOON + 10);
    revoked.jwk.state = KeyState::Revoked;
    assert_eq!(granting(&directory(vec![revoked])), None);

    let by_object = grant_key(NOON - 1, NOON + 10);
    let facts = SigningKeyFacts { bus: trams(), sources: vec![], revoked: [by_object.held.kid.clone()].into() };
    let mut known = directory(vec![by_object]);
    assert!(granting(&known).is_some());
    known.signing_keys.insert(("city".to_owned(), "trams".to_owned()), facts);
    assert_eq!(granting(&known), None);

    let mut unpublished = directory(vec![grant_key(NOON - 1, NOON + 10)]);
    let empty = PublishedSet::read(&trams(), &signed_set(2, vec![])).unwrap();
    unpublished.key_sets.insert(trams(), Arc::new(empty));
    assert_eq!(granting(&unpublished), None);

    let mut anothers = directory(vec![grant_key(NOON - 1, NOON + 10)]);
    anothers.private_keys.iter_mut().for_each(|held| held.bus = "city/buses".parse().unwrap());
    assert_eq!(granting(&anothers), None);

    let mut dilithium = key_of(Algorithm::Dilithium2, "grant", &[], NOON - 1, NOON + 10);
    (dilithium.held.serves, dilithium.jwk.key_use) = (Serves::Grant, KeyUse::Grant);
    assert_eq!(granting(&directory(vec![dilithium])), None);
}

#[test]
fn a_set_of_another_bus_or_no_set_is_refused() {
    let signed = signed_set(1, vec![]);
    let other: BusId = "city/buses".parse().unwrap();
    assert!(matches!(PublishedSet::read(&other, &signed), Err(KeySetFault::OtherBus(_))));
    for bad in ["", "a.b", "a.b.c", "a.b.c.d"] {
        assert!(matches!(PublishedSet::read(&trams(), bad), Err(KeySetFault::Unreadable(_))), "{bad}");
    }
}
