//! Names of AWS objects: parsed ones that users write, and those that are derived from them.
//!
//! Derived names are deterministic, so that a crash after a create is healed by the next pass, which finds what
//! the last one made.

use crate::arn::KeyArn;
use crate::installation::Installation;
use crate::owner::Owner;
use crate::parse::{ParseError, check_text, text_type};
use sha2::{Digest, Sha256};
use std::fmt::Display;

text_type!(
    /// The name of a custom event bus: 1 to 256 characters; never `default`, which is AWS's own.
    BusName, "bus name", check_bus
);
text_type!(
    /// The name of a rule as a user gives it: at most 60 characters, which leaves room for the suffix of a split.
    RuleName, "rule name", check_rule
);
text_type!(
    /// The name of one rule in EventBridge: a [`RuleName`], or one with the suffix of a split; at most 64 characters.
    RulePartName, "EventBridge rule name", check_rule_part
);
text_type!(
    /// The name of a queue as SQS knows it: at most 80 characters with `.fifo`.
    QueueName, "queue name", check_queue
);
text_type!(
    /// The name of an inbox's queue as a user gives it: at most 68 characters before `.fifo`, which leaves room
    /// for the names of its dead-letter queues.
    InboxQueueName, "queue name", check_inbox_queue
);
text_type!(
    /// The name of an IAM role: at most 64 characters.
    RoleName, "role name", check_role
);

text_type!(
    /// The name of an archive: at most 48 characters.
    ArchiveName, "archive name", check_archive
);
text_type!(
    /// The name of a CloudWatch alarm: 1 to 255 characters of ASCII that can be printed.
    AlarmName, "alarm name", check_alarm
);
text_type!(
    /// The name of a CloudWatch dashboard: at most 255 letters, digits, `-` and `_`.
    DashboardName, "dashboard name", check_dashboard
);
text_type!(
    /// What a user names a KMS key by: its id, its ARN, `alias/NAME`, or the alias's ARN.
    KmsKeyId, "KMS key", check_kms_key
);
text_type!(
    /// A `source` that a publisher may use: letters, digits and `.-_/`, `*` for any characters.
    EventSource, "event source", check_source
);

text_type!(
    /// The message group of a FIFO target, a literal: 1 to 100 printable ASCII characters, none of them a space.
    /// EventBridge takes fewer than SQS's 128.
    MessageGroup, "message group", check_group
);

/// The longest bus name.
pub const BUS_NAME_MAX: usize = 256;
/// The longest rule name that a user may give.
pub const RULE_NAME_MAX: usize = 60;
/// The longest name of an inbox's queue, without `.fifo`.
pub const INBOX_QUEUE_NAME_MAX: usize = 68;

fn check_bus(text: &str) -> Result<(), String> {
    if text == "default" {
        return Err("\"default\" is AWS's own bus; give another name".into());
    }
    check_text(text, BUS_NAME_MAX, ".-_")
}

fn check_source(text: &str) -> Result<(), String> {
    if text.starts_with("aws.") {
        return Err("sources that begin with \"aws.\" are AWS's own".into());
    }
    check_text(text, 256, ".-_/*")
}

fn check_rule(text: &str) -> Result<(), String> {
    check_text(text, RULE_NAME_MAX, ".-_")
}

fn check_rule_part(text: &str) -> Result<(), String> {
    check_text(text, 64, ".-_")
}

fn check_queue(text: &str) -> Result<(), String> {
    if text.len() > 80 {
        return Err(format!("{text:?} has more than 80 characters"));
    }
    check_text(text.strip_suffix(".fifo").unwrap_or(text), 80, "-_")
}

fn check_inbox_queue(text: &str) -> Result<(), String> {
    check_text(text.strip_suffix(".fifo").unwrap_or(text), INBOX_QUEUE_NAME_MAX, "-_")
}

fn check_archive(text: &str) -> Result<(), String> {
    check_text(text, 48, ".-_")
}

fn check_alarm(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 255 {
        return Err(format!("{text:?} has {} characters, 1 to 255 are allowed", text.len()));
    }
    match text.chars().find(|c| !c.is_ascii_graphic() && *c != ' ') {
        Some(c) => Err(format!("{text:?} holds {c:?}, which is not ASCII that can be printed")),
        None => Ok(()),
    }
}

fn check_group(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if !(1..=100).contains(&length) {
        return Err(format!("has {length} characters; 1 to 100 are allowed"));
    }
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(c) => Err(format!("{text:?} holds {c:?}; printable ASCII characters but spaces are allowed")),
        None => Ok(()),
    }
}

fn check_dashboard(text: &str) -> Result<(), String> {
    check_text(text, 255, "-_")
}

fn check_kms_key(text: &str) -> Result<(), String> {
    let resource = match text.strip_prefix("arn:") {
        Some(rest) => rest.splitn(5, ':').nth(4).filter(|_| rest.split(':').nth(1) == Some("kms")),
        None => Some(text),
    };
    let id = |id: &str| {
        let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        (id.len() == 36 && hex(id)) || id.strip_prefix("mrk-").is_some_and(|rest| rest.len() == 32 && hex(rest))
    };
    let right = resource.is_some_and(|resource| match (resource.strip_prefix("alias/"), text.starts_with("arn:")) {
        (Some(alias), _) => check_text(alias, 250, "/_-").is_ok(),
        (None, true) => resource.strip_prefix("key/").is_some_and(|id| check_text(id, 64, "-").is_ok()),
        (None, false) => id(resource),
    });
    if right { Ok(()) } else { Err(format!("{text:?} is neither a key's id nor alias/NAME nor the ARN of either")) }
}

fn check_role(text: &str) -> Result<(), String> {
    check_text(text, 64, "+=,.@_-")
}

impl RuleName {
    /// The name of a split's part: the first has the rule's own, the next `-2`, and so on.
    pub fn part(&self, number: usize) -> RulePartName {
        match number {
            0 | 1 => RulePartName(self.0.clone()),
            n => RulePartName(format!("{}-{n}", self.0)),
        }
    }

    /// Which part of this rule a name in EventBridge is, or `None` when it is none of its.
    pub fn part_number(&self, name: &str) -> Option<usize> {
        let rest = name.strip_prefix(self.as_str())?;
        if rest.is_empty() {
            return Some(1);
        }
        let digits = rest.strip_prefix('-')?;
        let number: usize = digits.parse().ok()?;
        (number >= 2 && number.to_string() == digits).then_some(number)
    }
}

impl KmsKeyId {
    /// The key itself, whatever it was named by.
    pub fn of(arn: &KeyArn) -> Self {
        Self(arn.to_string())
    }
}

impl QueueName {
    /// Whether it is a FIFO queue's name.
    pub fn is_fifo(&self) -> bool {
        self.0.strip_suffix(".fifo").is_some()
    }
}

impl InboxQueueName {
    /// The name of the queue that a user calls `base` and wants to be FIFO, or not.
    pub fn of(base: &str, fifo: bool) -> Result<Self, ParseError> {
        if base.contains('.') {
            return Err(ParseError::new(
                "queue name",
                format!("{base:?} holds '.'; a FIFO queue is asked for by fifo"),
            ));
        }
        Self::parse(if fifo { format!("{base}.fifo") } else { base.to_owned() })
    }

    /// Whether it is a FIFO queue's name.
    pub fn is_fifo(&self) -> bool {
        self.0.strip_suffix(".fifo").is_some()
    }

    /// The queue's name in SQS.
    pub fn queue(&self) -> QueueName {
        QueueName(self.0.clone())
    }

    /// The name of its dead-letter queue (redrive, and what a consumer rejects).
    pub fn dead_letter(&self) -> QueueName {
        match self.0.strip_suffix(".fifo") {
            Some(base) => QueueName(format!("{base}-dlq.fifo")),
            None => QueueName(format!("{}-dlq", self.0)),
        }
    }

    /// The name of the standard queue that takes what EventBridge cannot deliver to a FIFO inbox; a standard
    /// inbox's dead-letter queue takes that too.
    pub fn undelivered(&self) -> Option<QueueName> {
        let base = self.0.strip_suffix(".fifo")?;
        Some(QueueName(format!("{base}-undelivered")))
    }
}

/// What a role is for; part of its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RolePurpose {
    /// The role of a bus's publisher, one for each service account.
    Publish {
        /// The account's namespace.
        namespace: String,
        /// The account's name.
        service_account: String,
    },
    /// The role of an inbox's consumers.
    Consume,
    /// The role of those who bring an inbox's dead letters back.
    Redrive,
}

/// The first 16 hex digits of SHA-256 over the parts, each preceded by its length, so that no two lists collide.
pub fn hash16<T: AsRef<[u8]>>(parts: &[T]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.as_ref().len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part.as_ref());
    }
    let mut text = hex::encode(digest.finalize());
    text.truncate(16);
    text
}

/// The name of a role that the operator makes for `owner`: unique in the account, over Regions and clusters.
pub fn role_name(installation: &Installation, owner: &Owner, purpose: &RolePurpose) -> RoleName {
    let (word, account) = match purpose {
        RolePurpose::Consume => ("consume", String::new()),
        RolePurpose::Redrive => ("redrive", String::new()),
        RolePurpose::Publish { namespace, service_account } => ("publish", format!("{namespace}/{service_account}")),
    };
    let hash = hash16(&[
        installation.cluster_id.as_str(),
        installation.region.as_str(),
        &owner.namespace,
        owner.kind.as_str(),
        &owner.name,
        word,
        &account,
    ]);
    let readable = match purpose {
        RolePurpose::Consume => format!("{}-{}", owner.namespace, owner.name),
        RolePurpose::Redrive => format!("redrive-{}-{}", owner.namespace, owner.name),
        RolePurpose::Publish { namespace, service_account } => format!("{}-{namespace}-{service_account}", owner.name),
    };
    RoleName(cut(&format!("qsl-{hash}-{readable}"), 64))
}

/// The path of all roles that any installation of QSL Eventing makes in the account.
pub const ROLES_PATH: &str = "/qsl-eventing/";

/// The path of all roles of one owner, under which IAM can list them.
pub fn role_path(installation: &Installation, owner: &Owner) -> String {
    format!("{ROLES_PATH}{}/", owner_hash(installation, owner))
}

/// What tells an owner from all others of the account.
fn owner_hash(installation: &Installation, owner: &Owner) -> String {
    hash16(&[
        installation.cluster_id.as_str(),
        installation.region.as_str(),
        &owner.namespace,
        owner.kind.as_str(),
        &owner.name,
    ])
}

/// How the names of all alarms of one owner begin; `qsl-` is what the operator's own permissions are limited to.
pub fn alarm_prefix(installation: &Installation, owner: &Owner) -> String {
    format!("qsl-{}-", owner_hash(installation, owner))
}

/// The name of an alarm of `owner`: the prefix, whose it is, and what it watches.
pub fn alarm_name(installation: &Installation, owner: &Owner, watches: &str) -> AlarmName {
    let prefix = alarm_prefix(installation, owner);
    AlarmName(cut(&format!("{prefix}{}-{}-{watches}", owner.namespace, owner.name), 255))
}

/// The name of the dashboard of `owner`.
pub fn dashboard_name(installation: &Installation, owner: &Owner) -> DashboardName {
    let Owner { namespace, name, .. } = owner;
    let readable = format!("{namespace}-{name}").replace('.', "-");
    DashboardName(cut(&format!("qsl-{}-{readable}", owner_hash(installation, owner)), 255))
}

/// The id of a rule's target: the same queue always has the same, so that another message group is put in the place of
/// the former, and there is no moment between the two.
pub fn target_id(queue: &impl Display) -> String {
    let arn = queue.to_string();
    let readable = arn.rsplit(':').next().unwrap_or_default().to_owned();
    let hash = hash16(&[arn.as_str()]);
    cut(&format!("{hash}-{readable}"), 64)
}

/// At most `max` characters of ASCII text, without a separator at the end.
pub(crate) fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect::<String>().trim_end_matches(['-', '.', '_']).to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::owner::{Kind, ServiceAccount};

    pub(crate) fn installation(cluster: &str) -> Installation {
        Installation {
            account: "210987654321".parse().unwrap(),
            region: "eu-west-3".parse().unwrap(),
            partition: "aws".parse().unwrap(),
            cluster_id: cluster.to_owned(),
            oidc_provider: "arn:aws:iam::210987654321:oidc-provider/oidc.example/id/7".parse().unwrap(),
            token_audience: "sts.amazonaws.com".to_owned(),
            permissions_boundary: None,
            settle: std::time::Duration::ZERO,
            tools: ServiceAccount { namespace: "ground".to_owned(), name: "tools".to_owned() },
            tags: crate::tags::Tags::new(),
        }
    }

    fn owner(namespace: &str, name: &str) -> Owner {
        Owner { kind: Kind::InboxQueue, namespace: namespace.into(), name: name.into(), uid: "uid".into() }
    }

    #[test]
    fn names_keep_the_bounds_of_aws_and_leave_room_for_what_is_derived() {
        assert!(RuleName::parse("r".repeat(60)).is_ok());
        assert!(RuleName::parse("r".repeat(61)).unwrap_err().to_string().contains("at most 60"));
        assert!(RuleName::parse("a b").unwrap_err().to_string().contains("' '"));
        assert!(BusName::parse("default").is_err());
        assert!(BusName::parse("").is_err());
        assert!(InboxQueueName::parse("q".repeat(69)).is_err());
        for name in ["q".repeat(68), format!("{}.fifo", "q".repeat(68))] {
            let inbox = InboxQueueName::parse(name).unwrap();
            for derived in [Some(inbox.queue()), Some(inbox.dead_letter()), inbox.undelivered()].into_iter().flatten() {
                assert!(QueueName::parse(derived.as_str()).is_ok(), "{derived}");
            }
        }
        assert!(InboxQueueName::parse("a.b").is_err());
        assert_eq!(InboxQueueName::of("gate", true).unwrap().as_str(), "gate.fifo");
        assert_eq!(InboxQueueName::of("gate", false).unwrap().as_str(), "gate");
        assert!(InboxQueueName::of("gate.fifo", false).unwrap_err().to_string().contains("asked for by fifo"));
        assert!(EventSource::parse("aws.s3").is_err());
    }

    /// Whether a text of so many letters is taken, before and after the bound.
    fn bounds<T>(parse: impl Fn(String) -> Result<T, ParseError>, most: usize) -> [bool; 3] {
        [0, most, most + 1].map(|length| parse("q".repeat(length)).is_ok())
    }

    #[test]
    fn the_names_of_what_is_derived_keep_the_bounds_of_aws_too() {
        let expected = [false, true, false];
        assert_eq!(bounds(RulePartName::parse, 64), expected);
        assert_eq!(bounds(QueueName::parse, 80), expected);
        assert_eq!(bounds(|text| QueueName::parse(format!("{text}.fifo")), 75), expected);
        assert_eq!(bounds(ArchiveName::parse, 48), expected);
        assert_eq!(bounds(AlarmName::parse, 255), expected);
        assert_eq!(bounds(DashboardName::parse, 255), expected);
        assert_eq!(bounds(MessageGroup::parse, 100), expected);
        assert_eq!(bounds(RoleName::parse, 64), expected);
    }

    #[test]
    fn names_hold_the_characters_that_aws_takes() {
        assert!(RulePartName::parse("a.b-c_1").is_ok() && RulePartName::parse("a b").is_err());
        assert!(QueueName::parse("a-b_1.fifo").is_ok() && QueueName::parse("a.b").is_err());
        assert!(ArchiveName::parse("a.b-c_1").is_ok() && ArchiveName::parse("a/b").is_err());
        assert!(AlarmName::parse("any 'thing' {of}: it!").is_ok());
        assert!(AlarmName::parse("\u{e9}").is_err() && AlarmName::parse("a\nb").is_err());
        assert!(DashboardName::parse("a-b_1").is_ok() && DashboardName::parse("a.b").is_err());
        assert!(MessageGroup::parse("!group#1~").is_ok());
        assert!(MessageGroup::parse("a b").is_err() && MessageGroup::parse("\u{e9}").is_err());
        assert!(RoleName::parse("a+=,.@_-1").is_ok() && RoleName::parse("a/b").is_err());
    }

    #[test]
    fn a_kms_key_is_named_by_id_alias_or_arn() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        for right in [
            id.to_owned(),
            "mrk-1234abcd12ab34cd56ef1234567890ab".to_owned(),
            "alias/ledger/main".to_owned(),
            format!("arn:aws:kms:eu-west-3:210987654321:key/{id}"),
            "arn:aws:kms:eu-west-3:210987654321:alias/ledger".to_owned(),
        ] {
            assert!(KmsKeyId::parse(right.clone()).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "ledger",
            "alias/",
            "key/1",
            "1234abcd",
            "xxxxabcd-12ab-34cd-56ef-1234567890ab",
            "mrk-1234abcd",
            "mrk-xxxxabcd12ab34cd56ef1234567890ab",
            "arn:aws:sqs:eu-west-3:210987654321:alias/ledger",
        ] {
            assert!(KmsKeyId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_parts_of_a_split_are_numbered_from_two_and_recognised() {
        let rule = RuleName::parse("departures").unwrap();
        assert_eq!(rule.part(1).as_str(), "departures");
        assert_eq!(rule.part(2).as_str(), "departures-2");
        assert!(RulePartName::parse(RuleName::parse("r".repeat(60)).unwrap().part(300).as_str()).is_ok());
        for (name, number) in [
            ("departures", Some(1)),
            ("departures-2", Some(2)),
            ("departures-12", Some(12)),
            ("departures-1", None),
            ("departures-02", None),
            ("departures-late", None),
            ("departures2", None),
            ("arrivals", None),
        ] {
            assert_eq!(rule.part_number(name), number, "{name}");
        }
    }

    #[test]
    fn role_names_differ_by_all_that_tells_owners_apart_and_fit() {
        let consume = RolePurpose::Consume;
        let publish = RolePurpose::Publish { namespace: "hangar".into(), service_account: "pilot".into() };
        let here = installation("cluster-a");
        let names = [
            role_name(&here, &owner("tower", "gate"), &consume),
            role_name(&here, &owner("tower", "gate"), &publish),
            role_name(&here, &owner("tower", "gate"), &RolePurpose::Redrive),
            role_name(&here, &owner("tow", "ergate"), &consume),
            role_name(&here, &owner("tower-gate", "x"), &consume),
            role_name(&installation("cluster-b"), &owner("tower", "gate"), &consume),
        ];
        let distinct: std::collections::BTreeSet<&RoleName> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        let long = role_name(&here, &owner(&"n".repeat(63), &"m".repeat(250)), &consume);
        assert!(RoleName::parse(long.as_str()).is_ok(), "{long}");
        assert!(names[0].as_str().ends_with("-tower-gate"), "{}", names[0]);
    }

    #[test]
    fn a_target_is_told_by_its_queue() {
        let id = |queue: &str| target_id(&format!("arn:aws:sqs:eu-west-3:210987654321:{queue}"));
        assert_eq!(id("gate"), id("gate"));
        assert_ne!(id("gate"), id("gate2"));
        assert!(id("gate").ends_with("-gate"));
        assert!(id(&"q".repeat(80)).len() <= 64);
    }
}
