//! Names of AWS objects: what AWS takes as one, whoever writes it; and in [`derived`] those that the operator makes.

use crate::arn::KeyArn;
use crate::parse::{ParseError, check_text, text_type};

mod derived;

pub(crate) use derived::cut;
pub use derived::{
    ROLES_PATH, RolePurpose, alarm_name, alarm_prefix, dashboard_name, hash16, role_name, role_path, target_id,
};

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

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::installation::Installation;
    use crate::owner::ServiceAccount;

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
}
