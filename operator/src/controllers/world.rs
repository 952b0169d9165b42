//! What the AWS-backed controllers share: the objects, AWS, and the installation they work for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crds::{
    Eventing, InboxQueue,
    conditions::reason,
    names::{FORCE_DELETE, RECONCILE_REQUESTED_AT},
    object::CommonStatus,
};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use operator_core::{
    Aws, Installation, Tenancy,
    deletion::{DeletionBlocked, DeletionStep, Waiting},
    names::{InboxQueueName, QueueName},
    owner::{Kind, Owner},
    parse::ParseError,
};

use crate::runner::{
    Blocked, Cleanup, Hub, Wait,
    expiry::{Expiry, expiry},
};

/// How often a blocked deletion is looked at: what is in the way goes in AWS, where nothing wakes us.
const BLOCKED_AGAIN: Duration = Duration::from_secs(30);

/// How many steps a deletion takes in one pass, at most.
pub(super) const STEPS: usize = 8;

/// The objects, AWS, and the installation.
#[derive(Clone)]
pub struct World {
    /// The objects of all kinds.
    pub hub: Hub,
    /// AWS; what need not be asked again is answered from memory.
    pub aws: Aws,
    /// AWS, asked each time: for deletions, and where a person asks for a look.
    pub fresh: Aws,
    /// The installation.
    pub installation: Arc<Installation>,
    /// What it grants to whom.
    pub tenancy: Arc<Tenancy>,
}

impl World {
    /// AWS for a pass over the object: asked each time where a person asked for the pass.
    pub(super) fn aws_for<K: Eventing>(&self, object: &K) -> &Aws {
        let requested = object.annotations().get(RECONCILE_REQUESTED_AT);
        let handled = object.status().and_then(CommonStatus::last_handled_reconcile_at);
        if requested.is_some_and(|requested| Some(requested.as_str()) != handled) { &self.fresh } else { &self.aws }
    }
}

/// The owner that an object is, in AWS.
pub(super) fn owner<K: Eventing>(kind: Kind, object: &K) -> Owner {
    Owner {
        kind,
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
    }
}

/// Whether a person asked for the deletion whatever is in the way, or the object's time is over.
pub(super) fn is_forced<K: Eventing>(object: &K) -> bool {
    let asked = object.annotations().get(FORCE_DELETE).is_some_and(|value| value == "true");
    asked || expiry(object.annotations(), Timestamp::now()) == Expiry::Over
}

/// What of an object makes its own controller look at it: not its status, which is that controller's own work.
pub(super) fn own_facts<K: Eventing>(object: &K) -> (Option<String>, Option<i64>, bool, BTreeMap<String, String>) {
    let meta = object.meta();
    (meta.uid.clone(), meta.generation, meta.deletion_timestamp.is_some(), object.annotations().clone())
}

/// `namespace/name` of an object.
pub(super) fn full_name<K: Eventing>(object: &K) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// The name of an inbox's queue, from which those of its others come.
pub(crate) fn queue_name(inbox: &InboxQueue) -> Result<InboxQueueName, ParseError> {
    InboxQueueName::of(&inbox.spec.queue_name, inbox.spec.fifo)
}

/// All queues of an inbox; none of a name that is not one, which the schema refuses.
pub(crate) fn queues(inbox: &InboxQueue) -> BTreeSet<QueueName> {
    let Ok(name) = queue_name(inbox) else { return BTreeSet::new() };
    [Some(name.queue()), Some(name.dead_letter()), name.undelivered()].into_iter().flatten().collect()
}

/// What a step of a deletion in AWS that is not an action comes to; `None` for actions, which are the caller's to do.
pub(super) fn cleanup_of<Action>(step: &DeletionStep<Action>) -> Option<Cleanup> {
    match step {
        DeletionStep::Act(_) => None,
        DeletionStep::Gone => Some(Cleanup::Done),
        DeletionStep::Wait(waiting) => {
            let again = match waiting {
                Waiting::Targets { .. } => BLOCKED_AGAIN,
                Waiting::Settle { remaining } => *remaining,
            };
            Some(Cleanup::Waiting(Wait::time(reason::DELETING, waiting.to_string(), again)))
        }
        DeletionStep::Blocked(blocked) => {
            let reason = match blocked {
                DeletionBlocked::Messages { .. } => reason::MESSAGES_LEFT,
                DeletionBlocked::Rules { .. } => reason::RULES_LEFT,
            };
            Some(Cleanup::Blocked(Blocked { reason, message: way_out(&blocked.to_string()), again: BLOCKED_AGAIN }))
        }
    }
}

/// Objects of ours are in the way of a deletion.
pub(super) fn blocked_by_rules(names: &[String]) -> Cleanup {
    let message = way_out(&format!("EventRules are attached to the bus: {}", names.join(", ")));
    Cleanup::Blocked(Blocked { reason: reason::RULES_LEFT, message, again: BLOCKED_AGAIN })
}

fn way_out(what: &str) -> String {
    format!("{what}; remove that, or annotate the object {FORCE_DELETE}=true to delete it all the same")
}
