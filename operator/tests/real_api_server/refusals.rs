//! What the API server refuses, with the field and the reason.

use crate::{
    lifecycle::{BUS, INBOX, KEY, RULE},
    rig::Case,
};

/// A document, a change of it (text, replacement), and what the refusal must say.
pub type Row = (&'static str, &'static str, &'static str, &'static [&'static str]);

/// What is refused.
pub const REFUSED: &[Row] = &[
    (BUS, "busName: $bus", "busName: default", &["spec.busName", "account's own bus"]),
    (BUS, "busName: $bus", "busName: aws.partner", &["spec.busName", "AWS's"]),
    (BUS, "busName: $bus", "busName: a/b", &["spec.busName", "should match"]),
    (BUS, "busName: $bus", "description: no name", &["spec.busName", "Required value"]),
    (BUS, "[qsl.coin]", "[coin]", &["spec.publishers[0].sources[0]", "should match"]),
    (BUS, "[qsl.coin]", "[]", &["spec.publishers[0].sources", "at least 1"]),
    (BUS, "[qsl.coin]", "[qsl.coin, qsl.coin]", &["spec.publishers[0].sources", "uplicate"]),
    (BUS, "busName: $bus", "busName: $bus\n  publishing: Off", &["spec.publishing", "Enabled"]),
    (BUS, "busName: $bus", "busName: $bus\n  tags: {'aws:x': y}", &["spec.tags", "not yours to set"]),
    (
        BUS,
        "busName: $bus",
        "busName: $bus\n  allowedNamespaces: {from: Selector}",
        &["spec.allowedNamespaces", "selector goes with"],
    ),
    (BUS, "busName: $bus", "busName: $bus\n  dashboards: {}", &["spec.dashboards", "field not declared"]),
    (
        BUS,
        "busName: $bus",
        "busName: $bus\n  kmsKeyId: alias/ledger",
        &["spec.deadLetter", "required with kmsKeyId", "name a standard queue in deadLetter.queueArn"],
    ),
    (
        BUS,
        "busName: $bus",
        "busName: $bus\n  deadLetter: {queueArn: 'arn:aws:sqs:eu-central-1:000000000000:a'}\n  kmsKeyId: alias/aws/sqs",
        &["spec.kmsKeyId", "name a customer managed key"],
    ),
    (BUS, "busName: $bus", "busName: $bus\n  kmsKeyId: ledger", &["spec.kmsKeyId", "should match"]),
    (
        BUS,
        "busName: $bus",
        "busName: $bus\n  deadLetter: {queueArn: 'arn:aws:sqs:eu-central-1:000000000000:a.fifo'}",
        &["spec.deadLetter.queueArn", "names a standard queue"],
    ),
    (BUS, "busName: $bus", "busName: $bus\n  deadLetter: {}", &["spec.deadLetter.queueArn", "Required value"]),
    (
        BUS,
        "busName: $bus",
        "busName: $bus\n  deadLetter: {queueArn: 'arn:aws:sns:eu-central-1:000000000000:a'}",
        &["spec.deadLetter.queueArn", "should match"],
    ),
    (BUS, "busName: $bus", "busName: $bus\n  archives: [{name: 'a b'}]", &["spec.archives[0].name", "should match"]),
    (BUS, "busName: $bus", "busName: $bus\n  archives: [{name: a}, {name: a}]", &["spec.archives", "uplicate"]),
    (
        BUS,
        "busName: $bus",
        "busName: $bus\n  archives: [{name: a, retentionDays: 0}]",
        &["spec.archives[0].retentionDays", "greater than or equal to 1"],
    ),
    (
        BUS,
        "busName: $bus",
        "busName: $bus\n  archives: [{name: a, eventPattern: {source: qsl.coin}}]",
        &["spec.archives", "eventPattern.source", "expected list"],
    ),
    (
        BUS,
        "busName: $bus",
        "busName: $bus\n  alarms: {enabled: true, actions: [pager]}",
        &["spec.alarms.actions[0]", "should match"],
    ),
    (BUS, "busName: $bus", "busName: $bus\n  dashboard: {enabled: 1}", &["spec.dashboard.enabled", "boolean"]),
    (RULE, "{source: [qsl.coin]}", "{}", &["spec.eventPattern", "at least 1"]),
    (RULE, "{source: [qsl.coin]}", "{source: qsl.coin}", &["spec.eventPattern.source", "expected list"]),
    (RULE, "{source: [qsl.coin]}", "{source: []}", &["spec.eventPattern.source", "at least 1"]),
    (RULE, "targets: [", "targets: [{inboxRef: {name: a}}, {inboxRef: {name: a}}, ", &["spec.targets", "named twice"]),
    (RULE, "busRef: {name: core}", "busRef: {name: core}\n  ruleName: 'a b'", &["spec.ruleName", "should match"]),
    (INBOX, "queueName: $ledger", "queueName: a.fifo", &["spec.queueName", "should match"]),
    (
        INBOX,
        "queueName: $ledger",
        "queueName: $ledger\n  maxAttempts: 0",
        &["spec.maxAttempts", "greater than or equal to 1"],
    ),
    (
        INBOX,
        "queueName: $ledger",
        "queueName: $ledger\n  messageRetentionSeconds: 1209600",
        &["spec.deadLetter.retentionSeconds", "longer than"],
    ),
    (
        INBOX,
        "queueName: $ledger",
        "queueName: $ledger\n  verification: {skewSeconds: 60}",
        &["spec.verification.skewSeconds", "120"],
    ),
    (
        INBOX,
        "queueName: $ledger",
        "queueName: $ledger\n  deduplication: {keys: [id]}",
        &["spec.deduplication.keys[0]", "should match"],
    ),
    (
        INBOX,
        "queueName: $ledger",
        "queueName: $ledger\n  forward: {routes: [{path: x}]}",
        &["spec.forward.routes[0].path", "should match"],
    ),
    (INBOX, "[ledger]", "[ledger, ledger]", &["spec.serviceAccounts", "uplicate"]),
    (KEY, "ML-DSA-44", "RSA", &["spec.algorithm", "Dilithium2"]),
    (KEY, "[qsl.coin]", "['qsl.*']", &["spec.sources[0]", "should match"]),
    (KEY, "sources:", "rotation: {period: 1d}, sources:", &["spec.rotation.period", "should match"]),
    (
        KEY,
        "sources:",
        "rotation: {period: 24h, publishBefore: 24h}, sources:",
        &["spec.rotation", "publishBefore is shorter"],
    ),
    (
        KEY,
        "busRef: {name: core}",
        "busRef: {name: core, namespace: $shop}",
        &["spec.busRef.namespace", "field not declared"],
    ),
    (KEY, "name: coins", "name: grant", &["metadata.name 'grant' is taken"]),
];

/// The same for edits of what is there.
pub const REFUSED_EDITS: &[Row] = &[
    (BUS, "busName: $bus", "busName: $other", &["spec.busName", "cannot be changed"]),
    (INBOX, "queueName: $ledger", "queueName: $other", &["spec.queueName", "cannot be changed"]),
    (RULE, "busRef: {name: core}", "busRef: {name: other}", &["spec.busRef", "cannot be changed"]),
    (
        RULE,
        "busRef: {name: core}",
        "busRef: {name: core}\n  ruleName: x",
        &["spec.ruleName", "cannot be added or removed"],
    ),
    (KEY, "busRef: {name: core}", "busRef: {name: other}", &["spec.busRef", "cannot be changed"]),
];

pub async fn refusal(case: &Case, document: &str, from: &str, to: &str) -> String {
    assert!(document.contains(from), "{from}");
    let documents = case.documents(&document.replace(from, to));
    match case.try_apply(&documents[0]).await {
        Ok(()) => format!("accepted: {}", documents[0]),
        Err(error) => error.to_string(),
    }
}

pub async fn check(case: &Case, rows: &[Row]) {
    let mut wrong = Vec::new();
    for (document, from, to, expected) in rows {
        let said = refusal(case, document, from, to).await;
        if !expected.iter().all(|part| said.contains(part)) {
            wrong.push(format!("{to}: expected {expected:?}, got {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_broken_rule_is_refused_with_the_field_and_the_reason() {
    check(&Case::new().await, REFUSED).await;
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_with_the_way_out() {
    let case = Case::new().await;
    for document in [BUS, INBOX, RULE, KEY] {
        case.apply(document).await;
    }
    check(&case, REFUSED_EDITS).await;
}

/// Objects with all that a user may write.
const COMPLETE: &str = r"
kind: EventBus
metadata: {name: core, namespace: $platform}
spec:
  busName: $bus
  description: Coins and notes
  publishing: Disabled
  publishers:
  - {serviceAccountRef: {name: mint}, sources: [qsl.coin, qsl.note]}
  - {serviceAccountRef: {name: cashier, namespace: $shop}, sources: [qsl.coin]}
  allowedNamespaces: {from: All}
  kmsKeyId: alias/ledger
  deadLetter: {queueArn: 'arn:aws:sqs:eu-central-1:000000000000:lost'}
  archives: [{name: $all}, {name: $coins, retentionDays: 36500, eventPattern: {source: [{prefix: qsl.}]}}]
  alarms: {enabled: true, actions: ['arn:aws:sns:eu-central-1:000000000000:pager']}
  dashboard: {enabled: true}
  tags: {team: money}
  deletionPolicy: Retain
  adoptionPolicy: AdoptOrCreate
  managementPolicy: Observe
---
kind: SigningKey
metadata: {name: coins, namespace: $platform}
spec:
  busRef: {name: core}
  algorithm: Dilithium2
  sources: ['*']
  rotation: {period: 720h, publishBefore: 1h30m, overlap: 90s}
  revokedKids: [coins-0123456789abcdef]
  deletionPolicy: Retain
  adoptionPolicy: AdoptOrCreate
  managementPolicy: Observe
---
kind: EventRule
metadata: {name: coins-all, namespace: $platform}
spec:
  busRef: {name: core, namespace: $platform}
  ruleName: Coins.all_1
  eventPattern: {source: [{prefix: qsl.}], detail-type: [{anything-but: X}], detail: {detailCore: {amount: [{numeric: ['>', 0]}]}}, $or: [{region: [a]}, {account: [b]}]}
  state: Disabled
  targets:
  - {inboxRef: {name: ledger, namespace: $books}, retryPolicy: {maximumEventAgeSeconds: 60, maximumRetryAttempts: 0}, messageGroupId: coins}
  - {queueArn: 'arn:aws:sqs:eu-central-1:000000000000:q', deadLetterArn: 'arn:aws:sqs:eu-central-1:000000000000:q-dlq'}
  deletionPolicy: Retain
  adoptionPolicy: AdoptOrCreate
  managementPolicy: Observe
---
kind: InboxQueue
metadata: {name: ledger, namespace: $books}
spec:
  queueName: $ledger
  fifo: true
  encryption: {kmsKeyId: alias/payments, dataKeyReuseSeconds: 60}
  redriveServiceAccounts: [fixer]
  alarms: {enabled: true, actions: ['arn:aws:sns:eu-central-1:000000000000:pager'], thresholds: {oldestMessageAgeSeconds: 60, deadLetters: 5, inFlight: 1}}
  visibilityTimeoutSeconds: 10
  messageRetentionSeconds: 60
  maxAttempts: 333
  sealed: false
  allowedNamespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: In, values: [money]}]}}
  deadLetter: {retentionSeconds: 61}
  serviceAccounts: [ledger]
  forward:
    routes: [{source: qsl.coin, detailType: Coin.Found.v1, path: /found}, {path: /rest}]
    unrouted: Acknowledge
    format: CloudEventsStructured
    timeoutSeconds: 1
    maxInFlight: 2
    waitTimeSeconds: 1
    backoff: {initialSeconds: 39600, maxSeconds: 39600}
    batch: {maxEvents: 2, maxWaitMilliseconds: 0}
  verification: {allowedAlgorithms: [ML-DSA-44], skewSeconds: 120, clock: Receive, requireEnvelopeHash: true}
  deduplication: {keys: [/detail-type, /detail/detailCore/a~1b], ttlSeconds: 1, store: Journal, whenUnavailable: DeliverAnyway}
  consuming: Paused
  subscriptions:
  - {name: coins, busRef: {name: core, namespace: $platform}, sources: [qsl.coin], detailTypes: [Coin.Found.v1]}
  - {name: rest, busRef: {name: core, namespace: $platform}, eventPattern: {detail: {detailCore: {amount: [{numeric: ['>', 0]}]}}}}
  autoscaling:
    scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: ledger.main}
    minReplicas: 0
    maxReplicas: 1000
    messagesPerReplica: 1
    pollingIntervalSeconds: 5
    cooldownSeconds: 0
  tags: {team: money}
  deletionPolicy: Retain
";

/// The documents of this case. `$or` is EventBridge's, not a name of the case.
pub fn complete(case: &Case) -> Vec<serde_json::Value> {
    let documents = case.documents(&COMPLETE.replace("$or", "OR"));
    let text = |document: &serde_json::Value| document.to_string().replace("\"OR\"", "\"$or\"");
    documents.iter().map(|document| serde_json::from_str(&text(document)).unwrap()).collect()
}

#[tokio::test]
async fn all_that_a_user_may_write_is_accepted() {
    let case = Case::new().await;
    for document in complete(&case) {
        case.try_apply(&document).await.unwrap();
    }
}
