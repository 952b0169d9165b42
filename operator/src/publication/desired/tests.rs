#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use operator_core::tags::Tags;
use serde_json::{Value, json};

use super::*;

fn installation() -> Installation {
    Installation {
        account: "123456789012".parse().unwrap(),
        region: "eu-central-1".parse().unwrap(),
        partition: "aws".parse().unwrap(),
        cluster_id: "cluster".to_owned(),
        oidc_provider: "arn:aws:iam::123456789012:oidc-provider/issuer.example".parse().unwrap(),
        token_audience: "sts.amazonaws.com".to_owned(),
        permissions_boundary: None,
        settle: Duration::ZERO,
        tools: operator_core::owner::ServiceAccount { namespace: "qsl-system".into(), name: "qsl-tools".into() },
        tags: Tags::default(),
    }
}

fn services() -> ServicesConfig {
    ServicesConfig {
        signature_service: "https://signature.example".to_owned(),
        journal: "https://journal.example".to_owned(),
        ca: "-----BEGIN CERTIFICATE-----".to_owned(),
    }
}

fn object<T: serde::de::DeserializeOwned>(kind: &str, namespace: &str, name: &str, spec: &Value) -> T {
    let metadata = json!({"name": name, "namespace": namespace});
    serde_json::from_value(
        json!({"apiVersion": "eventing.qsl.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}),
    )
    .unwrap()
}

fn written(entries: &BTreeMap<String, Entries>) -> Value {
    let config = |content: &Content| match content {
        Content::KeySet { bus, keys } => json!({"keySet": bus, "keys": keys.len()}),
        Content::Inbox { config, .. } => serde_json::to_value(config).unwrap(),
        Content::Bus { config, .. } => serde_json::to_value(config).unwrap(),
    };
    let map =
        |entries: &Entries| -> Value { entries.iter().map(|(key, content)| (key.clone(), config(content))).collect() };
    entries.iter().map(|(namespace, entries)| (namespace.clone(), map(entries))).collect()
}

#[test]
fn inboxes_with_their_key_sets_and_buses_where_they_have_publishers() {
    let bus: EventBus = object(
        "EventBus",
        "platform",
        "stock-bus",
        &json!({
            "busName": "stock-events",
            "publishers": [
                {"serviceAccountRef": {"name": "shop", "namespace": "shop"}, "sources": ["qsl.shop"]},
                {"serviceAccountRef": {"name": "audit"}, "sources": ["qsl.audit"]},
            ],
        }),
    );
    let inbox: InboxQueue = object(
        "InboxQueue",
        "warehouse",
        "stock",
        &json!({
            "queueName": "stock-inbox",
            "forward": {"routes": [{"source": "qsl.shop", "path": "/orders"}], "format": "DetailCore"},
            "deduplication": {"keys": ["/detail-type"]},
        }),
    );
    let id: BusId = "platform/stock-bus".parse().unwrap();
    let key_sets = BTreeMap::from([(id.clone(), Content::KeySet { bus: id.clone(), keys: Vec::new() })]);
    let entries = entries(&Sources {
        installation: &installation(),
        services: &services(),
        buses: &[&bus],
        inboxes: &[(&inbox, BTreeSet::from([id]))],
        key_sets: &key_sets,
    });
    insta::assert_yaml_snapshot!(written(&entries));
}

#[test]
fn an_inbox_that_nothing_feeds_has_its_configuration_and_no_keys() {
    let inbox: InboxQueue = object("InboxQueue", "warehouse", "stock", &json!({"queueName": "stock-inbox"}));
    let entries = entries(&Sources {
        installation: &installation(),
        services: &services(),
        buses: &[],
        inboxes: &[(&inbox, BTreeSet::new())],
        key_sets: &BTreeMap::new(),
    });
    assert_eq!(entries["warehouse"].keys().collect::<Vec<_>>(), ["inbox_stock"]);
}
