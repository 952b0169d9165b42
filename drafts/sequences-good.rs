//! A walk through the fields of each kind: every one is set, changed and taken away again, and set once more. What then
//! stands in AWS and in the status is what a fresh object of that spec has: nothing depends on the way there.

use std::collections::BTreeMap;

use crds::{
    EventBus, EventRule, Eventing, InboxQueue, SigningKey,
    conditions::{self, READY, reason},
    object::CommonStatus,
};
use serde_json::{Map, Value, json};

use crate::rig::{Case, eventually, rig};

/// A field that may be set, changed and left out: its path in the spec, and two values.
type Field = (&'static str, &'static str, &'static str);

/// Reasons of `Ready` at which the controller has nothing left to do.
const DONE: [&str; 3] = [reason::AVAILABLE, reason::NOT_SUPPORTED, reason::DIFFERS];

/// A kind's walk.
struct Walk {
    /// What must stand first.
    before: &'static str,
    /// The object with as little as it may have.
    least: &'static str,
    /// Its short namespace and its name.
    at: (&'static str, &'static str),
    /// The fields.
    fields: &'static [Field],
}

/// The document with some fields set, values as YAML in which `$` stands for the case.
fn with(case: &Case, least: &str, fields: &[(&str, &str)]) -> Value {
    let mut document = case.documents(least).remove(0);
    for (path, value) in fields {
        let value = case.documents(value).remove(0);
        let mut place = document["spec"].as_object_mut().unwrap();
        let (last, parents) = path.split('.').collect::<Vec<_>>().split_last().map(|(l, p)| (*l, p.to_vec())).unwrap();
        for parent in parents {
            let member = place.entry(parent).or_insert_with(|| Value::Object(Map::new()));
            place = member.as_object_mut().unwrap();
        }
        place.insert(last.to_owned(), value);
    }
    document
}

/// Applies it and waits until the controller is done with this generation: all is in effect, or would be with consumers
/// of a later version, or differs and is only looked at.
async fn put<K: Eventing>(case: &Case, walk: &Walk, fields: &[(&str, &str)]) {
    let document = with(case, walk.least, fields);
    case.try_apply(&document).await.unwrap_or_else(|error| panic!("{document}: {error}"));
    let (api, name) = (case.api::<K>(walk.at.0), walk.at.1);
    let what = format!("{} {name} with {fields:?}", K::KIND);
    eventually(&what, || async {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let conditions = object.status().map(|status| status.conditions().to_vec()).unwrap_or_default();
        let ready =
            conditions::get(&conditions, READY).filter(|ready| ready.observed_generation == object.meta().generation);
        match ready {
            Some(ready) if DONE.contains(&ready.reason.as_str()) => Ok(()),
            _ => Err(format!("{conditions:?}")),
        }
    })
    .await;
}

/// What stands in AWS for this case and what the status says, without names of the case, hashes and times.
async fn stands<K: Eventing>(case: &Case, walk: &Walk) -> BTreeMap<String, String> {
    let (short, name) = walk.at;
    let object = case.api::<K>(short).get(name).await.unwrap();
    let mut status = serde_json::to_value(object.status().unwrap()).unwrap();
    without_times(&mut status);
    let mut stands =
        BTreeMap::from([("status".to_owned(), plain(case, &serde_json::to_string_pretty(&status).unwrap()))]);
    let things = rig().fake.things();
    let prefix = case.namespace("");
    for (name, (tags, text)) in &things {
        let ours = |namespace: &String| namespace.starts_with(&prefix);
        // Archives and dashboards have no tags: their names tell.
        if !name.contains(&prefix) && !tags.get(operator_core::tags::NAMESPACE).is_some_and(ours) {
            continue;
        }
        let tags: BTreeMap<_, _> = tags.iter().filter(|(key, _)| *key != operator_core::tags::UID).collect();
        stands.insert(plain(case, name), plain(case, &format!("{tags:?} {text}")));
    }
    stands
}

/// Times, versions, and the names of keys, which are drawn by lot, are of the way and not of the end.
const OF_THE_WAY: [&str; 12] = [
    "lastTransitionTime",
    "observedGeneration",
    "policySettledAt",
    "countedAt",
    "appliedHash",
    "activeKid",
    "kid",
    "publicKeySha256",
    "notBefore",
    "notAfter",
    "nextRotationTime",
    "lastHandledRotateAt",
];

fn without_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for key in OF_THE_WAY {
                members.remove(key);
            }
            members.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// The text with the case's prefix and with hashes (16 hexadecimal digits) in one spelling.
fn plain(case: &Case, text: &str) -> String {
    let text = text.replace(&case.namespace(""), "case-");
    let mut plain = String::with_capacity(text.len());
    let mut run = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_digit() || ('a'..='f').contains(&character) {
            run.push(character);
            continue;
        }
        plain.push_str(if run.len() == 16 { "#" } else { &run });
        run.clear();
        plain.push(character);
    }
    plain
}

/// Waits until both stand alike: a deletion or a settle may take a moment more than the condition.
async fn alike<K: Eventing>(what: &str, walked: (&Case, &Walk), fresh: (&Case, &Walk)) {
    eventually(what, || async {
        let (walked, fresh) = (stands::<K>(walked.0, walked.1).await, stands::<K>(fresh.0, fresh.1).await);
        let names: std::collections::BTreeSet<&String> = walked.keys().chain(fresh.keys()).collect();
        let differing = names.into_iter().filter(|name| walked.get(*name) != fresh.get(*name));
        let told: Vec<String> = differing
            .map(|name| format!("{name}:\nwalked {:?}\nfresh  {:?}", walked.get(name), fresh.get(name)))
            .collect();
        if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
    })
    .await;
}

/// Applies what must stand first.
async fn before(case: &Case, walk: &Walk) {
    if !walk.before.is_empty() {
        case.apply(walk.before).await;
    }
}

async fn walk<K: Eventing>(walk: &Walk) {
    let case = Case::new().await;
    before(&case, walk).await;
    put::<K>(&case, walk, &[]).await;
    for (path, one, other) in walk.fields {
        put::<K>(&case, walk, &[(path, one)]).await;
        put::<K>(&case, walk, &[(path, other)]).await;
        put::<K>(&case, walk, &[]).await;
    }
    let fresh = Case::new().await;
    before(&fresh, walk).await;
    put::<K>(&fresh, walk, &[]).await;
    alike::<K>("all fields taken away", (&case, walk), (&fresh, walk)).await;

    let all: Vec<(&str, &str)> = walk.fields.iter().map(|(path, one, _)| (*path, *one)).collect();
    put::<K>(&case, walk, &all).await;
    let full = Case::new().await;
    before(&full, walk).await;
    put::<K>(&full, walk, &all).await;
    alike::<K>("all fields set again", (&case, walk), (&full, walk)).await;
    let (one, other) = (stands::<K>(&full, walk).await, stands::<K>(&fresh, walk).await);
    assert_ne!(one, other, "the fields change something, so the comparison sees them");
}

const BUS: Walk = Walk {
    before: "",
    least: "kind: EventBus\nmetadata: {name: core, namespace: $platform}\nspec: {busName: $bus}",
    at: ("platform", "core"),
    fields: &[
        ("description", "Coins", "Notes"),
        ("publishing", "Disabled", "Enabled"),
        (
            "publishers",
            "[{serviceAccountRef: {name: mint}, sources: [qsl.coin, qsl.note]}, {serviceAccountRef: {name: till, namespace: $shop}, sources: [qsl.coin]}]",
            "[{serviceAccountRef: {name: mint}, sources: [qsl.note]}]",
        ),
        ("allowedNamespaces", "{from: All}", "{from: Selector, selector: {matchLabels: {team: money}}}"),
        ("tags", "{team: money, cost: high}", "{team: other}"),
        ("managementPolicy", "Manage", "Observe"),
        ("deletionPolicy", "Retain", "Delete"),
    ],
};

const RULE: Walk = Walk {
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
metadata: {name: two, namespace: $platform}
spec: {queueName: $two}
",
    least: "kind: EventRule\nmetadata: {name: coins, namespace: $platform}\nspec: {busRef: {name: core}, eventPattern: {source: [qsl.coin]}}",
    at: ("platform", "coins"),
    fields: &[
        ("eventPattern", "{source: [{prefix: qsl.}], detail-type: [Coin.Found.v1]}", "{detail-type: [Coin.Lost.v1]}"),
        ("state", "Disabled", "Enabled"),
        (
            "targets",
            "[{inboxRef: {name: one}, retryPolicy: {maximumEventAgeSeconds: 60}}, {inboxRef: {name: two}}]",
            "[{inboxRef: {name: two}, retryPolicy: {maximumEventAgeSeconds: 120}}]",
        ),
        ("managementPolicy", "Manage", "Observe"),
        ("deletionPolicy", "Retain", "Delete"),
    ],
};

const INBOX: Walk = Walk {
    before: "kind: EventBus\nmetadata: {name: core, namespace: $platform}\nspec: {busName: $bus, allowedNamespaces: {from: All}}",
    least: "kind: InboxQueue\nmetadata: {name: ledger, namespace: $books}\nspec: {queueName: $ledger}",
    at: ("books", "ledger"),
    fields: &[
        ("visibilityTimeoutSeconds", "30", "90"),
        ("messageRetentionSeconds", "86400", "172800"),
        ("deadLetter.retentionSeconds", "1000000", "1100000"),
        ("maxAttempts", "3", "7"),
        ("sealed", "false", "true"),
        ("allowedNamespaces", "{from: All}", "{from: Selector, selector: {matchLabels: {team: money}}}"),
        ("serviceAccounts", "[clerk, auditor]", "[auditor]"),
        (
            "subscriptions",
            "[{name: coins, busRef: {name: core, namespace: $platform}, sources: [qsl.coin]}, {name: notes, busRef: {name: core, namespace: $platform}, eventPattern: {source: [qsl.note]}}]",
            "[{name: coins, busRef: {name: core, namespace: $platform}, detailTypes: [Coin.Found.v1]}]",
        ),
        ("forward.routes", "[{source: qsl.coin, path: /coins}]", "[{path: /all}]"),
        ("forward.unrouted", "Acknowledge", "DeadLetter"),
        ("forward.format", "CloudEventsStructured", "CloudEventsBinary"),
        ("forward.timeoutSeconds", "5", "20"),
        ("forward.maxInFlight", "16", "64"),
        ("forward.waitTimeSeconds", "5", "10"),
        ("forward.backoff", "{initialSeconds: 2, maxSeconds: 60}", "{initialSeconds: 3, maxSeconds: 3}"),
        ("forward.batch", "{maxEvents: 10, maxWaitMilliseconds: 50}", "{maxEvents: 2}"),
        ("verification.allowedAlgorithms", "[ML-DSA-44]", "[Dilithium2]"),
        ("verification.skewSeconds", "120", "600"),
        ("verification.clock", "Receive", "SentTimestamp"),
        ("verification.requireEnvelopeHash", "true", "false"),
        ("deduplication", "{store: Journal, whenUnavailable: DeliverAnyway}", "{store: Journal}"),
        ("deduplication.keys", "[/detail-type]", "[/detail/detailCore/coin]"),
        ("deduplication.ttlSeconds", "60", "120"),
        ("consuming", "Paused", "Enabled"),
        ("autoscaling", "{scaleTargetRef: {name: ledger}, maxReplicas: 3}", "{scaleTargetRef: {name: other}}"),
        ("tags", "{team: money, cost: high}", "{team: other}"),
        ("managementPolicy", "Manage", "Observe"),
        ("deletionPolicy", "Retain", "Delete"),
    ],
};

const KEY: Walk = Walk {
    before: "kind: EventBus\nmetadata: {name: core, namespace: $platform}\nspec: {busName: $bus, publishers: [{serviceAccountRef: {name: mint}, sources: [qsl.coin, qsl.note]}]}",
    least: "kind: SigningKey\nmetadata: {name: coins, namespace: $platform}\nspec: {busRef: {name: core}, sources: [qsl.coin]}",
    at: ("platform", "coins"),
    fields: &[
        ("sources", "['*']", "[qsl.note]"),
        ("rotation", "{period: 48h, publishBefore: 1h, overlap: 2h}", "{period: 96h}"),
        ("revokedKids", "[coins-0123456789abcdef]", "[coins-fedcba9876543210]"),
        ("deletionPolicy", "Retain", "Delete"),
    ],
};

#[tokio::test]
async fn a_bus_is_as_its_spec_says_whatever_it_was_before() {
    walk::<EventBus>(&BUS).await;
}

#[tokio::test]
async fn a_rule_is_as_its_spec_says_whatever_it_was_before() {
    walk::<EventRule>(&RULE).await;
}

#[tokio::test]
async fn an_inbox_is_as_its_spec_says_whatever_it_was_before() {
    walk::<InboxQueue>(&INBOX).await;
}

#[tokio::test]
async fn a_key_is_as_its_spec_says_whatever_it_was_before() {
    walk::<SigningKey>(&KEY).await;
}
