//! From the spec to what `operator-core` takes; after this the types cannot be wrong.

use std::{collections::BTreeSet, sync::Arc};

use crds::{
    InboxQueue, InboxQueueSpec,
    inbox_aws::{Encryption, InboxAlarms, InboxThresholds},
    names::ALLOW_EXPIRY,
};
use kube::ResourceExt;
use operator_core::{
    Claim, Installation,
    arn::ActionArn,
    inbox::{self, Alarms, Desired, Room, TrustTooLong},
    names::InboxQueueName,
    owner::Kind,
    ports,
};

use super::dereference::Feeding;
use crate::{controllers::world::owner, runner::Terminal};

/// SQS moves a message away after so many receives for each attempt that the consumer may make.
const RECEIVES_PER_ATTEMPT: i32 = 3;

/// The inbox as it should be, and which of the rules that feed it its policies have room for; or which field is wrong.
pub(in crate::controllers) fn validate(
    installation: &Arc<Installation>,
    claim: Claim,
    object: &InboxQueue,
    feeding: &Feeding,
) -> Result<(Desired, Room), Terminal> {
    let InboxQueueSpec {
        queue_name,
        fifo,
        visibility_timeout_seconds,
        message_retention_seconds,
        max_attempts,
        sealed,
        allowed_namespaces: _,
        encryption,
        dead_letter,
        service_accounts,
        redrive_service_accounts,
        // What the sidecar goes by reaches it as signed configuration.
        forward: _,
        verification: _,
        deduplication: _,
        consuming: _,
        // What stands in Kubernetes: rules, and what KEDA scales by.
        subscriptions: _,
        autoscaling: _,
        alarms,
        tags,
        deletion_policy: _,
        adoption_policy: _,
        management_policy: _,
    } = &object.spec;
    let mut desired = Desired {
        installation: Arc::clone(installation),
        owner: owner(Kind::InboxQueue, object),
        claim,
        queue_name: InboxQueueName::of(queue_name, *fifo).map_err(|error| Terminal::spec("queueName", error))?,
        visibility_timeout_seconds: positive("visibilityTimeoutSeconds", *visibility_timeout_seconds)?,
        retention_seconds: positive("messageRetentionSeconds", *message_retention_seconds)?,
        dead_letter_retention_seconds: positive("deadLetter.retentionSeconds", dead_letter.retention_seconds)?,
        allow_expiry: object.annotations().get(ALLOW_EXPIRY).and_then(|seconds| seconds.trim().parse().ok()),
        encryption: encrypted(encryption)?,
        max_receive_count: positive("maxAttempts", max_attempts.saturating_mul(RECEIVES_PER_ATTEMPT).min(1000))?,
        sealed: *sealed,
        allowed_rule_arns: BTreeSet::new(),
        service_accounts: service_accounts.iter().cloned().collect(),
        redrive_service_accounts: redrive_service_accounts.iter().cloned().collect(),
        alarms: watched(alarms)?,
        tags: tags.clone(),
    };
    if let Some(too_long) = desired.trust_too_long() {
        let field = match too_long {
            TrustTooLong::Consumers { .. } => "serviceAccounts",
            TrustTooLong::Redrivers { .. } => "redriveServiceAccounts",
        };
        return Err(Terminal::spec(field, too_long));
    }
    let room = inbox::give_room(&desired, &feeding.rules);
    desired.allowed_rule_arns.clone_from(&room.admitted);
    Ok((desired, room))
}

fn encrypted(encryption: &Encryption) -> Result<ports::Encryption, Terminal> {
    let Encryption { kms_key_id, data_key_reuse_seconds } = encryption;
    let Some(key) = kms_key_id else { return Ok(ports::Encryption::SqsManaged) };
    let reuse = positive("encryption.dataKeyReuseSeconds", *data_key_reuse_seconds)?;
    inbox::with_key(key, reuse).map_err(|error| Terminal::spec("encryption.kmsKeyId", error))
}

fn watched(alarms: &InboxAlarms) -> Result<Option<Alarms>, Terminal> {
    let InboxAlarms { enabled, actions, thresholds } = alarms;
    let InboxThresholds { oldest_message_age_seconds, dead_letters, in_flight } = thresholds;
    let actions: Result<BTreeSet<_>, _> = actions.iter().map(|action| ActionArn::parse(action)).collect();
    let alarms = Alarms {
        actions: actions.map_err(|error| Terminal::spec("alarms.actions", error))?,
        oldest_message_age_seconds: positive("alarms.thresholds.oldestMessageAgeSeconds", *oldest_message_age_seconds)?,
        dead_letters: u32::try_from(*dead_letters)
            .map_err(|_| Terminal::spec("alarms.thresholds.deadLetters", "must be 0 or more"))?,
        in_flight: positive("alarms.thresholds.inFlight", *in_flight)?,
    };
    Ok(enabled.then_some(alarms))
}

fn positive(field: &str, value: i32) -> Result<u32, Terminal> {
    u32::try_from(value).ok().filter(|value| *value > 0).ok_or_else(|| Terminal::spec(field, "must be more than 0"))
}

#[cfg(test)]
mod tests;
