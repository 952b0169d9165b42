//! What a policy that somebody else wrote lets EventBridge do: the policies of KMS keys and of queues that are named
//! by hand. Such policies are read, never written.

use super::{PolicyDocument, list};
use serde_json::Value;

/// EventBridge, as policies name it.
pub const EVENTBRIDGE: &str = "events.amazonaws.com";

/// A request that EventBridge would make.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The action, such as `kms:Decrypt`.
    pub action: &'a str,
    /// The ARN of what it is made to.
    pub resource: &'a str,
    /// What is known of its context: keys in small letters. Of all others nothing is known.
    pub context: &'a [(&'a str, Known<'a>)],
}

/// What is known of one key of a request's context.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// The request has no such key.
    Absent,
    /// Its value.
    Is(&'a str),
    /// How its value begins.
    Begins(&'a str),
}

/// Whether the policy allows the request and does not deny it, as far as one can tell: a condition on a key of which
/// nothing is known is taken to be what it should be.
pub fn allows(policy: &PolicyDocument, request: &Request<'_>) -> bool {
    let statements = policy.statements();
    let says = |effect: &str| {
        statements.iter().any(|statement| {
            statement.get("Effect").and_then(Value::as_str) == Some(effect)
                && names_eventbridge(statement.get("Principal"))
                && any(statement.get("Action"), |action| {
                    matches(&action.to_lowercase(), &request.action.to_lowercase())
                })
                && any(statement.get("Resource"), |resource| matches(resource, request.resource))
                && holds(statement.get("Condition"), request, effect == "Allow")
        })
    };
    says("Allow") && !says("Deny")
}

fn any(values: Option<&Value>, is: impl Fn(&str) -> bool) -> bool {
    list(values).iter().filter_map(Value::as_str).any(is)
}

fn names_eventbridge(principal: Option<&Value>) -> bool {
    match principal {
        Some(Value::String(all)) => all == "*",
        Some(Value::Object(kinds)) => {
            any(kinds.get("Service"), |name| name == EVENTBRIDGE) || any(kinds.get("AWS"), |name| name == "*")
        }
        _ => false,
    }
}

/// Whether all conditions hold; `unknown` is what those come to of which nothing is known.
fn holds(conditions: Option<&Value>, request: &Request<'_>, unknown: bool) -> bool {
    conditions.and_then(Value::as_object).into_iter().flatten().all(|(operator, keys)| {
        let mut keys = keys.as_object().into_iter().flatten();
        keys.all(|(key, values)| holds_one(operator, key, values, request).unwrap_or(unknown))
    })
}

/// Whether a value of a condition is that of the request, or where that is `open`, may be.
type Likeness = fn(value: &str, found: &str, open: bool) -> bool;

/// Whether one condition holds, where that can be told.
fn holds_one(operator: &str, key: &str, values: &Value, request: &Request<'_>) -> Option<bool> {
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let (is, alike): (bool, Likeness) = match operator {
        "StringEquals" => (true, is_text),
        "StringNotEquals" => (false, is_text),
        "StringLike" => (true, is_like),
        "StringNotLike" => (false, is_like),
        "ArnEquals" | "ArnLike" => (true, is_arn),
        "ArnNotEquals" | "ArnNotLike" => (false, is_arn),
        _ => return None,
    };
    let key = key.to_lowercase();
    let (_, found) = request.context.iter().find(|(known, _)| *known == key)?;
    let (found, open) = match found {
        Known::Absent => return Some(if_exists || !is),
        Known::Is(found) => (found, false),
        Known::Begins(found) => (found, true),
    };
    Some(any(Some(values), |value| alike(value, found, open)) == is)
}

/// Whether the value is the text, or where that is `open`, one that begins so.
fn is_text(value: &str, text: &str, open: bool) -> bool {
    if open { value.starts_with(text) } else { value == text }
}

/// Whether the pattern matches the text, or where that is `open`, one that begins so.
fn is_like(pattern: &str, text: &str, open: bool) -> bool {
    if open { may_match(pattern, text) } else { matches(pattern, text) }
}

/// The same for ARNs, of which each of the six parts is compared by itself.
fn is_arn(pattern: &str, arn: &str, open: bool) -> bool {
    let (patterns, parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    let all = patterns.clone().count() == parts.clone().count();
    all && patterns.zip(parts).enumerate().all(|(index, (pattern, part))| is_like(pattern, part, open && index == 5))
}

/// Whether a pattern with `*` and `?` matches the whole text.
fn matches(pattern: &str, text: &str) -> bool {
    reached(pattern, text).pop().unwrap_or_default()
}

/// Whether it matches some text that begins so.
fn may_match(pattern: &str, beginning: &str) -> bool {
    reached(pattern, beginning).contains(&true)
}

/// For every beginning of the pattern, the empty one first, whether it matches the whole text.
fn reached(pattern: &str, text: &str) -> Vec<bool> {
    // For every beginning of the text, whether the pattern so far matches it.
    let mut so_far: Vec<bool> = std::iter::once(true).chain(text.chars().map(|_| false)).collect();
    let mut whole = vec![text.is_empty()];
    for wanted in pattern.chars() {
        let mut shorter = false;
        let mut before = false;
        let found = std::iter::once(None).chain(text.chars().map(Some));
        for (matched, found) in so_far.iter_mut().zip(found) {
            let here = *matched;
            *matched = match wanted {
                '*' => here || before,
                '?' => shorter,
                _ => shorter && found == Some(wanted),
            };
            (shorter, before) = (here, *matched);
        }
        whole.push(before);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "arn:aws:kms:eu-west-3:210987654321:key/k";
    const BUS: &str = "arn:aws:events:eu-west-3:210987654321:event-bus/acme";
    const CONTEXT: [(&str, Known<'_>); 3] = [
        ("aws:sourcearn", Known::Is(BUS)),
        ("aws:sourceaccount", Known::Is("210987654321")),
        ("aws:principalorgid", Known::Absent),
    ];

    fn allowed(statements: &Value) -> bool {
        let request = Request { action: "kms:Decrypt", resource: KEY, context: &CONTEXT };
        allows(&PolicyDocument::new(json!({"Version": "2012-10-17", "Statement": statements})), &request)
    }

    fn statement(member: &str, value: Value) -> Value {
        let mut statement = json!({"Effect": "Allow", "Principal": {"Service": EVENTBRIDGE}, "Action": "kms:Decrypt",
            "Resource": "*"});
        if let Some(members) = statement.as_object_mut() {
            members.insert(member.to_owned(), value);
        }
        statement
    }

    #[test]
    fn a_statement_that_covers_the_request_allows_it() {
        for (member, value) in [
            ("Sid", json!("plain")),
            ("Principal", json!("*")),
            ("Principal", json!({"AWS": ["*"]})),
            ("Principal", json!({"Service": ["sqs.amazonaws.com", EVENTBRIDGE]})),
            ("Action", json!(["kms:GenerateDataKey", "KMS:decrypt"])),
            ("Action", json!("kms:De?ry*")),
            ("Action", json!("*")),
            ("Resource", json!(KEY)),
            ("Condition", json!({"StringEquals": {"AWS:SourceAccount": ["1", "210987654321"]}})),
            ("Condition", json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:*:event-bus/acme"}})),
            ("Condition", json!({"StringNotEquals": {"aws:SourceAccount": "1"}})),
            ("Condition", json!({"StringLike": {"aws:SourceAccount": "2109*"}})),
            ("Condition", json!({"StringNotLike": {"aws:SourceAccount": "3*"}})),
            ("Condition", json!({"ArnNotLike": {"aws:SourceArn": "arn:aws:events:*:*:event-bus/b"}})),
            ("Condition", json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}})),
            ("Condition", json!({"Bool": {"aws:SecureTransport": "true"}})),
        ] {
            assert!(allowed(&statement(member, value.clone())), "{member} {value}");
        }
    }

    #[test]
    fn a_statement_that_speaks_of_something_else_does_not() {
        for (member, value) in [
            ("Effect", json!("Deny")),
            ("Principal", json!({"Service": "sqs.amazonaws.com"})),
            ("Principal", json!({"AWS": "arn:aws:iam::210987654321:root"})),
            ("Action", json!("kms:Describe*")),
            ("Action", json!("kms:Decryp")),
            ("Resource", json!("arn:aws:kms:eu-west-3:210987654321:key/other")),
            ("Condition", json!({"StringEquals": {"aws:SourceAccount": "1"}})),
            ("Condition", json!({"StringEquals": {"aws:SourceArn": "arn:aws:events:*"}})),
            // The parts of an ARN are compared one by one.
            ("Condition", json!({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:event-bus/acme"}})),
            ("Condition", json!({"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-west-3:210987654321:event-bus/b"}})),
            ("Condition", json!({"ArnEquals": {"aws:SourceArn": format!("{BUS}/more")}})),
            ("Condition", json!({"ArnNotLike": {"aws:SourceArn": "arn:aws:events:*:*:event-bus/acme"}})),
            ("Condition", json!({"StringLike": {"aws:SourceAccount": "3*"}})),
            ("Condition", json!({"StringNotLike": {"aws:SourceAccount": "2109*"}})),
            ("Condition", json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
            ("Condition", json!({"StringNotEquals": {"aws:SourceAccount": "210987654321"}})),
        ] {
            assert!(!allowed(&statement(member, value.clone())), "{member} {value}");
        }
    }

    #[test]
    fn a_denial_that_acts_outweighs_and_one_that_may_not_does_not() {
        let with = |condition: Value| {
            let denial = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*",
                "Condition": condition});
            allowed(&json!([statement("Sid", json!("plain")), denial]))
        };
        assert!(!with(json!({})));
        assert!(!with(json!({"StringEquals": {"aws:SourceAccount": "210987654321"}})));
        assert!(with(json!({"StringNotEquals": {"aws:SourceAccount": "210987654321"}})));
        assert!(with(json!({"Bool": {"aws:SecureTransport": "false"}})));
    }
}
