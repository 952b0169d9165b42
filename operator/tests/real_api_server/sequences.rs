//! A walk through the fields of each kind: every one is set, changed and taken away again, and set once more. What then
//! stands in AWS and in the status is what a fresh object of that spec has: nothing depends on the way there.
//!
//! - [`walks`]: the fields of each kind, and the few that cannot be walked
//! - [`coverage`]: that no field of a schema was forgotten
//! - [`standing`]: what is compared

mod coverage;
mod standing;
mod walks;

use crds::{
    EventBus, EventRule, Eventing, InboxQueue, SigningKey,
    conditions::{self, READY, reason},
    object::CommonStatus,
};
use operator_core::{
    names::QueueName,
    policy::PolicyDocument,
    ports::{Encryption, KeyFacts, NewQueue, QueueAttributes, Queues},
    tags::Tags,
};
use serde_json::{Map, Value, json};

use crate::rig::{Case, eventually, rig};
use standing::alike;
use walks::{BUS, INBOX, KEY, RULE, Walk};

/// Reasons of `Ready` at which the controller has nothing left to do.
const DONE: [&str; 3] = [reason::AVAILABLE, reason::NOT_SUPPORTED, reason::DIFFERS];

/// The document with some fields set, values as YAML in which `$` stands for the case.
fn with(case: &Case, least: &str, fields: &[(&str, &str)]) -> Value {
    let mut document = case.documents(least).remove(0);
    for (path, value) in fields {
        let value = case.documents(value).remove(0);
        let mut place = document["spec"].as_object_mut().unwrap();
        let mut parents: Vec<&str> = path.split('.').collect();
        let last = parents.pop().unwrap();
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

/// A case with what people have made in AWS: keys `key` and `other-key` that EventBridge may use, queues `lost` and
/// `lost-too` that it may send to; and with what the walk needs first.
async fn prepared(walk: &Walk) -> Case {
    let case = Case::of("walk").await;
    let lets = |action: &str| {
        let statement = json!({"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": action,
            "Resource": "*"});
        PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [statement]}))
    };
    for key in ["key", "other-key"] {
        let name = case.named(key);
        let arn = format!("arn:aws:kms:eu-central-1:000000000000:key/{name}").parse().unwrap();
        let facts = KeyFacts { arn, aws_managed: false, enabled: true, symmetric: true };
        rig().fake.set_key(&facts, &format!("alias/{name}").parse().unwrap(), &lets("kms:*"));
    }
    for queue in ["lost", "lost-too"] {
        let attributes = QueueAttributes {
            visibility_timeout_seconds: 30,
            retention_seconds: 1_209_600,
            max_message_bytes: 1_048_576,
            policy: Some(lets("sqs:SendMessage")),
            redrive: None,
            delay_seconds: 0,
            content_based_deduplication: false,
            encryption: Encryption::SqsManaged,
        };
        let name = QueueName::parse(case.named(queue)).unwrap();
        Queues::create(&rig().fake, &NewQueue { name, attributes, tags: Tags::new() }).await.unwrap();
    }
    if !walk.before.is_empty() {
        case.apply(walk.before).await;
    }
    case
}

/// A case in which the object was made with these fields at once.
async fn fresh<K: Eventing>(walk: &Walk, fields: &[(&str, &str)]) -> Case {
    let case = prepared(walk).await;
    put::<K>(&case, walk, fields).await;
    case
}

async fn walk<K: Eventing>(walk: &Walk) {
    let case = fresh::<K>(walk, &[]).await;
    for field in walk.fields {
        for value in field.values {
            let set = [field.beside, &[(field.path, value)]].concat();
            put::<K>(&case, walk, &set).await;
        }
        put::<K>(&case, walk, &[]).await;
    }
    let bare = fresh::<K>(walk, &[]).await;
    alike::<K>("all fields taken away", &case, &bare, walk).await;

    let all: Vec<(&str, &str)> = walk.fields.iter().map(|field| (field.path, field.values[0])).collect();
    put::<K>(&case, walk, &all).await;
    let full = fresh::<K>(walk, &all).await;
    alike::<K>("all fields set again", &case, &full, walk).await;
    let (full, bare) = (standing::of::<K>(&full, walk).await, standing::of::<K>(&bare, walk).await);
    assert_ne!(full, bare, "the fields change something, so the comparison sees them");
}

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
