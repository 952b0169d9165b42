//! What an inbox should be.

use crate::arn::{QueueArn, RoleArn, RuleArn};
use crate::claim::Claim;
use crate::installation::Installation;
use crate::names::{InboxQueueName, QueueName, RoleName, RolePurpose, role_name};
use crate::owner::{Owner, ServiceAccount};
use crate::policy::queue::{QUEUE_POLICY_MAX, Senders, queue_policy};
use crate::policy::role::consumer;
use crate::ports::{NewQueue, QueueAttributes, Redrive};
use crate::role::DesiredRole;
use crate::tags::{self, Tags};
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
    /// Receives before SQS itself moves a message away, at most 1,000.
    pub max_receive_count: u32,
    /// Whether all but the rules and the inbox's roles are refused.
    pub sealed: bool,
    /// The rules that may send.
    pub allowed_rule_arns: BTreeSet<RuleArn>,
    /// The consumers, service accounts of the owner's namespace.
    pub service_accounts: BTreeSet<String>,
    /// The user's tags.
    pub tags: Tags,
}

/// The name of the role of an inbox's consumers.
pub fn consumer_role_name(installation: &Installation, inbox: &Owner) -> RoleName {
    role_name(installation, inbox, &RolePurpose::Consume)
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

    /// The consumers' role, where there are consumers.
    pub fn role_arn(&self) -> Option<RoleArn> {
        let name = consumer_role_name(&self.installation, &self.owner);
        (!self.service_accounts.is_empty()).then(|| self.installation.role_arn(&self.owner, &name))
    }

    /// Whether the policies fit, with so many bytes to spare or too many. SQS takes 8,192 bytes: about 70 rules,
    /// about 35 while sealed.
    pub fn policies_fit(&self) -> bool {
        self.queues(&BTreeSet::new()).values().all(|queue| {
            let policy = queue.attributes.policy.as_ref();
            policy.is_none_or(|policy| policy.to_text().len() <= QUEUE_POLICY_MAX)
        })
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
                        policy: self.senders(part, &arn, &rules),
                        redrive: None,
                    },
                };
                let tags = tags::wanted(&self.installation, &self.owner, &self.tags);
                (part, NewQueue { name, attributes, tags })
            })
            .collect()
    }

    /// EventBridge's rules send to the inbox and to the queue of what it cannot deliver; consumers reject to the
    /// dead-letter queue.
    fn senders(
        &self,
        part: Part,
        queue: &QueueArn,
        rules: &BTreeSet<RuleArn>,
    ) -> Option<crate::policy::PolicyDocument> {
        let nobody = BTreeSet::new();
        let consumers: BTreeSet<RoleArn> = self.role_arn().into_iter().collect();
        let fifo = self.queue_name.is_fifo();
        let (rules, roles) = match part {
            Part::Inbox | Part::Undelivered => (rules, &BTreeSet::new()),
            Part::DeadLetter if fifo => (&nobody, &consumers),
            Part::DeadLetter => (rules, &consumers),
        };
        queue_policy(queue, Senders { rules, roles, sealed: self.sealed })
    }

    /// The consumers' role, where there are consumers.
    pub(super) fn role(&self) -> Option<DesiredRole> {
        if self.service_accounts.is_empty() {
            return None;
        }
        let accounts = self
            .service_accounts
            .iter()
            .map(|name| ServiceAccount { namespace: self.owner.namespace.clone(), name: name.clone() })
            .collect();
        let inbox = self.installation.queue_arn(&self.queue_name.queue());
        let dead_letter = self.installation.queue_arn(&self.queue_name.dead_letter());
        Some(DesiredRole::new(
            &self.installation,
            &self.owner,
            consumer_role_name(&self.installation, &self.owner),
            &accounts,
            consumer(&inbox, &dead_letter),
            &self.tags,
        ))
    }
}
