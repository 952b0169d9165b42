//! What exists before anything else can work.

use jiff::Timestamp;
use kube::api::DeleteParams;
use operator::installation::certificates::read_bundle;
use sha2::{Digest as _, Sha256};

use crate::rig::{Case, RELEASE, installation, make_namespace};

#[tokio::test]
async fn root_key_hash_and_certificates_stand() {
    let case = Case::new().await;
    let secrets = case.secrets(RELEASE);
    let root = secrets.get("qsl-root").await.unwrap().data.unwrap();
    let hash = case.maps(RELEASE).get("qsl-root").await.unwrap().data.unwrap()["root.sha256"].clone();
    assert_eq!(hash.trim(), hex::encode(Sha256::digest(&root["public"].0)));

    for (secret, service) in [
        ("qsl-webhook-tls", "qsl-webhook"),
        ("qsl-signature-service-tls", "qsl-signature-service"),
        ("qsl-journal-tls", "qsl-journal"),
    ] {
        let data = secrets.get(secret).await.unwrap().data.unwrap();
        let facts = &read_bundle(std::str::from_utf8(&data["tls.crt"].0).unwrap()).unwrap()[0];
        let authority = &read_bundle(std::str::from_utf8(&data["ca.crt"].0).unwrap()).unwrap()[0];
        assert!(facts.names.contains(&format!("{service}.{RELEASE}.svc")), "{facts:?}");
        assert_eq!(facts.issuer, authority.subject);
    }
}

#[tokio::test]
async fn replicas_that_race_agree_on_one_root_and_one_authority() {
    let case = Case::new().await;
    let namespace = case.namespace("release");
    make_namespace(&case.client, &namespace, &serde_json::json!({})).await;
    let mut replica = installation(&case.client, &namespace);
    // The configurations belong to the running operator.
    replica.webhook_configuration = "nobody-s".to_owned();
    let now = Timestamp::now();
    let (one, two, three) = tokio::join!(replica.ensure(now), replica.ensure(now), replica.ensure(now));
    let all = [one.unwrap(), two.unwrap(), three.unwrap()];
    let again = replica.ensure(now).await.unwrap();
    for found in &all {
        assert_eq!(found.root.sha256(), again.root.sha256());
        assert_eq!(found.authorities, again.authorities);
        assert!(found.webhook == again.webhook);
    }
}

#[tokio::test]
async fn certificates_are_renewed_when_two_thirds_of_their_life_have_passed() {
    let case = Case::new().await;
    let namespace = case.namespace("release");
    make_namespace(&case.client, &namespace, &serde_json::json!({})).await;
    let mut replica = installation(&case.client, &namespace);
    replica.webhook_configuration = "nobody-s".to_owned();
    let now = Timestamp::now();
    let days = |days: i64| now + jiff::SignedDuration::from_hours(24 * days);
    let first = replica.ensure(now).await.unwrap();
    let early = replica.ensure(days(50)).await.unwrap();
    assert!(early.webhook == first.webhook);
    let due = replica.ensure(days(70)).await.unwrap();
    assert!(due.webhook != first.webhook);
    assert_eq!((due.authorities, due.root.sha256()), (first.authorities, first.root.sha256()));
}

#[tokio::test]
async fn a_first_start_that_ended_after_any_of_its_writes_is_finished_by_the_next() {
    let case = Case::new().await;
    let namespace = case.namespace("release");
    make_namespace(&case.client, &namespace, &serde_json::json!({})).await;
    let mut replica = installation(&case.client, &namespace);
    replica.webhook_configuration = "nobody-s".to_owned();
    let now = Timestamp::now();
    let (secrets, maps) = (case.secrets(&namespace), case.maps(&namespace));
    let whole = replica.ensure(now).await.unwrap();
    // In the order of the writes: what stands after the first few is what a process left that ended there.
    let written = ["qsl-ca", "qsl-webhook-tls", "qsl-signature-service-tls", "qsl-journal-tls"];
    for left in (0..=written.len()).rev() {
        for gone in &written[left..] {
            if secrets.get_opt(gone).await.unwrap().is_some() {
                secrets.delete(gone, &DeleteParams::default()).await.unwrap();
            }
        }
        if left == 0 {
            maps.delete("qsl-root", &DeleteParams::default()).await.unwrap();
        }
        let again = replica.ensure(now).await.unwrap();
        assert_eq!(again.root.sha256(), whole.root.sha256());
        assert_eq!(left > 0, again.authorities == whole.authorities);
        assert_eq!(left > 1, again.webhook == whole.webhook);
        let hash = maps.get("qsl-root").await.unwrap().data.unwrap()["root.sha256"].clone();
        assert_eq!(hash.trim(), whole.root.sha256());
        for name in written {
            let data = secrets.get(name).await.unwrap().data.unwrap();
            assert_eq!(data["ca.crt"].0, again.authorities.as_bytes(), "{name}");
        }
        if left == 1 {
            // The next start finds what this one made.
            assert!(replica.ensure(now).await.unwrap().webhook == again.webhook);
        }
    }
}
