//! What the API server refuses of a rule's targets and names, and what no other table has of names and tags.

use crate::{
    lifecycle::{BUS, INBOX, KEY, RULE},
    refusals::{Row, check},
    rig::Case,
};

/// A name of 64 characters, one too many.
const LONG_NAME: &str = "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A name of 61 characters, one too many for a rule that is named after its object.
const NAME_OF_61: &str = "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The one target of the rule.
const TARGET: &str = "{inboxRef: {name: ledger, namespace: $books}}";

/// A rule with a name of its own.
const NAMED: &str = r"
kind: EventRule
metadata: {name: named, namespace: $platform}
spec:
  busRef: {name: core}
  ruleName: one
  eventPattern: {source: [qsl.coin]}
";

/// What is refused.
pub const REFUSED: &[Row] = &[
    (RULE, "name: coins-all", LONG_NAME, &["metadata.name has at most 63 characters"]),
    (RULE, "name: coins-all", NAME_OF_61, &["whose name then has at most 60 characters"]),
    (RULE, TARGET, "{}", &["spec.targets[0]", "a target has one of inboxRef"]),
    (
        RULE,
        TARGET,
        "{inboxRef: {name: a}, queueArn: 'arn:aws:sqs:a:000000000000:b', deadLetterArn: 'arn:aws:sqs:a:000000000000:c'}",
        &["spec.targets[0]", "a target has one of inboxRef"],
    ),
    (
        RULE,
        TARGET,
        "{queueArn: 'arn:aws:sqs:a:000000000000:b'}",
        &["spec.targets[0]", "goes with queueArn: an inbox has its own"],
    ),
    (
        RULE,
        TARGET,
        "{inboxRef: {name: a}, deadLetterArn: 'arn:aws:sqs:a:000000000000:b'}",
        &["spec.targets[0]", "goes with queueArn: an inbox has its own"],
    ),
    (
        RULE,
        TARGET,
        "{queueArn: 'arn:aws:sqs:a:000000000000:b.fifo', deadLetterArn: 'arn:aws:sqs:a:000000000000:c'}",
        &["spec.targets[0]", "messageGroupId goes with a FIFO queue: give one where queueArn ends in '.fifo'"],
    ),
    (
        RULE,
        TARGET,
        "{queueArn: 'arn:aws:sqs:a:000000000000:b', deadLetterArn: 'arn:aws:sqs:a:000000000000:c', messageGroupId: x}",
        &[
            "spec.targets[0]",
            "messageGroupId goes with a FIFO queue: give one where queueArn ends in '.fifo', and none where not",
        ],
    ),
    (
        RULE,
        TARGET,
        "{queueArn: 'arn:aws:sqs:a:000000000000:b', deadLetterArn: 'arn:aws:sqs:a:000000000000:c.fifo'}",
        &["spec.targets[0].deadLetterArn", "names a standard queue: EventBridge takes no FIFO queue"],
    ),
    (
        RULE,
        TARGET,
        "{queueArn: 'arn:aws:sqs:a:000000000000:b', deadLetterArn: 'arn:aws:sqs:a:000000000000:c'}, {queueArn: 'arn:aws:sqs:a:000000000000:b', deadLetterArn: 'arn:aws:sqs:a:000000000000:d'}",
        &["spec.targets", "a queueArn is named twice among targets"],
    ),
    (
        RULE,
        TARGET,
        "{queueArn: 'arn:aws:sns:a:000000000000:b', deadLetterArn: x}",
        &["spec.targets[0].queueArn", "should match"],
    ),
    (RULE, TARGET, "{inboxRef: {name: a}, messageGroupId: 'a b'}", &["spec.targets[0].messageGroupId", "should match"]),
    (
        RULE,
        TARGET,
        "{inboxRef: {name: a}, retryPolicy: {maximumEventAgeSeconds: 59}}",
        &["spec.targets[0].retryPolicy.maximumEventAgeSeconds", "greater than or equal to 60"],
    ),
    (
        RULE,
        TARGET,
        "{inboxRef: {name: a}, retryPolicy: {maximumRetryAttempts: 186}}",
        &["spec.targets[0].retryPolicy.maximumRetryAttempts", "less than or equal to 185"],
    ),
    (
        RULE,
        TARGET,
        "{inboxRef: {name: a}, inputTransformer: {}}",
        &["spec.targets[0].inputTransformer", "field not declared"],
    ),
    (BUS, "name: core", LONG_NAME, &["metadata.name has at most 63 characters"]),
    (BUS, "busName: $bus", "busName: $bus\n  tags: {eventing.qsl.dev/x: y}", &["spec.tags", "are not yours to set"]),
    (INBOX, "name: ledger", LONG_NAME, &["metadata.name has at most 63 characters"]),
    (
        INBOX,
        "from: Selector, ",
        "from: Same, ",
        &["spec.allowedNamespaces", "selector goes with 'from: Selector' and with nothing else"],
    ),
    (INBOX, "queueName: $ledger", "queueName: $ledger\n  tags: {'aws:x': y}", &["spec.tags", "are not yours to set"]),
    (KEY, "name: coins", LONG_NAME, &["metadata.name has at most 63 characters"]),
];

/// Edits that are refused.
pub const EDITS: &[Row] = &[
    (NAMED, "ruleName: one", "ruleName: two", &["spec.ruleName", "ruleName cannot be changed: make another EventRule"]),
    (NAMED, "ruleName: one", "", &["spec.ruleName", "cannot be added or removed: make another EventRule"]),
];

#[tokio::test]
async fn a_broken_target_or_name_is_refused_with_the_field_and_the_reason() {
    check(&Case::new().await, REFUSED).await;
}

#[tokio::test]
async fn the_name_of_a_rule_cannot_be_changed_or_taken_away() {
    let case = Case::new().await;
    case.apply(NAMED).await;
    check(&case, EDITS).await;
}
