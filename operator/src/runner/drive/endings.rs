#![allow(clippy::unwrap_used)]
//! How passes end, and when the object is looked at again: with a controller that says what it is told to, and an API
//! server that answers every change alike.

use axum::http::Response;
use crds::InboxQueue;
use kube::client::Body;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tower::BoxError;

use super::*;
use crate::{
    controllers::tests::object,
    runner::{Terminal, Wait},
};

/// A controller whose passes all come to this.
struct Says(Progress);

impl Reconciler<InboxQueue> for Says {
    async fn apply(&self, object: &InboxQueue) -> Result<Report<InboxQueue>, Failure> {
        Ok(Report {
            status: object.status.clone().unwrap_or_default(),
            progress: self.0.clone(),
            has_references: false,
            changes: Vec::new(),
            found: None,
            again: None,
        })
    }

    async fn look(&self, object: &InboxQueue) -> Result<Look<InboxQueue>, Failure> {
        let status = object.status.clone().unwrap_or_default();
        Ok(Look { status, differences: Vec::new(), has_references: false })
    }

    async fn cleanup(&self, _: &InboxQueue) -> Result<Cleanup, Failure> {
        Ok(Cleanup::Done)
    }
}

fn inbox(annotations: &Value) -> InboxQueue {
    let mut inbox: InboxQueue = object("InboxQueue", "books", "ledger", &json!({"queueName": "qsl-ledger"}));
    inbox.metadata.annotations = Some(serde_json::from_value(annotations.clone()).unwrap());
    inbox.metadata.finalizers = Some(vec![crds::names::FINALIZER.to_owned()]);
    inbox
}

/// A runner, whose API server answers with `code`, and what it counts in.
fn runner(progress: Progress, code: u16) -> (Runner<InboxQueue, Says>, Registry) {
    let answer = move |_| async move {
        let body = match code {
            200 => serde_json::to_vec(&inbox(&json!({})))?,
            code => serde_json::to_vec(&json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                "reason": "Conflict", "message": "changed meanwhile", "code": code}))?,
        };
        Ok::<_, BoxError>(Response::builder().status(code).body(Body::from(body))?)
    };
    let client = Client::new(tower::service_fn(answer), "default");
    let mut registry = Registry::with_prefix("qsl_operator");
    let (hub, _watches) = Hub::new();
    let (events, metrics) = (Events::new(client.clone(), None), Metrics::new(&mut registry));
    let settings = RunnerSettings { resync: Duration::from_mins(10), concurrency: 1 };
    (Runner::new(client, hub, Says(progress), events, metrics, settings), registry)
}

fn shown(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

#[tokio::test]
async fn what_is_done_in_part_and_takes_an_edit_for_the_rest_counts_as_an_error() {
    let full = Terminal { reason: reason::NO_ROOM, message: "no room".into() };
    let (runner, registry) = runner(Progress::Terminal(full), 200);
    runner.pass(&inbox(&json!({}))).await;
    let text = shown(&registry);
    for line in [
        r#"qsl_operator_reconciles_total{kind="InboxQueue",ending="Terminal"} 1"#,
        &format!(r#"qsl_operator_reconcile_errors_total{{kind="InboxQueue",class="{}"}} 1"#, reason::NO_ROOM),
        r#"qsl_operator_reconcile_seconds_count{kind="InboxQueue"} 1"#,
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[tokio::test]
async fn what_waits_is_no_error() {
    let (runner, registry) = runner(Progress::Waiting(Wait::reference(reason::REF_NOT_FOUND, "no bus")), 200);
    runner.pass(&inbox(&json!({}))).await;
    let text = shown(&registry);
    assert!(text.contains(r#"qsl_operator_reconciles_total{kind="InboxQueue",ending="Waiting"} 1"#), "{text}");
    assert!(!text.contains("reconcile_errors_total{"), "{text}");
}

#[tokio::test]
async fn the_next_look_comes_when_the_object_asks_and_else_when_the_installation_does() {
    let (runner, _) = runner(Progress::Ready, 200);
    let policy = |policy: &str, annotations: Value| {
        let mut inbox = inbox(&annotations);
        inbox.spec.management_policy = serde_json::from_value(json!(policy)).unwrap();
        // Who only looks has no finalizer.
        inbox.metadata.finalizers = inbox.metadata.finalizers.filter(|_| policy == "Manage");
        inbox
    };
    for kind in ["Manage", "Observe"] {
        for (annotations, minutes) in [
            (json!({}), 10),
            (json!({"eventing.qsl.dev/poll-interval": "2m"}), 2),
            (json!({"eventing.qsl.dev/poll-interval": "6h"}), 360),
        ] {
            let again = runner.judge(&policy(kind, annotations.clone())).await.unwrap();
            let (shortest, longest) =
                (Duration::from_mins(minutes).mul_f64(0.9), Duration::from_mins(minutes).mul_f64(1.1));
            assert!((shortest..=longest).contains(&again), "{kind} {annotations}: {again:?}");
        }
    }
}

#[tokio::test]
async fn a_finalizer_that_meets_a_newer_version_each_time_is_tried_ever_more_slowly() {
    for leaving in [false, true] {
        let (runner, registry) = runner(Progress::Ready, 409);
        let mut inbox = inbox(&json!({}));
        if leaving {
            inbox.metadata.deletion_timestamp = Some(crate::controllers::tests::at(1));
        } else {
            inbox.metadata.finalizers = None;
        }
        for failures in 1..=9 {
            let again = runner.judge(&inbox).await.unwrap();
            let half = pause(failures, Pace::Quick, 0.0);
            assert!((half..=half * 3).contains(&again), "leaving {leaving}, {failures}: {again:?}");
        }
        let text = shown(&registry);
        assert!(text.contains(r#"qsl_operator_reconciles_total{kind="InboxQueue",ending="Retry"} 9"#), "{text}");
    }
}
