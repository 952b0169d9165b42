//! Who may take a role, and what it may do.

use super::{PolicyDocument, VERSION};
use crate::arn::{BusArn, QueueArn};
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

/// Lets a consumer work on its inbox and on its dead-letter queue, and on nothing else.
pub fn consumer(inbox: &QueueArn, dead_letter: &QueueArn) -> PolicyDocument {
    let receive = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
    let mut reject = receive.to_vec();
    reject.push("sqs:SendMessage");
    PolicyDocument::new(json!({
        "Version": VERSION,
        "Statement": [
            {"Sid": "Inbox", "Effect": "Allow", "Action": receive, "Resource": inbox},
            {"Sid": "DeadLetter", "Effect": "Allow", "Action": reject, "Resource": dead_letter},
        ],
    }))
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
            publisher(&bus, &sources).as_value(),
            &json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus,
                 "Condition": {"StringEquals": {"events:source": ["acme.flight"]}}},
                {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus,
                 "Condition": {"StringLike": {"events:source": ["acme.cargo.*"]}}},
            ]})
        );
    }

    #[test]
    fn a_consumer_may_send_to_its_dead_letter_queue_and_not_to_its_inbox() {
        let queue = |name: &str| QueueArn::parse(&format!("arn:aws:sqs:eu-west-3:210987654321:{name}")).unwrap();
        let policy = consumer(&queue("gate"), &queue("gate-dlq"));
        let sends = |statement: &Value| statement["Action"].to_string().contains("SendMessage");
        let resources: Vec<(Value, bool)> =
            policy.statements().iter().map(|s| (s["Resource"].clone(), sends(s))).collect();
        assert_eq!(resources, [(json!(queue("gate")), false), (json!(queue("gate-dlq")), true)]);
    }

    #[test]
    fn only_the_named_service_accounts_of_this_cluster_take_a_role() {
        let installation = crate::names::tests::installation("cluster-a");
        let account = ServiceAccount { namespace: "tower".into(), name: "controller".into() };
        assert_eq!(
            trust(&installation, &BTreeSet::from([account])).as_value(),
            &json!({"Version": "2012-10-17", "Statement": [{
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
