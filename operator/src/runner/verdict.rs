//! The conditions that follow from what a pass came to. Pure.

use crds::conditions::{
    self, COMMON, DELETION_BLOCKED, READY, RECONCILING, REFERENCES_RESOLVED, STALLED, SYNCED, TERMINAL, reason,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use operator_core::difference::{self, Difference};

use super::{Blocked, Failure, Wait};

/// What a pass came to, as far as conditions go.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// All is in effect.
    Ready,
    /// What could be done is done; the rest waits.
    Waiting(&'a Wait),
    /// The pass ended early.
    Failed(&'a Failure),
    /// The object is paused.
    Paused,
    /// The object only observes, and this is what differs from its spec.
    Looked(&'a [Difference]),
    /// The object is on its way out.
    Leaving(&'a Wait),
    /// The object is on its way out, and the pass ended early.
    LeavingFailed(&'a Failure),
    /// The object is on its way out, and something is in the way.
    Blocked(&'a Blocked),
}

/// Sets the conditions of `verdict` among `conditions`. With `has_references` the condition `ReferencesResolved` is
/// shown.
pub fn apply(
    conditions: &mut Vec<Condition>,
    verdict: &Verdict<'_>,
    has_references: bool,
    generation: Option<i64>,
    now: &Time,
) {
    let was_ready = conditions::get(conditions, READY)
        .is_some_and(|ready| ready.status == "True" && ready.observed_generation == generation);
    let mut set = |type_: &str, status: bool, reason: &str, message: &str| {
        conditions::set(conditions, conditions::condition(type_, status, reason, message, generation, now.clone()));
    };
    match verdict {
        Verdict::Ready => {
            set(READY, true, reason::AVAILABLE, "");
            set(SYNCED, true, reason::RECONCILE_SUCCESS, "");
            if has_references {
                set(REFERENCES_RESOLVED, true, reason::RESOLVED, "");
            }
        }
        Verdict::Waiting(wait) => {
            set(READY, false, wait.reason, &wait.message);
            set(SYNCED, true, reason::RECONCILE_SUCCESS, "");
            resolved(&mut set, wait, has_references);
        }
        Verdict::Failed(Failure::Wait(wait)) => {
            set(READY, false, wait.reason, &wait.message);
            resolved(&mut set, wait, has_references);
        }
        Verdict::Failed(Failure::Retry(retry)) => {
            if !was_ready {
                set(READY, false, retry.reason(), &retry.message);
            }
            set(SYNCED, false, reason::RECONCILE_ERROR, &retry.message);
        }
        Verdict::Failed(Failure::Terminal(terminal)) => {
            set(READY, false, terminal.reason, &terminal.message);
            set(SYNCED, false, reason::RECONCILE_ERROR, &terminal.message);
            set(TERMINAL, true, terminal.reason, &terminal.message);
        }
        Verdict::Looked([]) => {
            set(READY, true, reason::AVAILABLE, "");
            set(SYNCED, true, reason::OBSERVED, "AWS is as the spec says; it is only looked at");
            if has_references {
                set(REFERENCES_RESOLVED, true, reason::RESOLVED, "");
            }
        }
        Verdict::Looked(differences) => {
            let message = difference::sentence(differences);
            set(READY, false, reason::DIFFERS, &message);
            set(SYNCED, false, reason::DIFFERS, &message);
            if has_references {
                set(REFERENCES_RESOLVED, true, reason::RESOLVED, "");
            }
        }
        Verdict::Paused => {
            set(
                SYNCED,
                false,
                reason::RECONCILE_PAUSED,
                "annotation eventing.qsl.dev/paused is true: nothing is changed",
            );
        }
        Verdict::Leaving(wait) => set(READY, false, reason::DELETING, &wait.message),
        Verdict::LeavingFailed(failure) => {
            let message = failure.to_string();
            set(READY, false, reason::DELETING, &message);
            if !matches!(failure, Failure::Wait(_)) {
                set(SYNCED, false, reason::RECONCILE_ERROR, &message);
            }
        }
        Verdict::Blocked(blocked) => {
            set(READY, false, reason::DELETING, &blocked.message);
            set(DELETION_BLOCKED, true, blocked.reason, &blocked.message);
        }
    }
    let stays = |type_: &str| match type_ {
        TERMINAL => matches!(verdict, Verdict::Paused | Verdict::Failed(Failure::Terminal(_) | Failure::Retry(_))),
        DELETION_BLOCKED => matches!(verdict, Verdict::Paused | Verdict::Blocked(_) | Verdict::LeavingFailed(_)),
        RECONCILING | STALLED => matches!(verdict, Verdict::Paused),
        // A spec that no longer names anything has nothing to be resolved.
        REFERENCES_RESOLVED => match verdict {
            Verdict::Ready | Verdict::Looked(_) => has_references,
            Verdict::Waiting(wait) => has_references || wait.condition == REFERENCES_RESOLVED,
            _ => true,
        },
        _ => true,
    };
    conditions.retain(|condition| stays(&condition.type_));
    for_kstatus(conditions, verdict, generation, now);
}

/// What kstatus goes by (`kubectl wait`, Argo CD and Flux through it): an object that waits, is tried again or differs
/// is in progress, one that only an edit can help has failed. Both conditions are there only while they say `True`.
fn for_kstatus(conditions: &mut Vec<Condition>, verdict: &Verdict<'_>, generation: Option<i64>, now: &Time) {
    let ready = conditions::get(conditions, READY).filter(|ready| ready.status != "True");
    let Some((reason, message)) = ready.map(|ready| (ready.reason.clone(), ready.message.clone())) else { return };
    let type_ = match verdict {
        Verdict::Paused => return,
        Verdict::Failed(Failure::Terminal(_)) => STALLED,
        // A fault of the moment does not take back what an edit must fix.
        Verdict::Failed(Failure::Retry(_)) if conditions::is_true(conditions, TERMINAL) => STALLED,
        _ => RECONCILING,
    };
    conditions::set(conditions, conditions::condition(type_, true, &reason, &message, generation, now.clone()));
}

/// The conditions that were, with a kind's own as they were just found: those that all kinds have stay for [`apply`].
pub fn merge(before: &[Condition], found: &[Condition]) -> Vec<Condition> {
    let is_own = |condition: &&Condition| !COMMON.contains(&condition.type_.as_str());
    let stays = |old: &&Condition| !is_own(old) || conditions::get(found, &old.type_).is_some();
    let mut merged: Vec<Condition> = before.iter().filter(stays).cloned().collect();
    for new in found.iter().filter(is_own) {
        conditions::set(&mut merged, new.clone());
    }
    merged
}

/// `ReferencesResolved`, from what is waited for.
fn resolved(set: &mut impl FnMut(&str, bool, &str, &str), wait: &Wait, has_references: bool) {
    if wait.condition == REFERENCES_RESOLVED {
        set(REFERENCES_RESOLVED, false, wait.reason, &wait.message);
    } else if has_references {
        set(REFERENCES_RESOLVED, true, reason::RESOLVED, "");
    }
}

#[cfg(test)]
mod kstatus;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::runner::{Pace, Retry, Terminal};

    fn now() -> Time {
        Time(Timestamp::UNIX_EPOCH)
    }

    fn after(conditions: &mut Vec<Condition>, verdict: &Verdict<'_>) -> Vec<String> {
        apply(conditions, verdict, true, Some(2), &now());
        conditions.iter().map(|c| format!("{}={} {}", c.type_, c.status, c.reason)).collect()
    }

    fn retry() -> Failure {
        Retry { message: "down".into(), pace: Pace::Quick, source: None }.into()
    }

    #[test]
    fn ready_says_so_everywhere() {
        let all = ["Ready=True Available", "Synced=True ReconcileSuccess", "ReferencesResolved=True Resolved"];
        assert_eq!(after(&mut Vec::new(), &Verdict::Ready), all);
    }

    #[test]
    fn a_fault_of_the_network_leaves_what_was_ready_ready() {
        let mut conditions = Vec::new();
        after(&mut conditions, &Verdict::Ready);
        let said = after(&mut conditions, &Verdict::Failed(&retry()));
        assert_eq!(said, ["Ready=True Available", "Synced=False ReconcileError", "ReferencesResolved=True Resolved"]);
    }

    #[test]
    fn a_fault_after_an_edit_does_not() {
        let mut conditions = Vec::new();
        apply(&mut conditions, &Verdict::Ready, false, Some(1), &now());
        let said = after(&mut conditions, &Verdict::Failed(&retry()));
        assert_eq!(
            said,
            ["Ready=False ReconcileError", "Synced=False ReconcileError", "Reconciling=True ReconcileError"]
        );
    }

    #[test]
    fn terminal_goes_with_the_edit_that_helps() {
        let mut conditions = Vec::new();
        let failure = Failure::Terminal(Terminal::spec("eventPattern", "is empty"));
        let said = after(&mut conditions, &Verdict::Failed(&failure));
        assert!(said.contains(&"Terminal=True InvalidSpec".to_owned()), "{said:?}");
        let said = after(&mut conditions, &Verdict::Ready);
        assert!(!said.iter().any(|line| line.starts_with("Terminal")), "{said:?}");
    }

    #[test]
    fn a_missing_reference_is_not_an_error() {
        let wait = Wait::reference(reason::REF_NOT_FOUND, "no bus");
        let said = after(&mut Vec::new(), &Verdict::Failed(&Failure::Wait(wait)));
        let expected =
            ["Ready=False RefNotFound", "ReferencesResolved=False RefNotFound", "Reconciling=True RefNotFound"];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_names_nothing_any_more_has_nothing_to_be_resolved() {
        let mut conditions = Vec::new();
        after(&mut conditions, &Verdict::Ready);
        apply(&mut conditions, &Verdict::Ready, false, Some(3), &now());
        assert!(conditions::get(&conditions, REFERENCES_RESOLVED).is_none(), "{conditions:?}");
    }

    #[test]
    fn a_kinds_own_conditions_come_and_go_and_keep_their_time() {
        let own = |type_: &str, second| {
            let at = Time(Timestamp::from_second(second).unwrap_or_default());
            conditions::condition(type_, true, "Reason", "", Some(1), at)
        };
        let before = [own(READY, 1), own("Scaled", 1), own("Gone", 1)];
        let merged = merge(&before, &[own("Scaled", 2), own("New", 2), own(READY, 2)]);
        assert_eq!(merged, [own(READY, 1), own("Scaled", 1), own("New", 2)]);
        assert_eq!(merge(&before, &before), before);
    }

    #[test]
    fn a_blocked_deletion_is_shown_until_it_is_not() {
        let mut conditions = Vec::new();
        let blocked = Blocked { reason: reason::MESSAGES_LEFT, message: "3 messages".into(), again: Duration::ZERO };
        let said = after(&mut conditions, &Verdict::Blocked(&blocked));
        let expected = ["Ready=False Deleting", "DeletionBlocked=True MessagesLeft", "Reconciling=True Deleting"];
        assert_eq!(said, expected);
        let wait = Wait::time(reason::DELETING, "queues go", Duration::ZERO);
        let leaving = ["Ready=False Deleting", "Reconciling=True Deleting"];
        assert_eq!(after(&mut conditions, &Verdict::Leaving(&wait)), leaving);
    }
}
