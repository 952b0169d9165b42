//! The conditions as kstatus reads them (sigs.k8s.io/cli-utils, pkg/kstatus: "conditions" and "the ready condition"),
//! which `kubectl wait`'s users, Argo CD and Flux go by.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use operator_core::{
    difference::Difference,
    error::{AwsError, ErrorClass},
};

use super::*;
use crate::runner::{Pace, Retry, Terminal};

#[derive(Debug, PartialEq, Eq)]
enum Kstatus {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// kstatus's rules for a custom resource, in its order.
fn kstatus(deleting: bool, generation: i64, observed: Option<i64>, conditions: &[Condition]) -> Kstatus {
    let says = |type_: &str| conditions::get(conditions, type_).map(|condition| condition.status.as_str());
    if deleting {
        return Kstatus::Terminating;
    }
    if observed.is_some_and(|observed| observed != generation) {
        return Kstatus::InProgress;
    }
    if says("Reconciling") == Some("True") {
        return Kstatus::InProgress;
    }
    if says("Stalled") == Some("True") {
        return Kstatus::Failed;
    }
    match says("Ready") {
        Some("True") => Kstatus::Current,
        _ => Kstatus::InProgress,
    }
}

fn judged(before: &[Verdict<'_>], last: &Verdict<'_>) -> Kstatus {
    let mut conditions = Vec::new();
    for verdict in before.iter().chain([last]) {
        apply(&mut conditions, verdict, true, Some(3), &Time(Timestamp::UNIX_EPOCH));
    }
    let deleting = matches!(last, Verdict::Leaving(_) | Verdict::LeavingFailed(_) | Verdict::Blocked(_));
    kstatus(deleting, 3, Some(3), &conditions)
}

fn throttled() -> Failure {
    AwsError::new(ErrorClass::Throttled, "SQS", "CreateQueue", "slow down").into()
}

#[test]
fn tools_see_what_is_ready_in_progress_and_failed() {
    let terminal = Failure::Terminal(Terminal::spec("busName", "is wrong"));
    let (wait, retry) = (Wait::reference(reason::REF_NOT_FOUND, "no bus"), throttled());
    let missing = [Difference::missing("queue gate")];
    for (before, last, expected) in [
        (vec![], Verdict::Ready, Kstatus::Current),
        (vec![], Verdict::Waiting(&wait), Kstatus::InProgress),
        (vec![], Verdict::Failed(&retry), Kstatus::InProgress),
        (vec![], Verdict::Failed(&terminal), Kstatus::Failed),
        (vec![], Verdict::Looked(&[]), Kstatus::Current),
        (vec![], Verdict::Looked(&missing), Kstatus::InProgress),
        (vec![], Verdict::Leaving(&wait), Kstatus::Terminating),
        // What came before leaves nothing behind that misleads.
        (vec![Verdict::Failed(&terminal)], Verdict::Ready, Kstatus::Current),
        (vec![Verdict::Failed(&terminal)], Verdict::Waiting(&wait), Kstatus::InProgress),
        (vec![Verdict::Failed(&terminal)], Verdict::Failed(&retry), Kstatus::Failed),
        (vec![Verdict::Ready], Verdict::Failed(&retry), Kstatus::Current),
        (vec![Verdict::Waiting(&wait)], Verdict::Failed(&terminal), Kstatus::Failed),
        // A pause leaves the judgement where it was.
        (vec![Verdict::Ready], Verdict::Paused, Kstatus::Current),
        (vec![Verdict::Failed(&terminal)], Verdict::Paused, Kstatus::Failed),
    ] {
        let said = judged(&before, &last);
        assert_eq!(said, expected, "{before:?} then {last:?}");
    }
}

#[test]
fn a_status_of_an_older_generation_is_in_progress() {
    let mut conditions = Vec::new();
    apply(&mut conditions, &Verdict::Ready, false, Some(3), &Time(Timestamp::UNIX_EPOCH));
    assert_eq!(kstatus(false, 4, Some(3), &conditions), Kstatus::InProgress);
}

#[test]
fn a_deletion_that_cannot_go_on_says_why_and_keeps_what_blocks_it() {
    let mut conditions = Vec::new();
    let blocked = Blocked { reason: reason::MESSAGES_LEFT, message: "3 messages".into(), again: Duration::ZERO };
    let away = Retry { message: "SQS is away".into(), pace: Pace::Quick, source: None }.into();
    for verdict in [Verdict::Ready, Verdict::Blocked(&blocked), Verdict::LeavingFailed(&away)] {
        apply(&mut conditions, &verdict, false, Some(3), &Time(Timestamp::UNIX_EPOCH));
    }
    let said: Vec<String> =
        conditions.iter().map(|c| format!("{}={} {} {}", c.type_, c.status, c.reason, c.message)).collect();
    assert_eq!(
        said,
        [
            "Ready=False Deleting SQS is away",
            "Synced=False ReconcileError SQS is away",
            "DeletionBlocked=True MessagesLeft 3 messages",
            "Reconciling=True Deleting SQS is away",
        ]
    );
}
