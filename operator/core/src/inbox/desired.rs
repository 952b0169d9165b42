//! What an inbox should be.

use super::alarms::Alarms;
use crate::arn::{QueueArn, RoleArn, RuleArn};
use crate::claim::Claim;
use crate::installation::Installation;
use crate::names::{InboxQueueName, QueueName};
use crate::owner::Owner;
use crate::policy::PolicyDocument;
use crate::policy::queue::{Senders, queue_policy};
use crate::ports::{Encryption, NewQueue, QueueAttributes, Redrive};
use crate::tags::{self, ALARMED, Tags};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// SQS's own limit for a message with its attributes.
const MESSAGE_MAX: u32 = 1_048_576;
/// The visibility of dead letters: what a person or a tool works on.
const DEAD_LETTER_VISIBILITY: u32 = 30;

/// Which of an inbox's queues. In the order in which they are made: a redrive policy must find its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What consumers reject, and what was received too often.
    DeadLetter,
    /// What EventBridge could not deliver to a FIFO inbox.
    Undelivered,
    /// The inbox itself.
    Inbox,
}

/// An inbox as it should be.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The installation.
    pub installation: Arc<Installation>,
    /// Whose it is.
    pub owner: Owner,
    /// How it lays claim to what it finds.
    pub claim: Claim,
    /// The queue's name.
    pub queue_name: InboxQueueName,
    /// How long a received message stays hidden, in seconds.
    pub visibility_timeout_seconds: u32,
    /// How long a message is kept, in seconds.
    pub retention_seconds: u32,
    /// How long a dead letter is kept, in seconds.
    pub dead_letter_retention_seconds: u32,
    /// A retention, in seconds, that may be shortened to although messages expire by it: a person's word.
    pub allow_expiry: Option<u32>,
    /// How what the queues hold is encrypted; never [`Encryption::None`] where a spec was validated.
    pub encryption: Encryption,
    /// Receives before SQS itself moves a message away, at most 1,000.
    pub max_receive_count: u32,
    /// Whether all but the rules and the inbox's roles are refused.
    pub sealed: bool,
    /// The rules that may send, and that there is room for ([`super::give_room`]).
    pub allowed_rule_arns: BTreeSet<RuleArn>,
    /// The consumers, service accounts of the owner's namespace.
    pub service_accounts: BTreeSet<String>,
    /// Who may bring dead letters back, beside the installation's tools: service accounts of the owner's namespace.
    pub redrive_service_accounts: BTreeSet<String>,
    /// The alarms, where there are to be some.
    pub alarms: Option<Alarms>,
    /// The user's tags.
    pub tags: Tags,
}

/// The names of all queues of an inbox, in the order in which they are made.
pub(super) fn queue_names(name: &InboxQueueName) -> BTreeMap<Part, QueueName> {
    let mut names = BTreeMap::from([(Part::Inbox, name.queue()), (Part::DeadLetter, name.dead_letter())]);
    if let Some(undelivered) = name.undelivered() {
        names.insert(Part::Undelivered, undelivered);
    }
    names
}

impl Desired {
    /// The ARN of one of the queues.
    pub fn queue_arn(&self, part: Part) -> Option<QueueArn> {
        queue_names(&self.queue_name).get(&part).map(|name| self.installation.queue_arn(name))
    }

    /// All queues, dead letters first; `lingering` rules may still send, since their targets are not yet gone.
    pub(super) fn queues(&self, lingering: &BTreeSet<RuleArn>) -> BTreeMap<Part, NewQueue> {
        let rules: BTreeSet<RuleArn> = self.allowed_rule_arns.union(lingering).cloned().collect();
        let dead_letter = self.installation.queue_arn(&self.queue_name.dead_letter());
        queue_names(&self.queue_name)
            .into_iter()
            .map(|(part, name)| {
                let arn = self.installation.queue_arn(&name);
                let attributes = match part {
                    Part::Inbox => QueueAttributes {
                        visibility_timeout_seconds: self.visibility_timeout_seconds,
                        retention_seconds: self.retention_seconds,
                        max_message_bytes: MESSAGE_MAX,
                        delay_seconds: 0,
                        content_based_deduplication: name.is_fifo(),
                        encryption: self.encryption.clone(),
                        policy: self.senders(part, &arn, &rules),
                        redrive: Some(Redrive {
                            dead_letter: dead_letter.clone(),
                            max_receive_count: self.max_receive_count,
                        }),
                    },
                    Part::DeadLetter | Part::Undelivered => QueueAttributes {
                        visibility_timeout_seconds: DEAD_LETTER_VISIBILITY,
                        retention_seconds: self.dead_letter_retention_seconds,
                        max_message_bytes: MESSAGE_MAX,
                        delay_seconds: 0,
                        content_based_deduplication: name.is_fifo(),
                        encryption: self.encryption.clone(),
                        policy: self.senders(part, &arn, &rules),
                        redrive: None,
                    },
                };
                let mut tags = tags::wanted(&self.installation, &self.owner, &self.tags);
                if part == Part::Inbox && self.alarms.is_some() {
                    tags.insert(ALARMED.to_owned(), "true".to_owned());
                }
                (part, NewQueue { name, attributes, tags })
            })
            .collect()
    }

    /// EventBridge's rules send to the inbox and to the queue of what it cannot deliver; consumers reject to the
    /// dead-letter queue; dead letters are brought back to the inbox.
    fn senders(&self, part: Part, queue: &QueueArn, rules: &BTreeSet<RuleArn>) -> Option<PolicyDocument> {
        let nobody = BTreeSet::new();
        let rules = if part == Part::DeadLetter && self.queue_name.is_fifo() { &nobody } else { rules };
        queue_policy(queue, Senders { rules, roles: &self.senders_by_role(part), sealed: self.sealed })
    }

    /// The roles that a sealed queue does not refuse.
    pub(super) fn senders_by_role(&self, part: Part) -> BTreeSet<RoleArn> {
        match part {
            Part::Inbox => BTreeSet::from([self.redrive_role_arn()]),
            Part::DeadLetter => self.role_arn().into_iter().chain([self.redrive_role_arn()]).collect(),
            Part::Undelivered => BTreeSet::new(),
        }
    }
}
