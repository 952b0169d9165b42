//! The conditions of all four kinds: types, reasons, and how a new one replaces an old one.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// All is as the spec says, and in effect.
pub const READY: &str = "Ready";
/// The last reconcile reached AWS and left nothing to do.
pub const SYNCED: &str = "Synced";
/// Every object that the spec names exists and consents.
pub const REFERENCES_RESOLVED: &str = "ReferencesResolved";
/// Only an edit can help.
pub const TERMINAL: &str = "Terminal";
/// Work is under way: present only while it is (kstatus reads it).
pub const RECONCILING: &str = "Reconciling";
/// Nothing will change before somebody acts: present only then (kstatus reads it).
pub const STALLED: &str = "Stalled";
/// The object is being deleted and something is in the way.
pub const DELETION_BLOCKED: &str = "DeletionBlocked";
/// InboxQueue: a copy of an event is recognised at whichever replica it arrives.
pub const REPLAY_PROTECTED: &str = "ReplayProtected";
/// InboxQueue with `autoscaling`: KEDA scales the consumers.
pub const AUTOSCALING: &str = "Autoscaling";

/// EventRule, only while it is False: no event comes to an inbox later than the inbox takes it.
pub const WITHIN_SKEW: &str = "WithinSkew";

/// The conditions that the runner sets for every kind; all others are a kind's own.
pub const COMMON: [&str; 7] = [READY, SYNCED, REFERENCES_RESOLVED, TERMINAL, RECONCILING, STALLED, DELETION_BLOCKED];

/// InboxQueue: its queues' policies cannot name all rules that target it.
pub const POLICY_FULL: &str = "PolicyFull";

/// Reasons, as they stand in `reason`.
pub mod reason {
    /// `Synced`: done.
    pub const RECONCILE_SUCCESS: &str = "ReconcileSuccess";
    /// `Synced`: it failed, and is tried again.
    pub const RECONCILE_ERROR: &str = "ReconcileError";
    /// `Synced`: the object is annotated `eventing.qsl.dev/paused`.
    pub const RECONCILE_PAUSED: &str = "ReconcilePaused";
    /// `Synced`: the object only observes, and AWS is as its spec says.
    pub const OBSERVED: &str = "Observed";
    /// `Synced`: the object only observes, and AWS differs from its spec; the message says in what.
    pub const DIFFERS: &str = "Differs";
    /// `Ready`: it is.
    pub const AVAILABLE: &str = "Available";
    /// `ReferencesResolved`: all are there.
    pub const RESOLVED: &str = "Resolved";
    /// `ReferencesResolved`: one does not exist (yet).
    pub const REF_NOT_FOUND: &str = "RefNotFound";
    /// `ReferencesResolved`: one exists and is not ready (yet).
    pub const REF_NOT_READY: &str = "RefNotReady";
    /// `ReferencesResolved`: the other namespace has not consented.
    pub const REF_NOT_PERMITTED: &str = "RefNotPermitted";
    /// `WithinSkew`: an event may come later than its inbox takes it, and is dead-lettered then.
    pub const LATER_THAN_SKEW: &str = "LaterThanSkew";
    /// `Terminal`: a field has a value that cannot work.
    pub const INVALID_SPEC: &str = "InvalidSpec";
    /// `Terminal`: the installation's `tenancy` does not let this namespace do that.
    pub const NOT_GRANTED: &str = "NotGranted";
    /// `Terminal`: what stands in AWS under this name is not ours.
    pub const NOT_OURS: &str = "NotOurs";
    /// `Ready`: permissions were changed and get their time to act.
    pub const SETTLING: &str = "Settling";
    /// `Ready`: the object is being deleted.
    pub const DELETING: &str = "Deleting";
    /// `Ready`: the KMS key that the spec names cannot be used (by EventBridge).
    pub const KEY_NOT_USABLE: &str = "KeyNotUsable";
    /// `Ready`: a retention stays as it is, since messages would be lost by shortening it.
    pub const MESSAGES_WOULD_EXPIRE: &str = "MessagesWouldExpire";
    /// `PolicyFull`, and `Terminal` of the rules: the policies of an inbox's queues have no room for all rules.
    pub const NO_ROOM: &str = "NoRoomInPolicy";
    /// `DeletionBlocked`: messages are left.
    pub const MESSAGES_LEFT: &str = "MessagesLeft";
    /// `DeletionBlocked`: rules are left.
    pub const RULES_LEFT: &str = "RulesLeft";
    /// `Ready`: consumers of this version cannot do what a field asks for.
    pub const NOT_SUPPORTED: &str = "NotSupported";
    /// `Ready`: the EventRule of a subscription does not deliver yet.
    pub const SUBSCRIPTION_NOT_READY: &str = "SubscriptionNotReady";
    /// `ReplayProtected`: what was handled is remembered by each replica alone.
    pub const MEMORY_OF_ONE_REPLICA: &str = "MemoryOfOneReplica";
    /// `ReplayProtected`: what was handled is remembered for all replicas, but not while the journal is away.
    pub const DELIVERS_ANYWAY: &str = "DeliversAnyway";
    /// `ReplayProtected`: what was handled is remembered for all replicas together.
    pub const SHARED_STORE: &str = "SharedStore";
    /// `Autoscaling`: the ScaledObject is applied.
    pub const SCALED_OBJECT_APPLIED: &str = "ScaledObjectApplied";
    /// `Autoscaling`: there is no KEDA in the cluster.
    pub const KEDA_NOT_INSTALLED: &str = "KedaNotInstalled";
    /// `DeletionBlocked`, `Terminal`: nothing of that kind.
    pub const NONE: &str = "None";
}

/// Puts `new` among `conditions`, in place of the one of its type; the transition's time moves only with the status.
pub fn set(conditions: &mut Vec<Condition>, new: Condition) {
    match conditions.iter_mut().find(|old| old.type_ == new.type_) {
        Some(old) => {
            let since = if old.status == new.status {
                old.last_transition_time.clone()
            } else {
                new.last_transition_time.clone()
            };
            *old = Condition { last_transition_time: since, ..new };
        }
        None => conditions.push(new),
    }
}

/// The condition of that type, where there is one.
pub fn get<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of that type says `True`.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    get(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// A condition; the message is cut to what the API server takes.
pub fn condition(
    type_: &str,
    status: bool,
    reason: &str,
    message: &str,
    generation: Option<i64>,
    now: Time,
) -> Condition {
    Condition {
        type_: type_.to_owned(),
        status: if status { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: message.chars().take(4096).collect(),
        observed_generation: generation,
        last_transition_time: now,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn at(second: i64, status: bool) -> Condition {
        condition(READY, status, "Reason", "", Some(1), Time(Timestamp::from_second(second).unwrap_or_default()))
    }

    #[test]
    fn the_time_moves_with_the_status_alone() {
        let mut conditions = vec![at(10, true)];
        set(&mut conditions, at(20, true));
        assert_eq!(conditions, [at(10, true)]);
        set(&mut conditions, at(30, false));
        assert_eq!(conditions, [at(30, false)]);
    }
}
