//! Keys by both ways, through everything that may become of either.

use super::site::{DAY, HOUR, Site, doors, is_away, is_back, lamps, lasting_key, later, revoked, set, until};
use super::*;
use crate::attributes::Attributes;
use crate::consumer::fake::Mood;

const SECONDS: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn the_mounted_set_starts_a_consumer_without_the_service() {
    let site = Site::with_inbox();
    is_away(&site);
    site.consume();
    site.send(&site.key, 1);
    sleep(Duration::from_mins(5)).await;
    assert_eq!((site.queue.receives(), site.metric("keys_usable")), (0, Some(0.0)));
    site.mount_set(&set(&lamps(), 7, &[&site.key], DAY));
    until(|| site.handled() == 1).await;
    assert_eq!(site.metric("keys_usable"), Some(1.0));
    let expires = later(DAY).seconds();
    let shown = site.metric(r#"key_set_expiry_timestamp_seconds{bus="harbour/lamps"}"#).unwrap();
    assert!((shown - f64::from(i32::try_from(expires).unwrap())).abs() < 0.5, "{shown} is not {expires}");
}

#[tokio::test(start_paused = true)]
async fn the_services_set_starts_a_consumer_without_a_mounted_one() {
    let site = Site::with_inbox();
    site.serve(&set(&lamps(), 7, &[&site.key], DAY));
    site.consume();
    site.send(&site.key, 1);
    until(|| site.handled() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_revocation_by_the_service_reaches_it_at_once_and_by_the_mount_in_two_minutes() {
    let site = Site::with_inbox();
    let second = TestKey::new(Algorithm::Dilithium2, KeyUse::Sig);
    site.serve(&set(&lamps(), 1, &[&site.key, &second], DAY));
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(1)).await;
    sleep(Duration::from_mins(7)).await;
    let first_revoked = revoked(&site.key);
    site.serve(&set(&lamps(), 2, &[&first_revoked, &second], DAY));
    let took = kept.until(|kept| kept.revokes(&site.key)).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!kept.revokes(&second));

    is_away(&site);
    sleep(HOUR).await;
    site.mount_set(&set(&lamps(), 3, &[&first_revoked, &revoked(&second)], DAY));
    let took = kept.until(|kept| kept.revokes(&second)).await;
    // The kubelet may take all but this of the two minutes.
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_are_one_fetch_and_one_a_second() {
    let site = Site::with_inbox();
    site.serve(&set(&lamps(), 1, &[&site.key], DAY));
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(1)).await;
    sleep(SECONDS).await;
    let ask = |times: usize| {
        let asking: Vec<_> = (0..1_000)
            .map(|_| {
                let keys = kept.keys.clone();
                tokio::spawn(async move {
                    for _ in 0..times {
                        keys.newer_than(&keys.view()).await;
                    }
                })
            })
            .collect();
        async move {
            for one in asking {
                timeout(HOUR, one).await.unwrap().unwrap();
            }
        }
    };
    let confirmations = |after| site.service.asked_after(after).iter().filter(|asked| asked.wait.is_zero()).count();
    let before = site.service.count();
    ask(1).await;
    assert_eq!(confirmations(before), 1, "one fetch for all");

    let before = site.service.count();
    let began = Instant::now();
    ask(30).await;
    let took = began.elapsed();
    assert_eq!(confirmations(before), 30);
    assert!(took >= Duration::from_secs(29) && took <= Duration::from_secs(31), "one a second: {took:?}");
    assert_eq!(site.metric(r#"confirmations_total{outcome="confirmed"}"#), Some(31.0));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_set_is_a_confirmation_and_does_not_travel_again() {
    let site = Site::with_inbox();
    site.serve(&set(&lamps(), 1, &[&site.key], DAY));
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(1)).await;
    let (before, view) = (site.service.count(), kept.keys.view());
    timeout(SECONDS, kept.keys.newer_than(&view)).await.unwrap();
    assert!(kept.keys.view().confirmed.is_some());
    let asked = site.service.asked_after(before);
    let confirmation = asked.iter().find(|asked| asked.wait.is_zero()).unwrap();
    assert!(confirmation.known.is_some(), "asked for another than the one known");
    assert_eq!(confirmation.bus, lamps());
    assert!(Arc::ptr_eq(&kept.ring().unwrap(), &view.ring.unwrap()), "the set is the same one");
}

#[tokio::test(start_paused = true)]
async fn neither_way_takes_an_older_set_than_the_other_gave() {
    let site = Site::with_inbox();
    let version = |version| set(&lamps(), version, &[&site.key], DAY);
    site.serve(&version(5));
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(5)).await;
    site.mount_set(&version(4));
    sleep(SECONDS).await;
    assert_eq!(kept.version(), Some(5));
    site.serve(&version(3));
    sleep(Duration::from_mins(2)).await;
    assert_eq!(kept.version(), Some(5));
    site.mount_set(&version(7));
    kept.until(|kept| kept.version() == Some(7)).await;
    site.serve(&version(6));
    sleep(Duration::from_mins(2)).await;
    assert_eq!(kept.version(), Some(7));
    for (from, times) in [("mounted", 1.0), ("service", 2.0)] {
        let refused = format!(r#"key_sets_refused_total{{from="{from}",outcome="ROLLED_BACK"}}"#);
        assert_eq!(site.metric(&refused), Some(times), "{from}: once for each set, not for each look");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_set_is_not_taken_confirms_nothing() {
    let site = Site::with_inbox();
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let of_another_root = Site::new().signed(&set(&lamps(), 9, &[&site.key, &stranger], DAY));
    site.mount_set(&set(&lamps(), 5, &[&site.key], DAY));
    site.service.serve(&lamps(), &of_another_root);
    site.consume();
    until(|| site.metric("keys_usable") == Some(1.0)).await;
    site.send(&stranger, 1);
    sleep(Duration::from_mins(10)).await;
    assert!(site.queue.letters().is_empty(), "there is a newer set than ours: it may have the key");
    site.serve(&set(&lamps(), 4, &[&site.key], DAY));
    sleep(Duration::from_mins(10)).await;
    assert!(site.queue.letters().is_empty(), "one that is behind does not know");
    assert_eq!(site.metric(r#"confirmations_total{outcome="confirmed"}"#), None);
    site.serve(&set(&lamps(), 6, &[&site.key], DAY));
    until(|| site.queue.left() == 0).await;
    assert_eq!(site.queue.codes(), ["KID_UNKNOWN"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_have_the_newest_set_confirms_nothing() {
    let site = Site::with_inbox();
    let stranger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    site.serve(&set(&lamps(), 1, &[&site.key], DAY));
    site.consume();
    until(|| site.metric("keys_usable") == Some(1.0)).await;
    site.mount_set(&set(&lamps(), 2, &[&site.key], DAY));
    sleep(SECONDS).await;
    site.send(&stranger, 1);
    sleep(Duration::from_mins(10)).await;
    assert!(site.queue.letters().is_empty(), "that its own set is unchanged says nothing of ours");
    site.serve(&set(&lamps(), 2, &[&site.key], DAY));
    until(|| site.queue.left() == 0).await;
    assert_eq!(site.queue.codes(), ["KID_UNKNOWN"]);
}

#[tokio::test(start_paused = true)]
async fn a_set_of_the_same_version_that_says_something_else_is_shown() {
    let site = Site::with_inbox();
    is_away(&site);
    site.mount_set(&set(&lamps(), 1, &[&site.key], DAY));
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(1)).await;
    site.mount_set(&set(&lamps(), 1, &[&revoked(&site.key)], DAY));
    let took = kept.until(|kept| kept.revokes(&site.key)).await;
    assert!(took < SECONDS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_expired_set_stops_receiving_and_a_new_one_resumes() {
    for root_is_gone in [false, true] {
        let site = Site::with_inbox().with_key(lasting_key());
        is_away(&site);
        site.write_root(site.hash());
        site.mount_set(&set(&lamps(), 1, &[&site.key], HOUR));
        site.consume_with(site.root_file());
        site.send(&site.key, 1);
        until(|| site.handled() == 1).await;
        if root_is_gone {
            site.remove_root();
        }
        sleep(HOUR).await;
        sleep(Duration::from_secs(25)).await;
        let receives = site.queue.receives();
        for n in 2..30 {
            site.send(&site.key, n);
        }
        sleep(HOUR * 5).await;
        assert_eq!(site.handled(), 1, "root gone: {root_is_gone}");
        assert_eq!((site.queue.receives(), site.metric("keys_usable")), (receives, Some(0.0)));
        site.write_root(site.hash());
        site.mount_set(&set(&lamps(), 2, &[&site.key], DAY));
        until(|| site.queue.left() == 0).await;
        assert_eq!((site.handled(), site.queue.letters().len()), (29, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_that_came_before_its_root_is_taken_when_that_is_there() {
    for mounted in [true, false] {
        for first_hash in [None, Some([7; 32])] {
            let site = Site::with_inbox();
            let first = set(&lamps(), 1, &[&site.key], DAY);
            if mounted {
                is_away(&site);
                site.mount_set(&first);
            } else {
                site.serve(&first);
            }
            if let Some(hash) = first_hash {
                site.write_root(hash);
            }
            let kept = site.keys_with(site.root_file());
            sleep(HOUR).await;
            assert_eq!(kept.version(), None);
            site.write_root(site.hash());
            let took = kept.until(|kept| kept.version() == Some(1)).await;
            assert!(took < SECONDS, "mounted: {mounted}, before: {first_hash:?}, took {took:?}");
            assert_eq!(site.metric("keys_usable"), Some(1.0));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_that_came_before_its_time_is_taken_when_that_has_come() {
    for mounted in [true, false] {
        let site = Site::with_inbox();
        let mut ahead = set(&lamps(), 1, &[&site.key], DAY);
        ahead.issued = later(Duration::from_mins(20)).seconds();
        if mounted {
            is_away(&site);
            site.mount_set(&ahead);
        } else {
            site.serve(&ahead);
        }
        let kept = site.keys();
        let took = kept.until(|kept| kept.version() == Some(1)).await;
        let due = Duration::from_mins(5);
        assert!(took >= due && took < due + SECONDS, "mounted: {mounted}, took {took:?}");
        let from = if mounted { "mounted" } else { "service" };
        let refused = format!(r#"key_sets_refused_total{{from="{from}",outcome="EXPIRED"}}"#);
        assert!(site.metric(&refused).unwrap() > 1.0, "counted for as long as it lasts");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_comes_back_is_asked_within_seconds() {
    let site = Site::with_inbox();
    site.serve(&set(&lamps(), 1, &[&site.key], DAY));
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(1)).await;
    for outage in 1..=20 {
        is_away(&site);
        sleep(Duration::from_secs(171 * outage)).await;
        site.serve(&set(&lamps(), 1 + outage, &[&site.key], DAY));
        is_back(&site);
        let took = kept.until(|kept| kept.version() == Some(1 + outage)).await;
        assert!(took < SECONDS, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_is_not_hammered() {
    let site = Site::with_inbox();
    is_away(&site);
    let _kept = site.keys();
    sleep(HOUR).await;
    let asked = site.service.count();
    assert!((900..=1_900).contains(&asked), "every two to four seconds, so not {asked} times");
}

#[tokio::test(start_paused = true)]
async fn a_hung_poll_is_cut_off() {
    let site = Site::with_inbox();
    site.serve(&set(&lamps(), 1, &[&site.key], DAY));
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(1)).await;
    sleep(SECONDS).await;
    site.service.turn(Mood::Hangs);
    site.serve(&set(&lamps(), 2, &[&site.key], DAY));
    sleep(SECONDS).await;
    is_back(&site);
    let took = kept.until(|kept| kept.version() == Some(2)).await;
    assert!(took <= Duration::from_mins(1) + SECONDS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hung_confirmation_is_cut_off_and_the_question_stands() {
    let site = Site::with_inbox();
    site.mount_set(&set(&lamps(), 1, &[&site.key], DAY));
    site.service.turn(Mood::Hangs);
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(1)).await;
    let view = kept.keys.view();
    let asking = kept.keys.newer_than(&view);
    tokio::pin!(asking);
    assert!(timeout(Duration::from_mins(2), &mut asking).await.is_err());
    assert!(site.metric(r#"confirmations_total{outcome="unreachable"}"#).unwrap() > 2.0);
    site.serve(&set(&lamps(), 1, &[&site.key], DAY));
    is_back(&site);
    let took = kept.until(|kept| kept.keys.view().confirmed.is_some()).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_leaves_and_returns_stays_revoked() {
    let site = Site::new();
    site.mount_inbox(1, &[&lamps(), &doors()]);
    is_away(&site);
    let door = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    site.mount_set(&set(&doors(), 1, &[&door], DAY));
    site.mount_set(&set(&lamps(), 2, &[&revoked(&site.key)], DAY));
    let kept = site.keys();
    kept.until(|kept| kept.revokes(&site.key)).await;
    let expiry = r#"key_set_expiry_timestamp_seconds{bus="harbour/lamps"}"#;
    assert!(site.metric(expiry).is_some());

    site.mount_inbox(2, &[&doors()]);
    kept.until(|kept| kept.ring().is_some_and(|ring| ring.find(site.key.kid()).is_none())).await;
    assert_eq!(site.metric(expiry), None, "nobody renews that set");
    site.mount_set(&set(&lamps(), 1, &[&site.key], DAY));
    site.mount_inbox(3, &[&lamps(), &doors()]);
    kept.until(|kept| kept.revokes(&site.key)).await;
    assert_eq!(kept.version(), Some(2), "nor does it go back");
    site.mount_set(&set(&lamps(), 3, &[&site.key], DAY));
    kept.until(|kept| kept.version() == Some(3)).await;
    assert!(kept.revokes(&site.key), "a later set that forgets it changes nothing");
}

#[tokio::test(start_paused = true)]
async fn keys_that_do_not_parse_are_counted_by_bus() {
    let site = Site::with_inbox();
    let mut broken = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    broken.jwk.public_key.truncate(7);
    site.serve(&set(&lamps(), 1, &[&site.key, &broken], DAY));
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(1)).await;
    assert_eq!(site.metric(r#"keys_left_out{bus="harbour/lamps"}"#), Some(1.0));
}

/// Fault 24, for a day instead of an hour, with everything that may happen on such a day.
#[tokio::test(start_paused = true)]
async fn a_day_without_the_service_moves_nothing_to_the_dead_letters() {
    let site = Site::with_inbox().with_key(lasting_key());
    let (rotated, stranger) = (lasting_key(), lasting_key());
    site.serve(&set(&lamps(), 1, &[&site.key], HOUR * 20));
    site.mount_set(&set(&lamps(), 1, &[&site.key], HOUR * 20));
    site.consume();
    site.send(&site.key, 0);
    until(|| site.handled() == 1).await;
    is_away(&site);

    // The known key serves on; the next one's set is on its way.
    for n in 1..=36 {
        sleep(Duration::from_mins(10)).await;
        site.send(&site.key, n);
    }
    for n in 100..120 {
        site.send(&rotated, n);
    }
    sleep(Duration::from_mins(2)).await;
    assert_eq!(site.handled(), 37);
    site.mount_set(&set(&lamps(), 2, &[&site.key, &rotated], HOUR * 20));
    until(|| site.handled() == 57).await;
    // Nobody can say that there is no such key.
    let forged = event_at(&stranger, 999, site.clock.now());
    site.queue.send_at(site.clock.now(), &forged, Attributes::new());

    // Past its time nothing is received.
    sleep(HOUR * 14).await;
    for n in 200..260 {
        site.send(&rotated, n);
        sleep(Duration::from_mins(4)).await;
    }
    assert_eq!(site.handled(), 57);
    assert!(site.queue.letters().is_empty(), "{:?}", site.queue.codes());

    site.serve(&set(&lamps(), 3, &[&site.key, &rotated], DAY * 3));
    is_back(&site);
    until(|| site.queue.left() == 0).await;
    assert_eq!(site.handled(), 117);
    assert_eq!(site.queue.codes(), ["KID_UNKNOWN"], "the forged one, now that somebody can say so");
}
