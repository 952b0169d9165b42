//! What the API server refuses of an inbox's subscriptions, scaling, deliveries and deduplication.

use crate::{lifecycle::INBOX, refusals::refusal, rig::Case};

/// What is added to the spec, and what the refusal must say.
pub const REFUSED: &[(&str, &[&str])] = &[
    ("subscriptions: [{name: a, busRef: {name: core}}]", &["spec.subscriptions[0]", "either eventPattern, or sources"]),
    (
        "subscriptions: [{name: a, busRef: {name: core}, sources: [qsl.a], eventPattern: {source: [qsl.a]}}]",
        &["spec.subscriptions[0]", "either eventPattern, or sources"],
    ),
    ("subscriptions: [{name: a, busRef: {name: core}, sources: []}]", &["spec.subscriptions[0].sources", "at least 1"]),
    (
        "subscriptions: [{name: a, busRef: {name: core}, sources: [a]}]",
        &["spec.subscriptions[0].sources[0]", "should match"],
    ),
    (
        "subscriptions: [{name: a, busRef: {name: core}, detailTypes: [coin]}]",
        &["spec.subscriptions[0].detailTypes[0]", "should match"],
    ),
    (
        "subscriptions: [{name: A, busRef: {name: core}, sources: [qsl.a]}]",
        &["spec.subscriptions[0].name", "should match"],
    ),
    (
        "subscriptions: [{name: a, busRef: {name: core}, eventPattern: {}}]",
        &["spec.subscriptions[0].eventPattern", "at least 1"],
    ),
    (
        "subscriptions: [{name: a, busRef: {name: core}, sources: [qsl.a]}, {name: a, busRef: {name: core}, sources: [qsl.b]}]",
        &["spec.subscriptions", "uplicate"],
    ),
    (
        "autoscaling: {scaleTargetRef: {name: x}, minReplicas: 3, maxReplicas: 2}",
        &["spec.autoscaling.minReplicas", "at most maxReplicas"],
    ),
    (
        "autoscaling: {scaleTargetRef: {name: x}, maxReplicas: 0}",
        &["spec.autoscaling.maxReplicas", "greater than or equal to 1"],
    ),
    ("autoscaling: {minReplicas: 1}", &["spec.autoscaling.scaleTargetRef", "Required"]),
    (
        "autoscaling: {scaleTargetRef: {name: x, kind: deployment}}",
        &["spec.autoscaling.scaleTargetRef.kind", "should match"],
    ),
    (
        "autoscaling: {scaleTargetRef: {name: x, apiVersion: apps}}",
        &["spec.autoscaling.scaleTargetRef.apiVersion", "should match"],
    ),
    (
        "forward: {backoff: {initialSeconds: 60, maxSeconds: 30}}",
        &["spec.forward.backoff.initialSeconds", "at most maxSeconds"],
    ),
    ("forward: {backoff: {maxSeconds: 43200}}", &["spec.forward.backoff.maxSeconds", "39600"]),
    ("forward: {batch: {maxEvents: 1}}", &["spec.forward.batch.maxEvents", "greater than or equal to 2"]),
    ("forward: {batch: {maxEvents: 5}, format: DetailCore}", &["spec.forward.batch", "goes with format Envelope"]),
    (
        "forward: {batch: {maxEvents: 5}, format: CloudEventsBinary}",
        &["spec.forward.batch", "goes with format Envelope"],
    ),
    ("forward: {batch: {maxEvents: 5}, maxInFlight: 4}", &["spec.forward.batch.maxEvents", "at most maxInFlight"]),
    ("forward: {format: CloudEvents}", &["spec.forward.format", "CloudEventsBinary"]),
    ("deduplication: {store: Redis}", &["spec.deduplication.store", "Journal"]),
    (
        "deduplication: {whenUnavailable: DeliverAnyway}",
        &["spec.deduplication.whenUnavailable", "goes with store: Journal"],
    ),
    ("consuming: Stopped", &["spec.consuming", "Paused"]),
];

#[tokio::test]
async fn a_broken_rule_of_an_inbox_is_refused_with_the_field_and_the_reason() {
    let case = Case::new().await;
    let mut wrong = Vec::new();
    for (added, expected) in REFUSED {
        let said = refusal(&case, INBOX, "queueName: $ledger", &format!("queueName: $ledger\n  {added}")).await;
        if !expected.iter().all(|part| said.contains(part)) {
            wrong.push(format!("{added}: expected {expected:?}, got {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_bus_of_a_subscription_cannot_be_changed() {
    let case = Case::new().await;
    let with = |bus: &str| {
        format!("queueName: $ledger\n  subscriptions: [{{name: a, busRef: {{name: {bus}}}, sources: [qsl.a]}}]")
    };
    case.apply(&INBOX.replace("queueName: $ledger", &with("core"))).await;
    let said = refusal(&case, INBOX, "queueName: $ledger", &with("other")).await;
    assert!(said.contains("spec.subscriptions[0].busRef") && said.contains("another name"), "{said}");
}
