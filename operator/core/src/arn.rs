//! Amazon resource names, parsed, one type for each thing they name.

use crate::names::{AlarmName, ArchiveName, BusName, QueueName, RoleName, RulePartName};
use crate::parse::{ParseError, check_text, text_type};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

text_type!(
    /// An AWS account: twelve digits.
    AccountId, "account id", check_account
);
text_type!(
    /// An AWS Region, such as `eu-central-1`.
    Region, "region", check_region
);
text_type!(
    /// An AWS partition, such as `aws`.
    Partition, "partition", check_partition
);

fn check_account(text: &str) -> Result<(), String> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!("{text:?} is not twelve digits"))
    }
}

fn check_region(text: &str) -> Result<(), String> {
    let well_formed = text.split('-').count() >= 3
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        && text.ends_with(|c: char| c.is_ascii_digit());
    if well_formed { Ok(()) } else { Err(format!("{text:?} is not of the shape eu-central-1")) }
}

fn check_partition(text: &str) -> Result<(), String> {
    if text == "aws" || text.starts_with("aws-") {
        check_text(text, 32, "-")
    } else {
        Err(format!("{text:?} is not aws or aws-…"))
    }
}

/// The five parts of an ARN. Which things it may name is the business of the types around it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Arn {
    partition: Partition,
    service: String,
    region: String,
    account: AccountId,
    resource: String,
}

impl Arn {
    fn parse(what: &'static str, services: &[&str], text: &str) -> Result<Self, ParseError> {
        let wrong = |reason: String| ParseError::new(what, reason);
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (head, partition, found, region, account, resource) = (next(), next(), next(), next(), next(), next());
        if head != "arn" || !services.contains(&found.as_str()) {
            return Err(wrong(format!("{text:?} is not an ARN of {}", services.join(", "))));
        }
        if resource.is_empty() || resource.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(wrong(format!("{text:?} names nothing")));
        }
        Ok(Self {
            partition: Partition::parse(partition).map_err(|e| wrong(e.reason))?,
            service: found,
            region,
            account: AccountId::parse(account).map_err(|e| wrong(e.reason))?,
            resource,
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

macro_rules! arn_type {
    ($(#[$meta:meta])* $name:ident, $what:literal, $($service:literal)|+, $check:path) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arn);

        impl $name {
            /// Checks and takes the text.
            pub fn parse(text: &str) -> Result<Self, ParseError> {
                let arn = Arn::parse($what, &[$($service),+], text)?;
                if $check(&arn) {
                    Ok(Self(arn))
                } else {
                    Err(ParseError::new($what, format!("{text:?} is not an ARN of one")))
                }
            }

            /// The account it is in.
            pub fn account(&self) -> &AccountId {
                &self.0.account
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(arn: $name) -> String {
                arn.to_string()
            }
        }
    };
}

arn_type!(
    /// The ARN of an event bus.
    BusArn, "bus ARN", "events", is_bus
);
arn_type!(
    /// The ARN of a rule on a custom bus.
    RuleArn, "rule ARN", "events", is_rule
);
arn_type!(
    /// The ARN of an archive.
    ArchiveArn, "archive ARN", "events", is_archive
);
arn_type!(
    /// The ARN of a queue.
    QueueArn, "queue ARN", "sqs", is_queue
);
arn_type!(
    /// The ARN of an IAM role.
    RoleArn, "role ARN", "iam", is_role
);
arn_type!(
    /// The ARN of a managed policy, such as a permissions boundary.
    PolicyArn, "policy ARN", "iam", is_policy
);
arn_type!(
    /// The ARN of the OpenID Connect provider that stands for the cluster in IAM.
    OidcProviderArn, "OIDC provider ARN", "iam", is_oidc_provider
);

arn_type!(
    /// The ARN of a CloudWatch alarm.
    AlarmArn, "alarm ARN", "cloudwatch", is_alarm
);
arn_type!(
    /// The ARN of what an alarm does: an SNS topic, a Lambda function, an OpsItem or an incident of Systems Manager.
    ActionArn, "alarm action", "sns" | "lambda" | "ssm" | "ssm-incidents", is_anything
);
arn_type!(
    /// The ARN of a KMS key (not of an alias).
    KeyArn, "KMS key ARN", "kms", is_key
);

fn is_bus(arn: &Arn) -> bool {
    arn.resource.strip_prefix("event-bus/").is_some_and(|name| BusName::parse(name).is_ok())
}

fn is_rule(arn: &Arn) -> bool {
    arn.resource
        .strip_prefix("rule/")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(bus, rule)| BusName::parse(bus).is_ok() && RulePartName::parse(rule).is_ok())
}

fn is_archive(arn: &Arn) -> bool {
    arn.resource.strip_prefix("archive/").is_some_and(|name| ArchiveName::parse(name).is_ok())
}

fn is_queue(arn: &Arn) -> bool {
    QueueName::parse(arn.resource.clone()).is_ok()
}

fn is_role(arn: &Arn) -> bool {
    arn.resource.starts_with("role/") && arn.resource.rsplit('/').next().is_some_and(|n| RoleName::parse(n).is_ok())
}

fn is_policy(arn: &Arn) -> bool {
    arn.resource.starts_with("policy/")
}

fn is_oidc_provider(arn: &Arn) -> bool {
    arn.resource.starts_with("oidc-provider/")
}

fn is_alarm(arn: &Arn) -> bool {
    arn.resource.strip_prefix("alarm:").is_some_and(|name| AlarmName::parse(name).is_ok())
}

fn is_anything(_: &Arn) -> bool {
    true
}

fn is_key(arn: &Arn) -> bool {
    arn.resource.strip_prefix("key/").is_some_and(|id| !id.is_empty())
}

/// Where ARNs of one installation are: partition, Region and account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) partition: &'a Partition,
    pub(crate) region: &'a Region,
    pub(crate) account: &'a AccountId,
}

impl Place<'_> {
    fn arn(&self, service: &str, regional: bool, resource: String) -> Arn {
        Arn {
            partition: self.partition.clone(),
            service: service.to_owned(),
            region: if regional { self.region.to_string() } else { String::new() },
            account: self.account.clone(),
            resource,
        }
    }

    pub(crate) fn bus(&self, name: &BusName) -> BusArn {
        BusArn(self.arn("events", true, format!("event-bus/{name}")))
    }

    pub(crate) fn rule(&self, bus: &BusName, rule: &RulePartName) -> RuleArn {
        RuleArn(self.arn("events", true, format!("rule/{bus}/{rule}")))
    }

    pub(crate) fn queue(&self, name: &QueueName) -> QueueArn {
        QueueArn(self.arn("sqs", true, name.to_string()))
    }

    pub(crate) fn archive(&self, name: &ArchiveName) -> ArchiveArn {
        ArchiveArn(self.arn("events", true, format!("archive/{name}")))
    }

    pub(crate) fn alarm(&self, name: &AlarmName) -> AlarmArn {
        AlarmArn(self.arn("cloudwatch", true, format!("alarm:{name}")))
    }

    pub(crate) fn role(&self, path: &str, name: &RoleName) -> RoleArn {
        RoleArn(self.arn("iam", false, format!("role{path}{name}")))
    }
}

impl BusArn {
    /// The bus it names.
    pub fn name(&self) -> Option<BusName> {
        BusName::parse(self.0.resource.strip_prefix("event-bus/")?).ok()
    }
}

impl RuleArn {
    /// The bus and the rule it names.
    pub fn names(&self) -> Option<(BusName, RulePartName)> {
        let (bus, rule) = self.0.resource.strip_prefix("rule/")?.split_once('/')?;
        Some((BusName::parse(bus).ok()?, RulePartName::parse(rule).ok()?))
    }

    /// The Region it is in.
    pub fn region(&self) -> &str {
        &self.0.region
    }
}

impl ArchiveArn {
    /// The archive's name.
    pub fn name(&self) -> &str {
        self.0.resource.strip_prefix("archive/").unwrap_or_default()
    }
}

impl AlarmArn {
    /// The alarm's name.
    pub fn name(&self) -> Option<AlarmName> {
        AlarmName::parse(self.0.resource.strip_prefix("alarm:")?).ok()
    }
}

impl QueueArn {
    /// The queue's name.
    pub fn name(&self) -> Option<QueueName> {
        QueueName::parse(self.0.resource.clone()).ok()
    }

    /// The Region it is in.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// The partition it is in.
    pub fn partition(&self) -> &Partition {
        &self.0.partition
    }

    /// Whether it is a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        self.0.resource.strip_suffix(".fifo").is_some()
    }
}

impl RoleArn {
    /// Whether the role is under a path, which begins and ends with a slash.
    pub fn is_under(&self, path: &str) -> bool {
        self.0.resource.strip_prefix("role").is_some_and(|rest| rest.starts_with(path))
    }
}

impl OidcProviderArn {
    /// The issuer's host and path, as the keys of a trust policy's conditions begin.
    pub fn issuer(&self) -> &str {
        self.0.resource.strip_prefix("oidc-provider/").unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn arns_are_what_they_name_and_come_back_as_they_were() {
        for text in ["arn:aws:sqs:eu-west-3:210987654321:gate", "arn:aws-cn:sqs:cn-north-1:210987654321:gate.fifo"] {
            assert_eq!(QueueArn::parse(text).unwrap().to_string(), text);
        }
        let rule = RuleArn::parse("arn:aws:events:eu-west-3:210987654321:rule/acme/departures-2").unwrap();
        let (bus, name) = rule.names().unwrap();
        assert_eq!((bus.as_str(), name.as_str(), rule.region()), ("acme", "departures-2", "eu-west-3"));
        let role = RoleArn::parse("arn:aws:iam::210987654321:role/qsl-eventing/0a/qsl-1").unwrap();
        assert!(role.is_under("/qsl-eventing/0a/") && role.is_under("/") && !role.is_under("/qsl-eventing/0b/"));
        let provider = OidcProviderArn::parse("arn:aws:iam::210987654321:oidc-provider/oidc.example/id/7").unwrap();
        assert_eq!(provider.issuer(), "oidc.example/id/7");
    }

    #[test]
    fn an_arn_of_something_else_is_refused() {
        for text in [
            "",
            "gate",
            "arn:aws:sns:eu-west-3:210987654321:gate",
            "arn:aws:sqs:eu-west-3:21098765432:gate",
            "arn:gcp:sqs:eu-west-3:210987654321:gate",
            "arn:aws:sqs:eu-west-3:210987654321:",
            "arn:aws:sqs:eu-west-3:210987654321:a b",
        ] {
            assert!(QueueArn::parse(text).is_err(), "{text}");
        }
        assert!(RuleArn::parse("arn:aws:events:eu-west-3:210987654321:event-bus/acme").is_err());
        assert!(KeyArn::parse("arn:aws:kms:eu-west-3:210987654321:alias/ledger").is_err());
        let refused = ActionArn::parse("arn:aws:sqs:eu-west-3:210987654321:gate").unwrap_err().to_string();
        assert_eq!(
            refused,
            "alarm action: \"arn:aws:sqs:eu-west-3:210987654321:gate\" is not an ARN of sns, lambda, ssm, ssm-incidents"
        );
        assert!(Region::parse("paris").is_err());
        assert!(AccountId::parse("12").is_err());
    }
}
