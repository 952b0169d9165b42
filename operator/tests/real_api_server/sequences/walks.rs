//! The fields of each kind, with two values each.

/// A field that is set, changed and left out.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its path in the spec.
    pub path: &'static str,
    /// Two values, as YAML in which `$` stands for the case.
    pub values: [&'static str; 2],
    /// What is set with it.
    pub beside: &'static [(&'static str, &'static str)],
}

const fn field(path: &'static str, one: &'static str, other: &'static str) -> Field {
    Field { path, values: [one, other], beside: &[] }
}

/// A kind's walk.
#[derive(Debug)]
pub struct Walk {
    /// What must stand first.
    pub before: &'static str,
    /// The object with as little as it may have.
    pub least: &'static str,
    /// Its short namespace and its name.
    pub at: (&'static str, &'static str),
    /// The fields.
    pub fields: &'static [Field],
    /// Those that cannot be walked, by their paths, and why.
    pub exceptions: &'static [(&'static str, &'static str)],
}

const SELECTORS: Field = field(
    "allowedNamespaces",
    "{from: Selector, selector: {matchLabels: {team: money}, matchExpressions: [{key: tier, operator: In, values: [gold]}]}}",
    "{from: All}",
);
const OBSERVED: Field = field("managementPolicy", "Manage", "Observe");
const ADOPTING: Field = field("adoptionPolicy", "AdoptOrCreate", "Never");
const RETAINED: Field = field("deletionPolicy", "Retain", "Delete");
const TAGS: Field = field("tags", "{team: money, cost: high}", "{team: other}");

pub const BUS: Walk = Walk {
    before: r"
kind: EventRule
metadata: {name: coins, namespace: $platform}
spec: {busRef: {name: core}, eventPattern: {source: [qsl.coin]}}
",
    least: "kind: EventBus\nmetadata: {name: core, namespace: $platform}\nspec: {busName: $bus}",
    at: ("platform", "core"),
    fields: &[
        field("description", "Coins", "Notes"),
        field("publishing", "Disabled", "Enabled"),
        field(
            "publishers",
            "[{serviceAccountRef: {name: mint}, sources: [qsl.coin, qsl.note]}, {serviceAccountRef: {name: till, namespace: $shop}, sources: [qsl.coin]}]",
            "[{serviceAccountRef: {name: mint}, sources: [qsl.note]}]",
        ),
        SELECTORS,
        field(
            "deadLetter.queueArn",
            "'arn:aws:sqs:eu-central-1:000000000000:$lost'",
            "'arn:aws:sqs:eu-central-1:000000000000:$lost-too'",
        ),
        Field {
            path: "kmsKeyId",
            values: ["alias/$key", "alias/$other-key"],
            beside: &[("deadLetter.queueArn", "'arn:aws:sqs:eu-central-1:000000000000:$lost'")],
        },
        field(
            "archives",
            "[{name: $all}, {name: $coins, retentionDays: 30, eventPattern: {source: [qsl.coin]}}]",
            "[{name: $coins, retentionDays: 7, eventPattern: {source: [qsl.note]}}]",
        ),
        field(
            "alarms",
            "{enabled: true, actions: ['arn:aws:sns:eu-central-1:000000000000:pager']}",
            "{enabled: true, actions: ['arn:aws:sns:eu-central-1:000000000000:night']}",
        ),
        field("dashboard.enabled", "true", "false"),
        TAGS,
        ADOPTING,
        OBSERVED,
        RETAINED,
    ],
    exceptions: &[("busName", "it cannot be changed")],
};

pub const RULE: Walk = Walk {
    before: r"
kind: EventBus
metadata: {name: core, namespace: $platform}
spec: {busName: $bus}
---
kind: InboxQueue
metadata: {name: one, namespace: $platform}
spec: {queueName: $one}
---
kind: InboxQueue
metadata: {name: two, namespace: $books}
spec: {queueName: $two, allowedNamespaces: {from: All}}
",
    least: "kind: EventRule\nmetadata: {name: coins, namespace: $platform}\nspec: {busRef: {name: core}, eventPattern: {source: [qsl.coin]}}",
    at: ("platform", "coins"),
    fields: &[
        field(
            "eventPattern",
            "{source: [{prefix: qsl.}], detail-type: [Coin.Found.v1]}",
            "{detail-type: [Coin.Lost.v1]}",
        ),
        field("state", "Disabled", "Enabled"),
        field(
            "targets",
            "[{inboxRef: {name: one}, retryPolicy: {maximumEventAgeSeconds: 60, maximumRetryAttempts: 3}}, {inboxRef: {name: two, namespace: $books}}]",
            "[{inboxRef: {name: two, namespace: $books}, retryPolicy: {maximumEventAgeSeconds: 120}}]",
        ),
        field(
            "targets",
            "[{queueArn: 'arn:aws:sqs:eu-central-1:000000000000:$outside.fifo', deadLetterArn: 'arn:aws:sqs:eu-central-1:000000000000:$lost', messageGroupId: coins, retryPolicy: {maximumRetryAttempts: 0}}, {inboxRef: {name: one}}]",
            "[{queueArn: 'arn:aws:sqs:eu-central-1:000000000000:$outside.fifo', deadLetterArn: 'arn:aws:sqs:eu-central-1:000000000000:$lost-too', messageGroupId: notes}]",
        ),
        ADOPTING,
        OBSERVED,
        RETAINED,
    ],
    exceptions: &[
        ("busRef.name", "it cannot be changed"),
        ("busRef.namespace", "it cannot be changed"),
        ("ruleName", "it cannot be changed, added or removed"),
    ],
};

pub const INBOX: Walk = Walk {
    before: "kind: EventBus\nmetadata: {name: core, namespace: $platform}\nspec: {busName: $bus, allowedNamespaces: {from: All}}",
    least: "kind: InboxQueue\nmetadata: {name: ledger, namespace: $books}\nspec: {queueName: $ledger}",
    at: ("books", "ledger"),
    fields: &[
        field("visibilityTimeoutSeconds", "30", "90"),
        field("messageRetentionSeconds", "86400", "172800"),
        field("deadLetter.retentionSeconds", "1000000", "1100000"),
        field("maxAttempts", "3", "7"),
        field("sealed", "false", "true"),
        SELECTORS,
        field(
            "encryption",
            "{kmsKeyId: alias/$key, dataKeyReuseSeconds: 600}",
            "{kmsKeyId: alias/$other-key, dataKeyReuseSeconds: 900}",
        ),
        field("serviceAccounts", "[clerk, auditor]", "[auditor]"),
        field("redriveServiceAccounts", "[fixer, helper]", "[helper]"),
        field(
            "subscriptions",
            "[{name: coins, busRef: {name: core, namespace: $platform}, sources: [qsl.coin], detailTypes: [Coin.Found.v1]}, {name: notes, busRef: {name: core, namespace: $platform}, eventPattern: {source: [qsl.note]}}]",
            "[{name: coins, busRef: {name: core, namespace: $platform}, detailTypes: [Coin.Lost.v1]}]",
        ),
        field(
            "forward.routes",
            "[{source: qsl.coin, detailType: Coin.Found.v1, path: /coins}, {path: /rest}]",
            "[{path: /all}]",
        ),
        field("forward.unrouted", "Acknowledge", "DeadLetter"),
        field("forward.format", "CloudEventsStructured", "CloudEventsBinary"),
        field("forward.timeoutSeconds", "5", "20"),
        field("forward.maxInFlight", "16", "64"),
        field("forward.waitTimeSeconds", "5", "10"),
        field("forward.backoff", "{initialSeconds: 2, maxSeconds: 60}", "{initialSeconds: 3, maxSeconds: 3}"),
        field("forward.batch", "{maxEvents: 10, maxWaitMilliseconds: 50}", "{maxEvents: 2}"),
        field("verification.allowedAlgorithms", "[ML-DSA-44]", "[Dilithium2]"),
        field("verification.skewSeconds", "120", "600"),
        field("verification.clock", "Receive", "SentTimestamp"),
        field("verification.requireEnvelopeHash", "true", "false"),
        field("deduplication", "{store: Journal, whenUnavailable: DeliverAnyway}", "{store: Journal}"),
        field("deduplication.keys", "[/detail-type]", "[/detail/detailCore/coin]"),
        field("deduplication.ttlSeconds", "60", "120"),
        field("consuming", "Paused", "Enabled"),
        field(
            "autoscaling",
            "{scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: ledger}, minReplicas: 0, maxReplicas: 3, messagesPerReplica: 5, pollingIntervalSeconds: 10, cooldownSeconds: 60}",
            "{scaleTargetRef: {name: other}}",
        ),
        field(
            "alarms",
            "{enabled: true, actions: ['arn:aws:sns:eu-central-1:000000000000:pager'], thresholds: {oldestMessageAgeSeconds: 60, deadLetters: 5, inFlight: 10}}",
            "{enabled: true, thresholds: {deadLetters: 7}}",
        ),
        TAGS,
        ADOPTING,
        OBSERVED,
        RETAINED,
    ],
    exceptions: &[("queueName", "it cannot be changed"), ("fifo", "it cannot be changed")],
};

pub const KEY: Walk = Walk {
    before: "kind: EventBus\nmetadata: {name: core, namespace: $platform}\nspec: {busName: $bus, publishers: [{serviceAccountRef: {name: mint}, sources: [qsl.coin, qsl.note]}]}",
    least: "kind: SigningKey\nmetadata: {name: coins, namespace: $platform}\nspec: {busRef: {name: core}, sources: [qsl.coin]}",
    at: ("platform", "coins"),
    fields: &[
        field("sources", "['*']", "[qsl.note]"),
        field("algorithm", "ML-DSA-44", "Dilithium2"),
        field(
            "rotation",
            "{period: 48h, publishBefore: 1h, overlap: 2h}",
            "{period: 96h, publishBefore: 2h, overlap: 24h}",
        ),
        field("revokedKids", "[coins-0123456789abcdef]", "[coins-fedcba9876543210]"),
        ADOPTING,
        OBSERVED,
        RETAINED,
    ],
    exceptions: &[("busRef.name", "it cannot be changed")],
};
