//! No field of a schema is forgotten: it is in its kind's walk, or an exception with a reason.

use std::collections::BTreeSet;

use serde_json::Value;

use super::walks::{BUS, INBOX, KEY, RULE, Walk};

/// The generated definition of a kind, and its walk.
const KINDS: [(&str, &Walk); 4] = [
    (include_str!("../../../../crds/generated/eventbuses.yaml"), &BUS),
    (include_str!("../../../../crds/generated/eventrules.yaml"), &RULE),
    (include_str!("../../../../crds/generated/inboxqueues.yaml"), &INBOX),
    (include_str!("../../../../crds/generated/signingkeys.yaml"), &KEY),
];

fn below(path: &str, member: &str) -> String {
    if path.is_empty() { member.to_owned() } else { format!("{path}.{member}") }
}

/// The fields of a schema that have no fields of their own, items of lists included. What is of a free form is one.
fn fields_of(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let schema = if schema["items"]["properties"].is_object() { &schema["items"] } else { schema };
    match schema["properties"].as_object() {
        Some(members) if schema["x-kubernetes-preserve-unknown-fields"] != true => {
            members.iter().for_each(|(member, schema)| fields_of(schema, &below(path, member), found));
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

/// All paths in a value, items of lists included.
fn paths_in(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(member, value)| paths_in(value, &below(path, member), found));
        }
        Value::Array(items) => items.iter().for_each(|item| paths_in(item, path, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_every_schema_is_walked_or_says_why_not() {
    for (definition, walk) in KINDS {
        let definition: Value = serde_yaml_ng::from_str(definition).unwrap();
        let kind = &definition["spec"]["names"]["kind"];
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let (mut fields, mut walked) = (BTreeSet::new(), BTreeSet::new());
        fields_of(schema, "", &mut fields);
        assert!(fields.len() > 5, "{kind}: {fields:?}");
        for field in walk.fields {
            for value in field.values {
                paths_in(&serde_yaml_ng::from_str(value).unwrap(), field.path, &mut walked);
            }
        }
        let excepted: BTreeSet<String> = walk.exceptions.iter().map(|(path, _)| (*path).to_owned()).collect();
        let forgotten: Vec<&String> =
            fields.iter().filter(|field| !walked.contains(*field) && !excepted.contains(*field)).collect();
        assert!(forgotten.is_empty(), "{kind}: neither walked nor excepted: {forgotten:?}");
        let needless: Vec<&String> =
            excepted.iter().filter(|path| walked.contains(*path) || !fields.contains(*path)).collect();
        assert!(needless.is_empty(), "{kind}: excepted, and walked or not there: {needless:?}");
    }
}
