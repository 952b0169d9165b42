//! How AWS writes the documents that it returns: what was given, in another order and in other words.

use crate::policy::PolicyDocument;
use serde_json::{Map, Value};

/// The document as AWS returns it: lists in another order, lists of one as that one, the service of an action and the
/// prefix of a condition's key in other letters, an id where there was none.
pub(super) fn as_returned(policy: &PolicyDocument) -> PolicyDocument {
    let mut document = rewritten("", &policy.to_value());
    if let Value::Object(members) = &mut document {
        members.entry("Id").or_insert_with(|| "__default_policy_ID".into());
    }
    PolicyDocument::new(document)
}

fn rewritten(member: &str, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let rewritten = members.iter().map(|(key, value)| (respelt_key(member, key), rewritten(key, value)));
            Value::Object(rewritten.collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().rev().map(|item| rewritten(member, item)).collect();
            match (items.pop(), items.is_empty()) {
                (Some(one), true) => one,
                (Some(last), false) => {
                    items.push(last);
                    Value::Array(items)
                }
                (None, _) => Value::Array(items),
            }
        }
        Value::String(text) if member == "Action" => match text.split_once(':') {
            Some((service, action)) => format!("{}:{action}", service.to_uppercase()).into(),
            None => text.clone().into(),
        },
        other => other.clone(),
    }
}

/// The keys of conditions stand in the operators' objects.
fn respelt_key(operator: &str, key: &str) -> String {
    let of_condition = ["Equals", "Like"].iter().any(|end| operator.ends_with(end));
    match key.split_once(':') {
        Some(("aws", name)) if of_condition => format!("AWS:{name}"),
        _ => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_comes_back_in_other_words_and_says_the_same() {
        let given = PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "a", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
             "Resource": "q", "Condition": {"ArnEquals": {"aws:SourceArn": ["arn:1", "arn:2"]}}},
            {"Sid": "b", "Effect": "Deny", "Principal": "*", "Action": ["sqs:SendMessage"], "Resource": ["q"]},
        ]}));
        let expected = json!({"Id": "__default_policy_ID", "Version": "2012-10-17", "Statement": [
            {"Sid": "b", "Effect": "Deny", "Principal": "*", "Action": "SQS:SendMessage", "Resource": "q"},
            {"Sid": "a", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "SQS:SendMessage",
             "Resource": "q", "Condition": {"ArnEquals": {"AWS:SourceArn": ["arn:2", "arn:1"]}}},
        ]});
        let returned = as_returned(&given);
        assert_eq!(returned.to_value(), expected);
        assert_eq!(returned, given);
    }
}
