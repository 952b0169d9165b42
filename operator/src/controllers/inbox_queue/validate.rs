//! From the spec to what `operator-core` takes; after this the types cannot be wrong.

use std::sync::Arc;

use crds::{InboxQueue, InboxQueueSpec};
use operator_core::{Claim, Installation, inbox::Desired, names::InboxQueueName, owner::Kind};

use super::dereference::Feeding;
use crate::{controllers::world::owner, runner::Terminal};

/// SQS moves a message away after so many receives for each attempt that the consumer may make.
const RECEIVES_PER_ATTEMPT: i32 = 3;

/// The inbox as it should be, or which field is wrong.
pub(super) fn validate(
    installation: &Arc<Installation>,
    claim: Claim,
    object: &InboxQueue,
    feeding: &Feeding,
) -> Result<Desired, Terminal> {
    let InboxQueueSpec {
        queue_name,
        visibility_timeout_seconds,
        message_retention_seconds,
        max_attempts,
        sealed,
        allowed_namespaces: _,
        dead_letter,
        service_accounts,
        // What the sidecar goes by reaches it as signed configuration.
        forward: _,
        verification: _,
        deduplication: _,
        consuming: _,
        // What stands in Kubernetes: rules, and what KEDA scales by.
        subscriptions: _,
        autoscaling: _,
        tags,
        deletion_policy: _,
        adoption_policy: _,
        management_policy: _,
    } = &object.spec;
    let desired = Desired {
        installation: Arc::clone(installation),
        owner: owner(Kind::InboxQueue, object),
        claim,
        queue_name: InboxQueueName::parse(queue_name.as_str()).map_err(|error| Terminal::spec("queueName", error))?,
        visibility_timeout_seconds: positive("visibilityTimeoutSeconds", *visibility_timeout_seconds)?,
        retention_seconds: positive("messageRetentionSeconds", *message_retention_seconds)?,
        dead_letter_retention_seconds: positive("deadLetter.retentionSeconds", dead_letter.retention_seconds)?,
        max_receive_count: positive("maxAttempts", max_attempts.saturating_mul(RECEIVES_PER_ATTEMPT).min(1000))?,
        sealed: *sealed,
        allowed_rule_arns: feeding.rules.clone(),
        service_accounts: service_accounts.iter().cloned().collect(),
        tags: tags.clone(),
    };
    if !desired.policies_fit() {
        let reason = crds::conditions::reason::INVALID_SPEC;
        let message = format!(
            "{} rules target this inbox, more than a queue's policy of 8,192 bytes can name: let fewer rules target it",
            desired.allowed_rule_arns.len()
        );
        return Err(Terminal { reason, message });
    }
    Ok(desired)
}

fn positive(field: &str, value: i32) -> Result<u32, Terminal> {
    u32::try_from(value).ok().filter(|value| *value > 0).ok_or_else(|| Terminal::spec(field, "must be more than 0"))
}
