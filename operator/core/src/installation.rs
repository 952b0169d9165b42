//! The facts of one installation that names, tags and policies are made of.

use crate::arn::{
    AccountId, AlarmArn, ArchiveArn, BusArn, OidcProviderArn, Partition, Place, PolicyArn, QueueArn, Region, RoleArn,
    RuleArn,
};
use crate::names::{AlarmName, ArchiveName, BusName, QueueName, RoleName, RuleName, RulePartName, role_path};
use crate::owner::{Owner, ServiceAccount};
use crate::parse::ParseError;
use crate::tags::Tags;
use std::time::Duration;

/// How many targets EventBridge allows on one rule.
pub const TARGETS_PER_RULE: usize = 5;

/// One installation: a cluster, an account and a Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The account everything is made in.
    pub account: AccountId,
    /// The Region everything is made in.
    pub region: Region,
    /// The partition of both.
    pub partition: Partition,
    /// What tells this cluster from others: by default the uid of `kube-system`.
    pub cluster_id: String,
    /// The cluster's identity provider in IAM, which the roles trust.
    pub oidc_provider: OidcProviderArn,
    /// The audience of the tokens that STS takes.
    pub token_audience: String,
    /// The permissions boundary that every role carries.
    pub permissions_boundary: Option<PolicyArn>,
    /// How long a queue's new attributes take to act.
    pub settle: Duration,
    /// The service account of the installation's tools, which may take every inbox's redrive role.
    pub tools: ServiceAccount,
    /// Tags that everything carries besides the owner's.
    pub tags: Tags,
}

impl Installation {
    fn place(&self) -> Place<'_> {
        Place { partition: &self.partition, region: &self.region, account: &self.account }
    }

    /// The ARN of a bus here.
    pub fn bus_arn(&self, name: &BusName) -> BusArn {
        self.place().bus(name)
    }

    /// The ARN of one rule here.
    pub fn rule_arn(&self, bus: &BusName, rule: &RulePartName) -> RuleArn {
        self.place().rule(bus, rule)
    }

    /// The ARNs of all rules that a rule with so many targets is split into, in the order of their numbers.
    pub fn rule_arns(&self, bus: &BusName, rule: &RuleName, targets: usize) -> Vec<RuleArn> {
        (1..=parts_for(targets)).map(|number| self.rule_arn(bus, &rule.part(number))).collect()
    }

    /// The ARN of a queue here.
    pub fn queue_arn(&self, name: &QueueName) -> QueueArn {
        self.place().queue(name)
    }

    /// The ARN of an archive here.
    pub fn archive_arn(&self, name: &ArchiveName) -> ArchiveArn {
        self.place().archive(name)
    }

    /// The ARN of an alarm here.
    pub fn alarm_arn(&self, name: &AlarmName) -> AlarmArn {
        self.place().alarm(name)
    }

    /// Refuses a queue that a rule here cannot deliver to: one of another Region or partition, which EventBridge does
    /// not reach, and one of another account, which takes an execution role that this installation does not make
    /// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html>).
    pub fn check_reach(&self, queue: &QueueArn) -> Result<(), ParseError> {
        let (region, partition) = (queue.region(), queue.partition());
        if region != self.region.as_str() || partition != &self.partition {
            let reason = format!(
                "{queue} is in Region {region} of {partition}; a rule delivers in its own, {} of {}",
                self.region, self.partition
            );
            return Err(ParseError::new("queue ARN", reason));
        }
        if queue.account() != &self.account {
            let reason = format!(
                "{queue} is in account {}; this installation serves {}: send to a queue of it, or to a bus of that \
                 account by a rule that is not an EventRule",
                queue.account(),
                self.account
            );
            return Err(ParseError::new("queue ARN", reason));
        }
        Ok(())
    }

    /// The ARN of a role that this installation makes for `owner`.
    pub fn role_arn(&self, owner: &Owner, name: &RoleName) -> RoleArn {
        self.place().role(&role_path(self, owner), name)
    }
}

/// How many rules are needed for so many targets: at least one.
pub fn parts_for(targets: usize) -> usize {
    targets.div_ceil(TARGETS_PER_RULE).max(1)
}
