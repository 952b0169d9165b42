//! A policy document, equal to another when both say the same.
//!
//! AWS returns documents in another order, with single values as text instead of a list, and with an id of its
//! own. None of that is a difference.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A policy document. Equality is by meaning: order, one value or a list of one, the writing of actions and
/// condition names do not count.
#[derive(Clone)]
pub struct PolicyDocument(Arc<Document>);

struct Document {
    /// As values, the documents of a thousand inboxes take tens of megabytes.
    text: Box<str>,
    /// SHA-256 of the canonical form, which is as large as the document and is needed for nothing else.
    meaning: [u8; 32],
}

impl PolicyDocument {
    /// Takes a document as a value.
    #[allow(clippy::needless_pass_by_value, reason = "callers hand over what they just made")]
    pub fn new(document: Value) -> Self {
        let mut digest = Sha256::new();
        digest_of(&canonical(&document), &mut digest);
        let meaning = digest.finalize().into();
        Self(Arc::new(Document { text: document.to_string().into(), meaning }))
    }

    /// Takes a document as AWS returns it. Text that is not JSON is a document that equals no other's JSON.
    pub fn from_text(text: &str) -> Self {
        Self::new(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())))
    }

    /// The document as a value, as it was given.
    pub fn to_value(&self) -> Value {
        // It was written by ourselves, so it is JSON.
        serde_json::from_str(&self.0.text).unwrap_or_default()
    }

    /// The statements, as they were given.
    pub fn statements(&self) -> Vec<Value> {
        list(self.to_value().get("Statement"))
    }

    /// The document's text, without white space.
    pub fn as_text(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for PolicyDocument {
    fn eq(&self, other: &Self) -> bool {
        self.0.meaning == other.0.meaning
    }
}

impl Eq for PolicyDocument {}

impl fmt::Debug for PolicyDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

/// A value as a list: nothing, the one, or all.
pub(crate) fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// Digests a value, whatever order its members stand in.
fn digest_of(value: &Value, digest: &mut Sha256) {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            digest.update(b"{");
            for (key, value) in members {
                digest_of(&Value::from(key.as_str()), digest);
                digest_of(value, digest);
            }
            digest.update(b"}");
        }
        Value::Array(items) => {
            digest.update(b"[");
            for item in items {
                digest_of(item, digest);
            }
            digest.update(b"]");
        }
        // JSON's own writing of a text, a number or a constant; the comma keeps neighbours apart.
        one => digest.update(format!("{one},")),
    }
}

fn canonical(document: &Value) -> Value {
    let Value::Object(_) = document else {
        return document.clone();
    };
    let version = document.get("Version").cloned().unwrap_or_else(|| "2008-10-17".into());
    let statements = list(document.get("Statement")).iter().map(statement).collect();
    Value::Array(vec![version, sorted(statements)])
}

fn statement(statement: &Value) -> Value {
    let Value::Object(members) = statement else {
        return statement.clone();
    };
    let members = members.iter().map(|(key, value)| {
        let value = match key.as_str() {
            "Action" | "NotAction" => strings(value, str::to_lowercase),
            "Resource" | "NotResource" => strings(value, str::to_owned),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => condition(value),
            _ => value.clone(),
        };
        (key.clone(), value)
    });
    // An empty condition is none.
    Value::Object(members.filter(|(_, value)| *value != Value::Object(Map::new())).collect())
}

/// `"*"` and `{"AWS": "*"}` are the same principal.
fn principal(value: &Value) -> Value {
    match value {
        Value::String(all) if all == "*" => Value::Object(Map::from_iter([("AWS".to_owned(), Value::from(vec!["*"]))])),
        Value::Object(kinds) => kinds
            .iter()
            .map(|(kind, names)| (kind.clone(), strings(names, str::to_owned)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn condition(value: &Value) -> Value {
    let Value::Object(operators) = value else {
        return value.clone();
    };
    operators
        .iter()
        .map(|(operator, keys)| {
            let keys = match keys {
                Value::Object(keys) => keys
                    .iter()
                    .map(|(key, values)| (key.to_lowercase(), strings(values, str::to_owned)))
                    .collect::<Map<_, _>>()
                    .into(),
                other => other.clone(),
            };
            (operator.to_lowercase(), keys)
        })
        .collect::<Map<_, _>>()
        .into()
}

/// A set of texts, whether one or a list; numbers and booleans are their text.
fn strings(value: &Value, write: impl Fn(&str) -> String) -> Value {
    let items = list(Some(value)).into_iter().map(|item| match item {
        Value::String(text) => Value::String(write(&text)),
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(flag) => Value::String(flag.to_string()),
        other => other,
    });
    sorted(items.collect())
}

fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(Value::to_string);
    items.dedup();
    Value::Array(items)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_single_values_and_aws_own_id_are_no_difference() {
        let ours = PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "a", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": "arn:q",
            "Condition": {"ArnEquals": {"aws:SourceArn": ["arn:1", "arn:2"]}}}]}));
        let theirs = PolicyDocument::from_text(
            r#"{"Id":"__default_policy_ID","Statement":{"Condition":{"ArnEquals":{"AWS:SourceArn":["arn:2","arn:1"]}},
            "Resource":["arn:q"],"Action":["SQS:SendMessage"],"Principal":{"Service":["events.amazonaws.com"]},
            "Effect":"Allow","Sid":"a"},"Version":"2012-10-17"}"#,
        );
        assert_eq!(ours, theirs);
    }

    #[test]
    fn another_rule_another_effect_and_another_principal_are_differences() {
        let document = |effect: &str, principal: Value, arn: &str| {
            PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [{
                "Effect": effect, "Principal": principal, "Action": "sqs:SendMessage", "Resource": "q",
                "Condition": {"ArnEquals": {"aws:SourceArn": arn}}}]}))
        };
        let one = document("Allow", json!("*"), "arn:1");
        assert_eq!(one, document("Allow", json!({"AWS": ["*"]}), "arn:1"));
        assert_ne!(one, document("Deny", json!("*"), "arn:1"));
        assert_ne!(one, document("Allow", json!({"AWS": "1"}), "arn:1"));
        assert_ne!(one, document("Allow", json!("1"), "arn:1"));
        assert_ne!(one, document("Allow", json!("*"), "arn:2"));
        assert_ne!(one, PolicyDocument::from_text("not JSON"));
    }
}
