//! Attack 8: whoever writes the mounted files can withhold, never make. Each forged file is refused and the last good
//! one stands.

use serde_json::Value;

use super::site::{DAY, NAMESPACE, Site, doors, entry, inbox_of, is_away, lamps, revoked, set, until};
use super::*;
use crate::compact::{Compact, b64url};
use crate::config::{ConfigDocument, Consuming, InboxConfig};
use crate::signing::{sign_config, sign_keyset};

/// Long enough for everything mounted to be looked at.
const LOOKS: Duration = Duration::from_secs(5);

/// The text with another payload under the same header and signature.
fn changed(jws: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut payload: Value = serde_json::from_slice(Compact::split(jws).unwrap().payload()).unwrap();
    change(&mut payload);
    let parts: Vec<&str> = jws.split('.').collect();
    format!("{}.{}.{}", parts[0], b64url(&serde_json::to_vec(&payload).unwrap()), parts[2])
}

fn strict(buses: &[&crate::types::BusId]) -> InboxConfig {
    let mut inbox = inbox_of(buses);
    inbox.verification.require_envelope_hash = true;
    inbox
}

#[tokio::test(start_paused = true)]
async fn a_forged_key_set_is_refused_and_the_last_good_one_stands() {
    let (site, elsewhere) = (Site::with_inbox(), Site::new());
    is_away(&site);
    let forger = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let leaked = TestKey::new(Algorithm::MlDsa44, KeyUse::Sig);
    let both = [&site.key, &forger];
    let good = set(&lamps(), 5, &[&site.key, &revoked(&leaked)], DAY);
    site.mount_set(&good);
    let kept = site.keys();
    kept.until(|kept| kept.version() == Some(5)).await;
    let shown = kept.ring().unwrap();

    let with_a_key = changed(&site.signed(&good), |payload| {
        payload["version"] = json!(6);
        payload["keys"].as_array_mut().unwrap().push(serde_json::to_value(&forger.jwk).unwrap());
    });
    let unrevoked = changed(&site.signed(&good), |payload| {
        payload["version"] = json!(6);
        payload["keys"][1]["state"] = json!("active");
    });
    let everlasting = changed(&site.signed(&good), |payload| payload["expires"] = json!(9_000_000_000_i64));
    let configuration = sign_config(&site.root, &entry(6, inbox_of(&[&lamps()])), NOW.into()).unwrap();
    for (what, forged, outcome) in [
        ("another key added", with_a_key, "SIGNATURE_INVALID"),
        ("a revocation taken back", unrevoked, "SIGNATURE_INVALID"),
        ("its time made longer", everlasting, "SIGNATURE_INVALID"),
        ("another installation's root", elsewhere.signed(&set(&lamps(), 6, &both, DAY)), "ROOT_UNKNOWN"),
        ("a root signed by itself", sign_keyset(&forger.private, &good, NOW.into()).unwrap(), "ROOT_UNKNOWN"),
        ("the set of another bus", site.signed(&set(&doors(), 6, &both, DAY)), "BUS_MISMATCH"),
        ("an old set", site.signed(&set(&lamps(), 4, &[&site.key, &leaked], DAY)), "ROLLED_BACK"),
        ("a set past its time", site.signed(&set(&lamps(), 6, &both, Duration::ZERO)), "EXPIRED"),
        ("a configuration", configuration, "MALFORMED"),
        ("a plain set", serde_json::to_string(&good).unwrap(), "MALFORMED"),
        ("nothing", String::new(), "MALFORMED"),
    ] {
        let refused = || {
            let line = format!(r#"key_sets_refused_total{{from="mounted",outcome="{outcome}"}}"#);
            site.metric(&line).unwrap_or(0.0)
        };
        let before = refused();
        site.mount_text(&lamps(), &forged);
        sleep(LOOKS).await;
        assert!(refused() > before, "{what} is not {outcome}");
        assert!(Arc::ptr_eq(&kept.ring().unwrap(), &shown), "{what}");
    }
    assert!(kept.revokes(&leaked) && shown.find(forger.kid()).is_none());
    site.mount_set(&set(&lamps(), 6, &[&site.key], DAY));
    kept.until(|kept| kept.version() == Some(6)).await;
}

#[tokio::test(start_paused = true)]
async fn a_forged_configuration_is_refused_and_the_last_good_one_stands() {
    let (site, elsewhere) = (Site::new(), Site::new());
    let good = entry(5, strict(&[&lamps()]));
    let signed = |entry: &ConfigDocument<InboxConfig>| sign_config(&site.root, entry, NOW.into()).unwrap();
    site.mount_entry(&good);
    let mut configuration = site.configuration();
    assert_eq!(configuration.borrow_and_update().as_deref(), Some(&good.config));

    let loose = entry(6, inbox_of(&[&lamps()]));
    let looser = changed(&signed(&good), |payload| {
        payload["version"] = json!(6);
        payload["config"]["verification"]["requireEnvelopeHash"] = json!(false);
    });
    let with_a_bus = changed(&signed(&good), |payload| {
        payload["version"] = json!(6);
        payload["config"]["buses"].as_array_mut().unwrap().push(json!("pier/forgers"));
    });
    let other_services = changed(&signed(&good), |payload| {
        payload["config"]["services"]["signatureService"] = json!("https://forger:8443");
    });
    let kind = || crate::config::EVENT_BUS.to_owned();
    let elsewhere_s = || ConfigDocument { namespace: "pier".to_owned(), ..loose.clone() };
    let another_s = || ConfigDocument { name: "bell".to_owned(), ..loose.clone() };
    let over = || ConfigDocument { expires: NOW.seconds(), ..loose.clone() };
    for (what, forged, outcome) in [
        ("requireEnvelopeHash off", looser, "SIGNATURE_INVALID"),
        ("another bus", with_a_bus, "SIGNATURE_INVALID"),
        ("another signature service", other_services, "SIGNATURE_INVALID"),
        ("an old entry", signed(&entry(4, inbox_of(&[&lamps()]))), "ROLLED_BACK"),
        ("another namespace's entry", signed(&elsewhere_s()), "SUBJECT_MISMATCH"),
        ("another inbox's entry", signed(&another_s()), "SUBJECT_MISMATCH"),
        ("a bus's entry of its name", signed(&ConfigDocument { kind: kind(), ..loose.clone() }), "SUBJECT_MISMATCH"),
        ("an entry past its time", signed(&over()), "EXPIRED"),
        ("another installation's root", sign_config(&elsewhere.root, &loose, NOW.into()).unwrap(), "ROOT_UNKNOWN"),
        ("a key set", site.signed(&set(&lamps(), 6, &[], DAY)), "MALFORMED"),
        ("a plain entry", serde_json::to_string(&loose).unwrap(), "MALFORMED"),
    ] {
        let refused = || {
            let line = format!(r#"configurations_refused_total{{kind="InboxQueue",outcome="{outcome}"}}"#);
            site.metric(&line).unwrap_or(0.0)
        };
        let before = refused();
        site.write_inbox(&forged);
        sleep(LOOKS).await;
        assert!(refused() > before, "{what} is not {outcome}");
        assert!(!configuration.has_changed().unwrap(), "{what}: {:?}", configuration.borrow());
    }
    assert_eq!(NAMESPACE, loose.namespace);
    site.mount_entry(&loose);
    timeout(LOOKS, configuration.changed()).await.unwrap().unwrap();
    assert_eq!(configuration.borrow().as_deref(), Some(&loose.config));
}

#[tokio::test(start_paused = true)]
async fn with_every_file_forged_the_consumer_judges_as_before() {
    let (site, forger) = (Site::new(), TestKey::new(Algorithm::MlDsa44, KeyUse::Sig));
    let good = entry(5, inbox_of(&[&lamps()]));
    site.mount_entry(&good);
    site.serve(&set(&lamps(), 5, &[&site.key], DAY));
    site.mount_set(&set(&lamps(), 5, &[&site.key], DAY));
    site.consume();
    until(|| site.metric("keys_usable") == Some(1.0)).await;
    let elsewhere = Site::new().with_key(forger);
    site.mount_text(&lamps(), &elsewhere.signed(&set(&lamps(), 9, &[&elsewhere.key], DAY)));
    site.mount_text(&doors(), &elsewhere.signed(&set(&doors(), 9, &[&elsewhere.key], DAY)));
    site.write_inbox(&sign_config(&elsewhere.root, &entry(9, inbox_of(&[&lamps(), &doors()])), NOW.into()).unwrap());
    sleep(LOOKS).await;
    site.send(&elsewhere.key, 1);
    site.send(&site.key, 2);
    until(|| site.queue.left() == 0).await;
    assert_eq!((site.handled(), site.queue.codes()), (1, vec!["KID_UNKNOWN".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn an_inbox_that_is_paused_in_the_mounted_file_is_received_from_no_more_and_then_again_without_a_restart() {
    let site = Site::new();
    site.serve(&set(&lamps(), 5, &[&site.key], DAY));
    site.mount_set(&set(&lamps(), 5, &[&site.key], DAY));
    let consuming = |version, consuming| {
        let mut inbox = inbox_of(&[&lamps()]);
        inbox.consuming = consuming;
        site.mount_entry(&entry(version, inbox));
    };
    consuming(5, Consuming::Enabled);
    site.consume();
    site.send(&site.key, 1);
    until(|| site.handled() == 1).await;

    // The kubelet brings a changed ConfigMap within a minute and a half; from then on it takes a look and a receive.
    consuming(6, Consuming::Paused);
    let (began, mut receives) = (Instant::now(), 0);
    let mut last = began;
    while began.elapsed() < Duration::from_mins(10) {
        if site.queue.receives() != receives {
            (receives, last) = (site.queue.receives(), Instant::now());
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert!(last - began < Duration::from_secs(30), "it went on receiving for {:?}", last - began);
    site.send(&site.key, 2);
    sleep(Duration::from_hours(1)).await;
    assert_eq!((site.queue.receives(), site.handled(), site.queue.left()), (receives, 1, 1));

    consuming(7, Consuming::Enabled);
    until(|| site.handled() == 2 && site.queue.left() == 0).await;
    assert!(site.queue.letters().is_empty());
}
