#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;
use crate::algorithm::Algorithm;
use crate::fixture::NOW;
use crate::signing::{PrivateKey, sign_config, sign_keyset};

fn inbox() -> InboxConfig {
    serde_json::from_value(json!({
        "queueUrl": "http://sqs/q", "queueArn": "arn:aws:sqs:eu-west-1:111122223333:q",
        "deadLetterQueueUrl": "http://sqs/d", "deadLetterQueueArn": "arn:aws:sqs:eu-west-1:111122223333:d",
        "roleArn": "arn:aws:iam::111122223333:role/r", "region": "eu-west-1", "buses": ["harbour/north"],
        "forward": {"routes": [{"detailType": "Lamp.Lit.v2", "path": "/lit"}]},
        "services": {"signatureService": "https://s:8443", "journal": "https://j:8443", "ca": "PEM"},
    }))
    .unwrap()
}

fn document<C>(version: u64, config: C) -> ConfigDocument<C> {
    ConfigDocument {
        namespace: "quay".to_owned(),
        kind: INBOX_QUEUE.to_owned(),
        name: "lamp".to_owned(),
        version,
        issued: NOW.seconds(),
        expires: NOW.seconds() + 60,
        config,
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let inbox = inbox();
    assert_eq!((inbox.verification.skew_seconds, inbox.max_attempts), (300, 5));
    assert_eq!(inbox.verification.allowed_algorithms, Algorithm::ALL);
    assert_eq!((inbox.forward.unrouted, inbox.consuming), (Unrouted::DeadLetter, Consuming::Enabled));
    let route = inbox.forward.routes.first().unwrap();
    let takes = |detail_type: &str| route.takes(&"qsl.any".parse().unwrap(), &detail_type.parse().unwrap());
    assert!(takes("Lamp.Lit.v2") && !takes("Lamp.Lit.v1"));
}

#[test]
fn a_signed_entry_holds_for_its_subject_and_its_time() {
    let root = PrivateKey::generate(Algorithm::MlDsa44).unwrap();
    let roots = RootHashes::of(&root.public_key());
    let jws = sign_config(&root, &document(4, inbox()), NOW.into()).unwrap();
    let open = |jws: &str, namespace: &str, name: &str, now: Millis, last: Option<u64>| {
        open_config::<InboxConfig>(jws, &roots, namespace, INBOX_QUEUE, name, now, last)
    };
    assert_eq!(open(&jws, "quay", "lamp", NOW, Some(4)).unwrap(), document(4, inbox()));
    assert_eq!(open(&jws, "pier", "lamp", NOW, None), Err(ConfigError::SubjectMismatch));
    assert_eq!(open(&jws, "quay", "bell", NOW, None), Err(ConfigError::SubjectMismatch));
    assert_eq!(open(&jws, "quay", "lamp", NOW.plus_millis(60_000), None), Err(ConfigError::Expired));
    assert_eq!(open(&jws, "quay", "lamp", NOW.plus_millis(-900_001), None), Err(ConfigError::Expired));
    assert_eq!(open(&jws, "quay", "lamp", NOW, Some(5)), Err(ConfigError::RolledBack));
    let other = RootHashes::new([[0; 32]]);
    let unknown = open_config::<InboxConfig>(&jws, &other, "quay", INBOX_QUEUE, "lamp", NOW, None);
    assert_eq!(unknown, Err(ConfigError::RootUnknown));

    let cut = jws.get(..jws.len() - 2).unwrap();
    assert_eq!(open(cut, "quay", "lamp", NOW, None).unwrap_err().as_str(), "MALFORMED");
    let not_an_inbox = sign_config(&root, &document(4, json!({"queueUrl": 1})), NOW.into()).unwrap();
    assert_eq!(open(&not_an_inbox, "quay", "lamp", NOW, None).unwrap_err().as_str(), "MALFORMED");
    let keys = crate::fixture::document(&crate::fixture::bus("north"), 1, &[]);
    let set = sign_keyset(&root, &keys, NOW.into()).unwrap();
    assert_eq!(open(&set, "quay", "lamp", NOW, None).unwrap_err().as_str(), "MALFORMED", "a set is no configuration");
}

#[test]
fn dilithium2_signs_no_configuration() {
    let root = PrivateKey::generate(Algorithm::Dilithium2).unwrap();
    assert!(sign_config(&root, &document(1, inbox()), NOW.into()).is_err());
}

#[test]
fn what_consumers_cannot_do_is_refused_with_the_field_and_written_all_the_same() {
    for format in [Format::DetailCore, Format::CloudEventsBinary] {
        let mut asked = inbox();
        asked.forward.batch = Some(BatchConfig { max_events: 10, max_wait_milliseconds: 5 });
        asked.forward.format = format;
        let fields: Vec<&str> = asked.unsupported().iter().map(|one| one.field).collect();
        assert_eq!(fields, ["forward.batch"]);
        let written = serde_json::to_value(&asked).unwrap();
        assert_eq!(written.pointer("/forward/batch/maxEvents"), Some(&json!(10)));
        let refused = serde_json::from_value::<InboxConfig>(written).unwrap_err().to_string();
        assert!(refused.contains("forward.batch: consumers of this version cannot do several events"), "{refused}");
        assert!(refused.contains(&format!("of format {format:?}")), "{refused}");
    }
}

#[test]
fn every_format_backoff_and_batch_that_an_inbox_may_name_is_taken() {
    for format in [Format::Envelope, Format::CloudEventsBinary, Format::CloudEventsStructured, Format::DetailCore] {
        let mut asked = inbox();
        asked.forward.format = format;
        asked.forward.backoff = BackoffConfig { initial_seconds: 10, max_seconds: 39_600 };
        if matches!(format, Format::Envelope | Format::CloudEventsStructured) {
            asked.forward.batch = Some(BatchConfig { max_events: 10, max_wait_milliseconds: 5 });
        }
        let read: InboxConfig = serde_json::from_value(serde_json::to_value(&asked).unwrap()).unwrap();
        assert_eq!(read, asked);
    }
}
