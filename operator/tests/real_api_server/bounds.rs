//! Every bound of every field, found in the schemas themselves: a value that breaks it is refused, and the refusal names
//! the field. And every rule of every schema, which needs a sentence: it has a row in a table that breaks it.

use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, PostParams},
};
use serde_json::{Map, Value, json};

use crate::{
    inbox_refusals,
    refusals::{REFUSED, REFUSED_EDITS, complete},
    rig::{Case, make_namespace},
    rule_refusals,
};

/// One value that a schema refuses: where it is put, and what the refusal says of it.
struct Breach {
    /// The way to the field below `spec`: members, and `0` for the first item of a list.
    path: Vec<String>,
    /// `None` takes the field away.
    value: Option<Value>,
    /// Any of these is said.
    said: &'static [&'static str],
}

impl Breach {
    /// The field as the API server writes it.
    fn field(&self) -> String {
        self.path.iter().fold("spec".to_owned(), |field, step| match step.parse::<usize>() {
            Ok(number) => format!("{field}[{number}]"),
            Err(_) => format!("{field}.{step}"),
        })
    }
}

/// A bound, which schemas write as a fraction.
fn whole(bound: f64) -> i64 {
    format!("{bound:.0}").parse().unwrap()
}

/// All that a schema refuses at this place and below.
fn breaches(schema: &Value, path: &[String], found: &mut Vec<Breach>) {
    let mut breach =
        |value: Option<Value>, said: &'static [&'static str]| found.push(Breach { path: path.to_vec(), value, said });
    let number = |key: &str| schema[key].as_f64();
    let count = |key: &str| schema[key].as_u64().and_then(|count| usize::try_from(count).ok());
    if schema["enum"].is_array() {
        breach(Some(json!("NoneOfThese")), &["supported values"]);
    }
    if schema["pattern"].is_string() {
        breach(Some(json!(" \n ")), &["should match"]);
    }
    if let Some(most) = number("maximum") {
        breach(Some(json!(whole(most) + 1)), &["should be less than or equal to"]);
    }
    if let Some(least) = number("minimum") {
        breach(Some(json!(whole(least) - 1)), &["should be greater than or equal to"]);
    }
    if let Some(most) = count("maxLength") {
        breach(Some(json!("a".repeat(most + 1))), &["Too long", "may not be", "should match"]);
    }
    if count("minItems").is_some_and(|least| least > 0) {
        breach(Some(json!([])), &["should have at least"]);
    }
    if let Some(most) = count("maxItems") {
        let item = if schema["items"]["type"] == "object" { json!({}) } else { json!("a") };
        breach(Some(Value::Array(vec![item; most + 1])), &["must have at most"]);
    }
    if let Some(most) = count("maxProperties") {
        let members: Map<String, Value> = (0..=most).map(|number| (format!("k{number}"), json!("v"))).collect();
        breach(Some(Value::Object(members)), &["must have at most"]);
    }
    if count("minProperties").is_some_and(|least| least > 0) {
        breach(Some(json!({})), &["should have at least"]);
    }
    let below = |step: &str| [path, &[step.to_owned()]].concat();
    for required in schema["required"].as_array().into_iter().flatten() {
        let path = below(required.as_str().unwrap());
        found.push(Breach { path, value: None, said: &["Required value"] });
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        breaches(schema, &below(name), found);
    }
    if schema["items"].is_object() {
        breaches(&schema["items"], &below("0"), found);
    }
}

/// Puts the value at the end of the way, which is made where it is not there.
fn put(at: &mut Value, path: &[String], value: Option<Value>) {
    let Some((step, rest)) = path.split_first() else {
        *at = value.unwrap();
        return;
    };
    if step.parse::<usize>().is_ok() {
        if at.as_array().is_none_or(Vec::is_empty) {
            *at = json!([null]);
        }
        return put(&mut at[0], rest, value);
    }
    if !at.is_object() {
        *at = json!({});
    }
    match (rest.is_empty(), value) {
        (true, None) => drop(at.as_object_mut().unwrap().remove(step)),
        (_, value) => put(&mut at[step], rest, value),
    }
}

#[tokio::test]
async fn a_value_beyond_any_bound_of_any_field_is_refused_and_the_field_is_named() {
    let case = Case::new().await;
    let complete = complete(&case);
    let (mut tried, mut wrong) = (0, Vec::new());
    for definition in crds::generate::definitions() {
        let definition = serde_json::to_value(definition).unwrap();
        let names = &definition["spec"]["names"];
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        let (kind, plural) = (names["kind"].as_str().unwrap(), names["plural"].as_str().unwrap());
        let kind = GroupVersionKind::gvk(crds::GROUP, crds::VERSION, kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        let base = complete.iter().find(|object| object["kind"] == resource.kind.as_str()).unwrap();
        let namespace = base["metadata"]["namespace"].as_str().unwrap();
        make_namespace(&case.client, namespace).await;
        let api: Api<DynamicObject> = Api::namespaced_with(case.client.clone(), namespace, &resource);
        let mut all = Vec::new();
        breaches(schema, &[], &mut all);
        for breach in all {
            let mut object = base.clone();
            object["apiVersion"] = json!(resource.api_version);
            object["metadata"]["name"] = json!("bounds");
            put(&mut object["spec"], &breach.path, breach.value.clone());
            // Created, not applied: applying judges sets and maps first, by words of its own.
            let parameters = PostParams { dry_run: true, ..PostParams::default() };
            let said = match api.create(&parameters, &serde_json::from_value(object).unwrap()).await {
                Ok(_) => "accepted".to_owned(),
                Err(error) => error.to_string(),
            };
            tried += 1;
            let field = breach.field();
            if !(said.contains(&field) && breach.said.iter().any(|part| said.contains(part))) {
                wrong.push(format!(
                    "{} {field} {:?}: expected {:?}, got {said}",
                    resource.kind, breach.value, breach.said
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 100, "the schemas have more bounds than {tried}");
}

/// The messages of all rules in a schema.
fn messages(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            let rules = members.get("x-kubernetes-validations").and_then(Value::as_array);
            found.extend(rules.into_iter().flatten().map(|rule| rule["message"].as_str().unwrap().to_owned()));
            members.values().for_each(|below| messages(below, found));
        }
        Value::Array(items) => items.iter().for_each(|below| messages(below, found)),
        _ => {}
    }
}

#[test]
fn every_rule_of_every_schema_has_a_row_that_breaks_it() {
    let of_others = [REFUSED, REFUSED_EDITS, rule_refusals::REFUSED, rule_refusals::EDITS].concat();
    let mut rows: Vec<&[&str]> = of_others.iter().map(|row| row.3).collect();
    rows.extend(inbox_refusals::REFUSED.iter().map(|row| row.1));
    // A test of its own, with a subscription that is there.
    rows.push(&["busRef of a subscription cannot be changed"]);
    let mut missing = Vec::new();
    for definition in crds::generate::definitions() {
        let kind = definition.spec.names.kind.clone();
        let mut all = Vec::new();
        messages(&serde_json::to_value(definition).unwrap(), &mut all);
        assert!(!all.is_empty(), "{kind}");
        // A part of a few letters could be in any message.
        let has_row = |message: &str| rows.iter().any(|parts| parts.iter().any(|p| p.len() > 8 && message.contains(p)));
        missing.extend(all.into_iter().filter(|message| !has_row(message)).map(|message| format!("{kind}: {message}")));
    }
    assert!(missing.is_empty(), "no row breaks these rules:\n{}", missing.join("\n"));
}
