//! From the chart's value, as JSON, to what is granted; what is wrong is named by its path.

use super::{Adopt, Entry, Pattern, Tenancy};
use serde_json::{Map, Value};

/// What an entry may have.
const MEMBERS: &str = "namespaces, namePrefixes, sources, adopt, arns";

/// A value of `tenancy` that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct TenancyError {
    /// Where it is, as `tenancy[0].sources[1]`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

fn wrong<T>(field: &str, problem: impl Into<String>) -> Result<T, TenancyError> {
    Err(TenancyError { field: field.to_owned(), problem: problem.into() })
}

impl Tenancy {
    /// Reads a JSON list of entries; nothing at all is no entries.
    pub fn parse(text: &str) -> Result<Self, TenancyError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let document: Value = match serde_json::from_str(text) {
            Ok(document) => document,
            Err(error) => return wrong("tenancy", format!("is no JSON: {error}")),
        };
        match document {
            Value::Null => Ok(Self::default()),
            Value::Array(entries) => {
                let entries = entries.iter().enumerate();
                let entries: Result<_, _> =
                    entries.map(|(index, entry)| parse_entry(&format!("tenancy[{index}]"), entry)).collect();
                Ok(Self { entries: entries? })
            }
            _ => wrong("tenancy", format!("is a list of entries with {MEMBERS}")),
        }
    }
}

fn parse_entry(field: &str, entry: &Value) -> Result<Entry, TenancyError> {
    let Value::Object(entry) = entry else { return wrong(field, format!("is an object with {MEMBERS}")) };
    let known: Vec<&str> = MEMBERS.split(", ").collect();
    if let Some(unknown) = entry.keys().find(|key| !known.contains(&key.as_str())) {
        return wrong(&format!("{field}.{unknown}"), format!("there is no such member; there are {MEMBERS}"));
    }
    let namespaces = patterns(field, entry, "namespaces", |text| text)?;
    if namespaces.is_empty() {
        return wrong(&format!("{field}.namespaces"), "name at least one namespace; one that ends in '*' is a prefix");
    }
    Ok(Entry {
        namespaces,
        // Each is a prefix by itself, with or without a star.
        names: patterns(field, entry, "namePrefixes", |text| if text.ends_with('*') { text } else { text + "*" })?,
        sources: patterns(field, entry, "sources", |text| text)?,
        adopt: parse_adopt(&format!("{field}.adopt"), entry.get("adopt"))?,
        arns: patterns(field, entry, "arns", |text| text)?,
    })
}

fn patterns(
    field: &str,
    entry: &Map<String, Value>,
    member: &str,
    to_pattern: impl Fn(String) -> String,
) -> Result<Vec<Pattern>, TenancyError> {
    let field = format!("{field}.{member}");
    match entry.get(member) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            let parse = |(index, item): (usize, &Value)| {
                let field = format!("{field}[{index}]");
                let Value::String(text) = item else { return wrong(&field, format!("is text, not {item}")) };
                if text.is_empty() {
                    return wrong(&field, "is empty; '*' stands for all");
                }
                if text.strip_suffix('*').unwrap_or(text).contains('*') {
                    return wrong(
                        &field,
                        format!("{text:?} has a '*' before its end; only at its end it stands for the rest"),
                    );
                }
                Ok(Pattern::of(&to_pattern(text.clone())))
            };
            items.iter().enumerate().map(parse).collect()
        }
        Some(other) => wrong(&field, format!("is a list of texts, not {other}")),
    }
}

fn parse_adopt(field: &str, value: Option<&Value>) -> Result<Adopt, TenancyError> {
    match value {
        None | Some(Value::Null) => Ok(Adopt::Never),
        Some(Value::String(text)) if text == "Never" => Ok(Adopt::Never),
        Some(Value::String(text)) if text == "Tagged" => Ok(Adopt::Tagged),
        Some(Value::String(text)) if text == "Named" => Ok(Adopt::Named),
        Some(other) => wrong(field, format!("{other} is none of \"Never\", \"Tagged\" and \"Named\"")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        for (text, expected) in [
            ("{", "tenancy: is no JSON"),
            ("{}", "tenancy: is a list of entries"),
            ("[1]", "tenancy[0]: is an object with"),
            (r#"[{"namespaces": ["a"]}, {"namespace": ["a"]}]"#, "tenancy[1].namespace: there is no such member"),
            (r#"[{"namePrefixes": ["a"]}]"#, "tenancy[0].namespaces: name at least one"),
            (r#"[{"namespaces": "a"}]"#, "tenancy[0].namespaces: is a list of texts, not \"a\""),
            (r#"[{"namespaces": ["a", 7]}]"#, "tenancy[0].namespaces[1]: is text, not 7"),
            (r#"[{"namespaces": ["a"], "sources": [""]}]"#, "tenancy[0].sources[0]: is empty"),
            (r#"[{"namespaces": ["a"], "arns": ["arn:*:x"]}]"#, "tenancy[0].arns[0]: \"arn:*:x\" has a '*' before"),
            (r#"[{"namespaces": ["a"], "adopt": true}]"#, "tenancy[0].adopt: true is none of"),
        ] {
            let said = Tenancy::parse(text).unwrap_err().to_string();
            assert!(said.starts_with(expected), "{text}: {said}");
        }
    }

    #[test]
    fn members_may_be_left_out_or_empty() {
        let given = r#"[{"namespaces": ["a"], "namePrefixes": null, "sources": [], "adopt": null}]"#;
        assert_eq!(Tenancy::parse(given), Tenancy::parse(r#"[{"namespaces": ["a"], "adopt": "Never"}]"#));
        assert_eq!(Tenancy::parse("null"), Ok(Tenancy::default()));
    }
}
