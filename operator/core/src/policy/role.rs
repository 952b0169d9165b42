//! Who may take a role, and what it may do.

use super::{PolicyDocument, VERSION, list};
use crate::arn::{BusArn, KeyArn, QueueArn};
use crate::installation::Installation;
use crate::names::EventSource;
use crate::owner::ServiceAccount;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The longest trust policy that IAM takes, in characters.
pub const TRUST_POLICY_MAX: usize = 2048;

/// The name of the one inline policy that a role of ours has.
pub const INLINE_POLICY: &str = "qsl-eventing";

/// Lets the service accounts take the role with their tokens of this cluster, and nobody else.
pub fn trust(installation: &Installation, accounts: &BTreeSet<ServiceAccount>) -> PolicyDocument {
    let issuer = installation.oidc_provider.issuer();
    let subjects: Vec<String> = accounts.iter().map(ServiceAccount::subject).collect();
    let must_equal: Map<String, Value> =
        [(format!("{issuer}:aud"), json!(installation.token_audience)), (format!("{issuer}:sub"), json!(subjects))]
            .into_iter()
            .collect();
    PolicyDocument::new(json!({
        "Version": VERSION,
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": installation.oidc_provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": must_equal},
        }],
    }))
}

/// Lets a publisher put events of its sources on the one bus.
pub fn publisher(bus: &BusArn, sources: &BTreeSet<EventSource>) -> PolicyDocument {
    let exact: Vec<&EventSource> = sources.iter().filter(|s| !s.as_str().contains('*')).collect();
    let patterns: Vec<&EventSource> = sources.iter().filter(|s| s.as_str().contains('*')).collect();
    // Two operators of one statement must both hold, so each gets a statement of its own.
    let statements: Vec<Value> = [("StringEquals", exact), ("StringLike", patterns)]
        .into_iter()
        .filter(|(_, sources)| !sources.is_empty())
        .map(|(operator, sources)| {
            json!({
                "Effect": "Allow",
                "Action": "events:PutEvents",
                "Resource": bus,
                "Condition": {operator: {"events:source": sources}},
            })
        })
        .collect();
    PolicyDocument::new(json!({"Version": VERSION, "Statement": statements}))
}

/// The queues of an inbox, and the keys that encrypt them.
#[derive(Debug, Clone, Copy)]
pub struct Inbox<'a> {
    /// The inbox.
    pub inbox: &'a QueueArn,
    /// The queue that consumers reject to.
    pub rejects: &'a QueueArn,
    /// All queues that hold dead letters: that one, and a FIFO inbox's queue of what EventBridge cannot deliver.
    pub dead_letters: &'a BTreeSet<QueueArn>,
    /// The customer's keys that what they hold is encrypted with. Whoever sends needs it as whoever receives does
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>).
    pub keys: &'a BTreeSet<KeyArn>,
}

const WORK: [&str; 4] =
    ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

/// Lets a consumer work on its inbox and on its dead-letter queue, and on nothing else.
pub fn consumer(queues: Inbox<'_>) -> PolicyDocument {
    let Inbox { inbox, rejects, dead_letters: _, keys } = queues;
    let mut reject = WORK.to_vec();
    reject.push("sqs:SendMessage");
    let mut statements = vec![
        json!({"Sid": "Inbox", "Effect": "Allow", "Action": WORK, "Resource": inbox}),
        json!({"Sid": "DeadLetter", "Effect": "Allow", "Action": reject, "Resource": rejects}),
    ];
    statements.extend(use_of_keys(keys));
    PolicyDocument::new(json!({"Version": VERSION, "Statement": statements}))
}

/// Lets whoever brings dead letters back take them from their queues and send them to the inbox, and no more.
pub fn redrive(queues: Inbox<'_>) -> PolicyDocument {
    let Inbox { inbox, rejects: _, dead_letters, keys } = queues;
    let take = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
    let mut statements = vec![
        json!({"Sid": "DeadLetters", "Effect": "Allow", "Action": take, "Resource": dead_letters}),
        json!({"Sid": "Inbox", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": inbox}),
    ];
    statements.extend(use_of_keys(keys));
    PolicyDocument::new(json!({"Version": VERSION, "Statement": statements}))
}

const KEYS: &str = "Keys";

fn use_of_keys(keys: &BTreeSet<KeyArn>) -> Option<Value> {
    let actions = ["kms:Decrypt", "kms:GenerateDataKey"];
    (!keys.is_empty()).then(|| json!({"Sid": KEYS, "Effect": "Allow", "Action": actions, "Resource": keys}))
}

/// The keys that a role's policy, as found, lets it use.
pub fn keys_in(policy: &PolicyDocument) -> BTreeSet<KeyArn> {
    let of_keys = |statement: &Value| statement.get("Sid").and_then(Value::as_str) == Some(KEYS);
    let statements = policy.statements();
    let resources = statements.iter().filter(|s| of_keys(s)).flat_map(|statement| list(statement.get("Resource")));
    resources.filter_map(|value| KeyArn::parse(value.as_str()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_publisher_may_put_events_of_its_sources_on_its_bus_alone() {
        let bus = BusArn::parse("arn:aws:events:eu-west-3:210987654321:event-bus/acme").unwrap();
        let sources = ["acme.flight", "acme.cargo.*"].iter().map(|name| EventSource::parse(*name).unwrap()).collect();
        assert_eq!(
            publisher(&bus, &sources).to_value(),
            json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus,
                 "Condition": {"StringEquals": {"events:source": ["acme.flight"]}}},
                {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus,
                 "Condition": {"StringLike": {"events:source": ["acme.cargo.*"]}}},
            ]})
        );
    }

    /// What a policy allows: action and queue, or key.
    fn allowed(policy: &PolicyDocument) -> BTreeSet<(String, String)> {
        let name = |arn: &Value| arn.as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let mut allowed = BTreeSet::new();
        for statement in policy.statements() {
            assert_eq!(statement["Effect"], "Allow");
            for action in list(statement.get("Action")) {
                for resource in list(statement.get("Resource")) {
                    allowed.insert((action.as_str().unwrap().to_owned(), name(&resource)));
                }
            }
        }
        allowed
    }

    #[test]
    fn consumers_and_those_who_bring_back_may_do_their_own_work_and_nothing_else() {
        let queue = |name: &str| QueueArn::parse(&format!("arn:aws:sqs:eu-west-3:210987654321:{name}")).unwrap();
        let keys = BTreeSet::from([KeyArn::parse("arn:aws:kms:eu-west-3:210987654321:key/k").unwrap()]);
        let dead_letters = BTreeSet::from([queue("gate-dlq.fifo"), queue("gate-undelivered")]);
        let inbox = queue("gate.fifo");
        let queues = Inbox {
            inbox: &inbox,
            rejects: &queue("gate-dlq.fifo"),
            dead_letters: &dead_letters,
            keys: &BTreeSet::new(),
        };
        let pairs = |pairs: &[(&str, &str)]| -> BTreeSet<(String, String)> {
            pairs.iter().map(|(action, on)| ((*action).to_owned(), (*on).to_owned())).collect()
        };
        let work = |on: &'static str| WORK.map(|action| (action, on));
        let mut consume = [work("gate.fifo"), work("gate-dlq.fifo")].concat();
        consume.push(("sqs:SendMessage", "gate-dlq.fifo"));
        assert_eq!(allowed(&consumer(queues)), pairs(&consume));
        let take =
            |on| ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"].map(|action| (action, on));
        let mut bring = [take("gate-dlq.fifo"), take("gate-undelivered")].concat();
        bring.push(("sqs:SendMessage", "gate.fifo"));
        assert_eq!(allowed(&redrive(queues)), pairs(&bring));

        let encrypted = Inbox { keys: &keys, ..queues };
        for (mut plain, policy) in [(consume, consumer(encrypted)), (bring, redrive(encrypted))] {
            plain.extend([("kms:Decrypt", "key/k"), ("kms:GenerateDataKey", "key/k")]);
            assert_eq!(allowed(&policy), pairs(&plain));
            assert_eq!(keys_in(&policy), keys);
        }
        assert!(keys_in(&consumer(queues)).is_empty());
    }

    #[test]
    fn only_the_named_service_accounts_of_this_cluster_take_a_role() {
        let installation = crate::names::tests::installation("cluster-a");
        let account = ServiceAccount { namespace: "tower".into(), name: "controller".into() };
        assert_eq!(
            trust(&installation, &BTreeSet::from([account])).to_value(),
            json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": {"Federated": "arn:aws:iam::210987654321:oidc-provider/oidc.example/id/7"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {
                    "oidc.example/id/7:aud": "sts.amazonaws.com",
                    "oidc.example/id/7:sub": ["system:serviceaccount:tower:controller"],
                }},
            }]})
        );
    }
}
