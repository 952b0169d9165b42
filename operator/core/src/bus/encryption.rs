//! A bus that a customer's key encrypts: whether EventBridge can use the key, and whether what it cannot encrypt is
//! kept. Both are looked at before the bus is made or changed: an event that meets a key which refuses is lost, or goes to
//! the dead-letter queue where there is one that takes it.
//!
//! EventBridge uses the key itself, on behalf of the bus: publishers need no permission on it
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html>). It says which bus or
//! archive it is for in the encryption context.

use super::{Desired, Obstacle};
use crate::arn::QueueArn;
use crate::error::{AwsError, ErrorClass};
use crate::key;
use crate::names::KmsKeyId;
use crate::policy::PolicyDocument;
use crate::policy::grants::{EVENTBRIDGE, Known, Request, allows};
use crate::ports::{Aws, QueueFacts};
use serde_json::{Value, json};

/// The encryption context in which EventBridge names the bus, or the archive.
const CONTEXT: &str = "kms:EncryptionContext:aws:events:event-bus:arn";
/// What EventBridge does with the key of a bus.
const OF_A_BUS: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];
/// What it does with the key of an archive.
const OF_AN_ARCHIVE: [&str; 4] = ["kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"];

/// The key that the bus should have, by its ARN, and what keeps EventBridge from using it or the dead-letter queue.
pub(super) async fn observe(aws: &Aws, desired: &Desired) -> Result<(Option<KmsKeyId>, Option<Obstacle>), AwsError> {
    let found = match check_dead_letter(aws, desired).await {
        Ok(()) => find_key(aws, desired).await,
        Err(obstacle) => Err(obstacle),
    };
    match found {
        Ok(key) => Ok((key, None)),
        Err(Obstacle::Unknown(error)) if !is_for_a_person(&error) => Err(error),
        Err(obstacle) => Ok((None, Some(obstacle))),
    }
}

/// Whether a person has to do something about it. That must not keep, say, the rollback switch from acting.
fn is_for_a_person(error: &AwsError) -> bool {
    matches!(error.class, ErrorClass::Denied | ErrorClass::Missing | ErrorClass::Invalid)
}

/// Finds the key that the bus should have, or says why it cannot have it.
async fn find_key(aws: &Aws, desired: &Desired) -> Result<Option<KmsKeyId>, Obstacle> {
    let Some(id) = &desired.kms_key else {
        return Ok(None);
    };
    let seen = key::observe(aws, &desired.installation, id).await?;
    key::judge(id.as_str(), seen.as_ref(), &desired.installation, |policy, arn| {
        let enough = lets_eventbridge_use(desired, policy, &arn.to_string());
        if enough { Vec::new() } else { statements(desired).into() }
    })?;
    Ok(seen.map(|key| KmsKeyId::of(&key.facts.arn)))
}

/// The ARNs of the bus and of its archives, as EventBridge names them in the encryption context.
fn contexts(desired: &Desired) -> Vec<(String, &'static [&'static str])> {
    let bus = (desired.installation.bus_arn(&desired.bus_name).to_string(), &OF_A_BUS[..]);
    let archives = desired.archives.keys();
    let archives = archives.map(|name| (desired.installation.archive_arn(name).to_string(), &OF_AN_ARCHIVE[..]));
    std::iter::once(bus).chain(archives).collect()
}

/// The statements that a key's policy needs.
fn statements(desired: &Desired) -> [Value; 2] {
    let arns: Vec<String> = contexts(desired).into_iter().map(|(arn, _)| arn).collect();
    let mut actions = vec!["kms:Decrypt", "kms:GenerateDataKey"];
    if !desired.archives.is_empty() {
        actions.push("kms:ReEncrypt*");
    }
    let principal = json!({"Service": EVENTBRIDGE});
    [
        json!({"Effect": "Allow", "Principal": principal, "Action": "kms:DescribeKey", "Resource": "*"}),
        json!({
            "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*",
            "Condition": {"StringEquals": {CONTEXT: arns}},
        }),
    ]
}

fn lets_eventbridge_use(desired: &Desired, policy: &PolicyDocument, key: &str) -> bool {
    let account = Known::Is(desired.installation.account.as_str());
    let context_key = CONTEXT.to_lowercase();
    let may = |action: &str, arn: Option<&str>| {
        let mut context = vec![("aws:sourceaccount", account)];
        context.push((context_key.as_str(), arn.map_or(Known::Absent, Known::Is)));
        // Whether a mere look names its source, nobody says.
        context.extend(arn.map(|arn| ("aws:sourcearn", Known::Is(arn))));
        allows(policy, &Request { action, resource: key, context: &context })
    };
    let uses = contexts(desired);
    may("kms:DescribeKey", None)
        && uses.iter().all(|(arn, actions)| actions.iter().all(|one| may(one, Some(arn.as_str()))))
}

/// Looks whether the dead-letter queue takes what the bus sends it. It is not ours: its policy is never written.
async fn check_dead_letter(aws: &Aws, desired: &Desired) -> Result<(), Obstacle> {
    let Some(queue) = &desired.dead_letter else {
        return Ok(());
    };
    let Some(facts) = find_queue(aws, queue).await? else {
        return Err(Obstacle::DeadLetterMissing(queue.clone()));
    };
    if facts.attributes.policy.as_ref().is_some_and(|policy| takes_from_bus(desired, policy, queue)) {
        return Ok(());
    }
    let bus = desired.installation.bus_arn(&desired.bus_name);
    let statement = json!({
        "Effect": "Allow", "Principal": {"Service": EVENTBRIDGE}, "Action": "sqs:SendMessage", "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": bus}},
    });
    Err(Obstacle::DeadLetterRefuses { queue: queue.clone(), statement })
}

async fn find_queue(aws: &Aws, queue: &QueueArn) -> Result<Option<QueueFacts>, AwsError> {
    // No queue has a name that SQS would not give it.
    let Some(name) = queue.name() else {
        return Ok(None);
    };
    match aws.queues.url(&name).await? {
        Some(url) => aws.queues.queue(&url).await,
        None => Ok(None),
    }
}

fn takes_from_bus(desired: &Desired, policy: &PolicyDocument, queue: &QueueArn) -> bool {
    let bus = desired.installation.bus_arn(&desired.bus_name).to_string();
    let account = desired.installation.account.as_str();
    let context = [("aws:sourcearn", Known::Is(bus.as_str())), ("aws:sourceaccount", Known::Is(account))];
    allows(policy, &Request { action: "sqs:SendMessage", resource: &queue.to_string(), context: &context })
}
