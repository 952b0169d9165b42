//! What `kubectl get -o yaml` shows of objects with as little as they may have: every default, and nothing else.

use crds::{EventBus, EventRule, Eventing, InboxQueue, SigningKey};
use kube::{
    Api,
    api::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};

use crate::rig::Case;

const LEAST: &str = r"
kind: EventBus
metadata: {name: core, namespace: $platform}
spec:
  busName: $bus
  publishers: [{serviceAccountRef: {name: mint}, sources: [qsl.coin]}]
  archives: [{name: $all}]
---
kind: EventRule
metadata: {name: coins, namespace: $platform}
spec: {busRef: {name: core}, eventPattern: {source: [qsl.coin]}, targets: [{inboxRef: {name: ledger}, retryPolicy: {}}]}
---
kind: InboxQueue
metadata: {name: ledger, namespace: $platform}
spec: {queueName: $ledger}
---
kind: SigningKey
metadata: {name: coins, namespace: $platform}
spec: {busRef: {name: core}, sources: [qsl.coin]}
";

async fn shown<K: Eventing>(case: &Case, name: &str) -> Value {
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(case.client.clone(), &case.namespace("platform"), &resource);
    api.get(name).await.unwrap().data["spec"].clone()
}

#[tokio::test]
async fn every_default_is_shown_and_nothing_else() {
    let case = Case::new().await;
    case.apply(LEAST).await;
    assert_eq!(
        shown::<EventBus>(&case, "core").await,
        json!({
            "busName": case.named("bus"), "publishing": "Enabled", "allowedNamespaces": {"from": "Same"},
            "publishers": [{"serviceAccountRef": {"name": "mint"}, "sources": ["qsl.coin"]}],
            "archives": [{"name": case.named("all")}], "alarms": {"enabled": false}, "dashboard": {"enabled": false},
            "deletionPolicy": "Delete", "adoptionPolicy": "Never", "managementPolicy": "Manage",
        })
    );
    assert_eq!(
        shown::<EventRule>(&case, "coins").await,
        json!({
            "busRef": {"name": "core"}, "eventPattern": {"source": ["qsl.coin"]}, "state": "Enabled",
            "targets": [{"inboxRef": {"name": "ledger"}, "retryPolicy": {}}],
            "deletionPolicy": "Delete", "adoptionPolicy": "Never", "managementPolicy": "Manage",
        })
    );
    assert_eq!(
        shown::<SigningKey>(&case, "coins").await,
        json!({
            "busRef": {"name": "core"}, "sources": ["qsl.coin"], "algorithm": "Dilithium2",
            "rotation": {"period": "720h", "publishBefore": "24h", "overlap": "168h"},
            "deletionPolicy": "Delete", "adoptionPolicy": "Never", "managementPolicy": "Manage",
        })
    );
    assert_eq!(
        shown::<InboxQueue>(&case, "ledger").await,
        json!({
            "queueName": case.named("ledger"), "fifo": false, "encryption": {"dataKeyReuseSeconds": 300},
            "alarms": {"enabled": false,
                "thresholds": {"oldestMessageAgeSeconds": 900, "deadLetters": 0, "inFlight": 100_000}},
            "visibilityTimeoutSeconds": 60, "messageRetentionSeconds": 604_800, "maxAttempts": 5, "sealed": true,
            "allowedNamespaces": {"from": "Same"}, "deadLetter": {"retentionSeconds": 1_209_600},
            "forward": {"unrouted": "DeadLetter", "format": "Envelope", "timeoutSeconds": 10, "maxInFlight": 32,
                "waitTimeSeconds": 20, "backoff": {"initialSeconds": 1, "maxSeconds": 900}},
            "verification": {"allowedAlgorithms": ["Dilithium2", "ML-DSA-44"], "skewSeconds": 300,
                "clock": "SentTimestamp", "requireEnvelopeHash": false},
            "deduplication": {"ttlSeconds": 86_400, "store": "Memory", "whenUnavailable": "Wait"},
            "consuming": "Enabled",
            "deletionPolicy": "Delete", "adoptionPolicy": "Never", "managementPolicy": "Manage",
        })
    );
}
