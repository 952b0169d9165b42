//! What stands for a case: in AWS, and in the status of the object that was walked. Comparable between cases.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::Chars,
};

use crds::Eventing;
use operator_core::tags;
use serde_json::Value;

use super::walks::Walk;
use crate::rig::{Case, eventually, rig};

/// Times and hashes are of the way and not of the end.
const OF_THE_WAY: [&str; 8] = [
    "lastTransitionTime",
    "observedGeneration",
    "policySettledAt",
    "countedAt",
    "appliedHash",
    "activeKid",
    "nextRotationTime",
    "lastHandledRotateAt",
];

/// What stands, without names of the case, hashes and times.
pub async fn of<K: Eventing>(case: &Case, walk: &Walk) -> BTreeMap<String, String> {
    let (short, name) = walk.at;
    let object = case.api::<K>(short).get(name).await.unwrap();
    let mut status = serde_json::to_value(object.status().unwrap()).unwrap();
    of_the_end(&mut status);
    let status = plain(case, &serde_json::to_string_pretty(&status).unwrap());
    let mut stands = BTreeMap::from([("status".to_owned(), status)]);
    let prefix = case.namespace("");
    for (name, (tags, text)) in &rig().fake.things() {
        // Archives and dashboards have no tags, roles of long names may be cut: the one or the other tells.
        let tagged = tags.get(tags::NAMESPACE).is_some_and(|namespace| namespace.starts_with(&prefix));
        if name.contains(&prefix) || tagged {
            let tags: BTreeMap<_, _> = tags.iter().filter(|(key, _)| *key != tags::UID).collect();
            stands.insert(plain(case, name), plain(case, &format!("{tags:?} {text}")));
        }
    }
    stands
}

/// Takes out what is of the way, and puts conditions in order. Of keys, which are made and not taken back, the newest
/// one's algorithm is what a spec asks for.
fn of_the_end(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, _| !OF_THE_WAY.contains(&key.as_str()));
            if let Some(keys) = members.get_mut("keys") {
                *keys = keys[0]["algorithm"].take();
            }
            if let Some(Value::Array(conditions)) = members.get_mut("conditions") {
                conditions.sort_by_key(|condition| condition["type"].to_string());
            }
            members.values_mut().for_each(of_the_end);
        }
        Value::Array(items) => items.iter_mut().for_each(of_the_end),
        _ => {}
    }
}

/// The text with the case's prefix and with hashes (16 hexadecimal digits) in one spelling, and with what stands
/// between brackets in one order, which else is that of the hashes.
fn plain(case: &Case, text: &str) -> String {
    let text = text.replace(&case.namespace(""), "case-");
    let (mut plain, mut run) = (String::with_capacity(text.len()), String::new());
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_digit() || ('a'..='f').contains(&character) {
            run.push(character);
            continue;
        }
        plain.push_str(if run.len() == 16 { "#" } else { &run });
        run.clear();
        plain.push(character);
    }
    ordered(&mut plain.chars())
}

/// The rest up to the bracket that closes it, its items in order; at the top as they are.
fn ordered(rest: &mut Chars<'_>) -> String {
    let (mut items, mut item) = (Vec::new(), String::new());
    while let Some(character) = rest.next() {
        match character {
            ',' => items.push(std::mem::take(&mut item).trim().to_owned()),
            '}' | ']' | ')' => {
                items.push(item.trim().to_owned());
                items.sort();
                return format!("{}{character}", items.join(", "));
            }
            _ => item.push(character),
        }
        if matches!(character, '{' | '[' | '(') {
            item.push_str(&ordered(rest));
        }
    }
    items.push(item);
    items.join(", ")
}

/// Waits until both stand alike: a deletion or a settle may take a moment more than the condition.
pub async fn alike<K: Eventing>(what: &str, walked: &Case, fresh: &Case, walk: &Walk) {
    eventually(what, || async {
        let (walked, fresh) = (of::<K>(walked, walk).await, of::<K>(fresh, walk).await);
        let names: BTreeSet<&String> = walked.keys().chain(fresh.keys()).collect();
        let differing = names.into_iter().filter(|name| walked.get(*name) != fresh.get(*name));
        let told: Vec<String> = differing
            .map(|name| format!("{name}:\nwalked {:?}\nfresh  {:?}", walked.get(name), fresh.get(name)))
            .collect();
        if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
    })
    .await;
}
