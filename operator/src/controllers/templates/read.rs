//! What CloudFormation makes of a template: parameters, conditions, loops and references in place, as far as ours use
//! them. What they do not use ends the test.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::controllers::tests::place;

/// A template with its parameters given and its loops unrolled.
#[derive(Debug)]
pub(super) struct Template {
    parameters: BTreeMap<String, Value>,
    conditions: Value,
    resources: Map<String, Value>,
    arns: BTreeMap<String, String>,
}

impl Template {
    /// Reads it, for the account and Region of [`place`]; a parameter that is not given has its default.
    pub(super) fn read(text: &str, given: &[(&str, &str)]) -> Self {
        let template: Value = serde_json::from_str(text).unwrap();
        let place = place();
        let mut parameters = BTreeMap::from([
            ("AWS::Partition".to_owned(), json!(place.partition)),
            ("AWS::Region".to_owned(), json!(place.region)),
            ("AWS::AccountId".to_owned(), json!(place.account)),
            ("AWS::URLSuffix".to_owned(), json!("amazonaws.com")),
            ("AWS::StackName".to_owned(), json!("a-stack")),
        ]);
        for (name, parameter) in template["Parameters"].as_object().unwrap() {
            let given = given.iter().find(|(own, _)| own == name).map(|(_, value)| json!(value));
            let value = given.or_else(|| parameter.get("Default").cloned());
            parameters.insert(name.clone(), value.unwrap_or_else(|| panic!("parameter {name} is not given")));
        }
        let Value::Object(resources) = unrolled(&template["Resources"]) else { panic!("no resources") };
        Self { parameters, conditions: template["Conditions"].clone(), resources, arns: BTreeMap::new() }
    }

    /// Says the ARN of a resource, for `Fn::GetAtt`.
    pub(super) fn stands_for(&mut self, resource: &str, arn: &impl ToString) {
        assert!(self.resources.contains_key(resource), "the template has no {resource}");
        self.arns.insert(resource.to_owned(), arn.to_string());
    }

    /// The names of the resources of a type that are made.
    pub(super) fn of_type(&self, kind: &str) -> Vec<&str> {
        let is_made =
            |resource: &Value| resource.get("Condition").is_none_or(|name| self.holds(&json!({"Condition": name})));
        let made = self.resources.iter().filter(|(_, resource)| resource["Type"] == kind && is_made(resource));
        made.map(|(name, _)| name.as_str()).collect()
    }

    /// A resource as it is written, its loops unrolled.
    pub(super) fn written(&self, resource: &str) -> &Value {
        self.resources.get(resource).unwrap_or_else(|| panic!("the template has no {resource}"))
    }

    /// The properties of a resource.
    pub(super) fn properties(&self, resource: &str) -> Value {
        self.resolve(&self.written(resource)["Properties"])
    }

    /// One property of a resource.
    pub(super) fn resolved(&self, resource: &str, property: &str) -> Value {
        self.resolve(&self.written(resource)["Properties"][property])
    }

    /// The ARN that a resource stands for.
    pub(super) fn arn_of(&self, resource: &str) -> &str {
        self.arns.get(resource).unwrap_or_else(|| panic!("nobody said the ARN of {resource}"))
    }

    /// A value with everything in place; what is `AWS::NoValue` is gone.
    fn resolve(&self, value: &Value) -> Value {
        let kept = |value: &Value| Some(self.resolve(value)).filter(|value| !value.is_null());
        match value {
            Value::Object(members) => match function(members) {
                Some(("Ref", name)) => self.reference(self.resolve(name).as_str().unwrap()),
                Some(("Fn::GetAtt", path)) => {
                    assert_eq!(path[1], "Arn", "{path}");
                    json!(self.arn_of(self.resolve(&path[0]).as_str().unwrap()))
                }
                Some(("Fn::Sub", text)) => self.substituted(text),
                Some(("Fn::If", branches)) => {
                    let holds = self.holds(&json!({"Condition": branches[0]}));
                    self.resolve(&branches[if holds { 1 } else { 2 }])
                }
                Some((other, _)) => panic!("{other} is not known here"),
                None => members.iter().filter_map(|(key, value)| Some((key.clone(), kept(value)?))).collect(),
            },
            Value::Array(items) => items.iter().filter_map(kept).collect(),
            one => one.clone(),
        }
    }

    /// A parameter; of a managed policy its ARN; of any other resource its own name in the template.
    fn reference(&self, name: &str) -> Value {
        if name == "AWS::NoValue" {
            return Value::Null;
        }
        if let Some(value) = self.parameters.get(name) {
            return value.clone();
        }
        let is_policy = self.written(name)["Type"] == "AWS::IAM::ManagedPolicy";
        json!(if is_policy { self.arn_of(name) } else { name })
    }

    /// A text, or a text with variables of its own.
    fn substituted(&self, text: &Value) -> Value {
        let (text, own) = match text {
            Value::Array(both) => (both[0].as_str().unwrap(), self.resolve(&both[1])),
            one => (one.as_str().unwrap(), Value::Null),
        };
        let mut parts = text.split("${");
        let mut made = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap();
            let value = own.get(name).cloned().unwrap_or_else(|| self.reference(name));
            made += &value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            made += rest;
        }
        json!(made)
    }

    fn holds(&self, condition: &Value) -> bool {
        match function(condition.as_object().unwrap()) {
            Some(("Condition", name)) => self.holds(&self.conditions[name.as_str().unwrap()]),
            Some(("Fn::Equals", sides)) => self.resolve(&sides[0]) == self.resolve(&sides[1]),
            Some(("Fn::Not", one)) => !self.holds(&one[0]),
            other => panic!("{other:?} is no condition that is known here"),
        }
    }
}

/// The function that an object is a call of.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
    (name.starts_with("Fn::") || ["Ref", "Condition"].contains(&name.as_str()))
        .then_some((name.as_str(), argument))
        .filter(|(name, argument)| *name != "Condition" || argument.is_string())
}

/// A value without loops: `Fn::ForEach::NAME: [variable, [values], {…}]` is its body once for each value.
fn unrolled(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut all = Map::new();
            for (key, member) in members {
                if !key.starts_with("Fn::ForEach::") {
                    all.insert(key.clone(), unrolled(member));
                    continue;
                }
                for one in member[1].as_array().unwrap() {
                    let round = replaced(&member[2], member[0].as_str().unwrap(), one.as_str().unwrap());
                    let Value::Object(round) = unrolled(&round) else { panic!("{key} repeats no members") };
                    all.extend(round);
                }
            }
            Value::Object(all)
        }
        Value::Array(items) => items.iter().map(unrolled).collect(),
        one => one.clone(),
    }
}

/// A value with a loop's variable in place: `${name}`, `&{name}` for its letters and digits alone, or a `Ref` of it.
fn replaced(value: &Value, name: &str, by: &str) -> Value {
    let alphanumeric: String = by.chars().filter(char::is_ascii_alphanumeric).collect();
    let text = |text: &str| text.replace(&format!("${{{name}}}"), by).replace(&format!("&{{{name}}}"), &alphanumeric);
    match value {
        Value::Object(members) => match function(members) {
            Some(("Ref", variable)) if variable == name => json!(by),
            _ => members.iter().map(|(key, value)| (text(key), replaced(value, name, by))).collect(),
        },
        Value::Array(items) => items.iter().map(|item| replaced(item, name, by)).collect(),
        Value::String(one) => json!(text(one)),
        one => one.clone(),
    }
}
