//! Which sources a pattern lets through.

use super::matcher::{EQUALS_IGNORE_CASE, PREFIX, SUFFIX};
use serde_json::{Map, Value};

/// Whether events of that source may match the pattern. What cannot be told from `source` alone may.
pub fn may_come_from(pattern: &Map<String, Value>, source: &str) -> bool {
    let Some(Value::Array(values)) = pattern.get("source") else { return true };
    values.iter().any(|value| match value {
        Value::String(exact) => exact == source,
        Value::Object(operator) => operator.iter().all(|(name, operand)| match (name.as_str(), operand) {
            (PREFIX, Value::String(start)) => source.starts_with(start),
            (SUFFIX, Value::String(end)) => source.ends_with(end),
            (EQUALS_IGNORE_CASE, Value::String(text)) => text.eq_ignore_ascii_case(source),
            _ => true,
        }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_pattern_s_source_rules_out_does_not_come() {
        for (pattern, expected) in [
            (json!({"source": ["qsl.coin"]}), true),
            (json!({"source": ["qsl.note"]}), false),
            (json!({"source": ["qsl.note", {"prefix": "qsl."}]}), true),
            (json!({"source": [{"prefix": "acme."}, {"suffix": ".note"}]}), false),
            (json!({"source": [{"suffix": ".coin"}]}), true),
            (json!({"source": [{"equals-ignore-case": "QSL.coin"}]}), true),
            (json!({"source": [{"wildcard": "acme.*"}]}), true),
            (json!({"source": [1, null]}), false),
            (json!({"detail-type": ["Coin.Found.v1"]}), true),
            (json!({"$or": [{"source": ["qsl.note"]}, {"region": ["a"]}]}), true),
        ] {
            assert_eq!(may_come_from(pattern.as_object().unwrap(), "qsl.coin"), expected, "{pattern}");
        }
    }
}
