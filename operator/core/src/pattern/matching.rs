//! Whether an event matches a pattern, as EventBridge decides it. Only what passed the checks of this module comes here.

use super::matcher::{ANYTHING_BUT, CIDR, EQUALS_IGNORE_CASE, EXISTS, NUMERIC, PREFIX, SUFFIX, WILDCARD};
use super::object::OR;
use super::text;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// Whether the event matches all members of the pattern.
pub(super) fn event(pattern: &Map<String, Value>, event: &Map<String, Value>) -> bool {
    members(pattern, Some(event), &Way { event, above: None })
}

/// The way from the event to a member of it.
struct Way<'a> {
    event: &'a Map<String, Value>,
    above: Option<(&'a Way<'a>, &'a str)>,
}

impl Way<'_> {
    /// Whether the event has a value here, in whichever item of arrays on the way.
    fn has_leaf(&self) -> bool {
        let mut names = Vec::new();
        let mut way = self;
        while let Some((above, name)) = way.above {
            names.push(name);
            way = above;
        }
        let Some(first) = names.pop() else { return true };
        self.event.get(first).is_some_and(|value| has_leaf(value, &names))
    }
}

/// Whether a value stands at the end of these names, the first last.
fn has_leaf(value: &Value, names: &[&str]) -> bool {
    match (value, names.split_last()) {
        (Value::Array(items), _) => items.iter().any(|item| has_leaf(item, names)),
        (Value::Object(members), Some((name, rest))) => members.get(*name).is_some_and(|value| has_leaf(value, rest)),
        (Value::Object(_), None) | (_, Some(_)) => false,
        (_, None) => true,
    }
}

/// All members of a pattern, against an object of the event; what is not there has no members.
fn members(pattern: &Map<String, Value>, found: Option<&Map<String, Value>>, way: &Way<'_>) -> bool {
    pattern.iter().all(|(name, expected)| {
        if let (OR, Value::Array(patterns)) = (name.as_str(), expected) {
            return patterns.iter().filter_map(Value::as_object).any(|pattern| members(pattern, found, way));
        }
        let value = found.and_then(|found| found.get(name));
        member(expected, value, &Way { event: way.event, above: Some((way, name)) })
    })
}

/// What the pattern says of one member. Of an array of objects one must match as a whole.
fn member(expected: &Value, found: Option<&Value>, way: &Way<'_>) -> bool {
    match (expected, found) {
        (Value::Array(values), _) => values.iter().any(|value| leaf(value, found, way)),
        (Value::Object(below), Some(Value::Array(items))) => {
            items.iter().any(|item| member(expected, Some(item), way))
                || (items.is_empty() && members(below, None, way))
        }
        (Value::Object(below), found) => members(below, found.and_then(Value::as_object), way),
        _ => false,
    }
}

/// One value of a leaf: an array of the event matches when one of its items does.
fn leaf(expected: &Value, found: Option<&Value>, way: &Way<'_>) -> bool {
    if let Some(exists) = expected.get(EXISTS).and_then(Value::as_bool) {
        return way.has_leaf() == exists;
    }
    match found {
        None | Some(Value::Object(_)) => false,
        Some(Value::Array(items)) => items.iter().any(|item| leaf(expected, Some(item), way)),
        Some(value) => match expected {
            Value::Object(operator) => operator.iter().all(|(name, operand)| operates(name, operand, value)),
            scalar => scalar == value,
        },
    }
}

fn operates(name: &str, operand: &Value, value: &Value) -> bool {
    match (name, value) {
        (ANYTHING_BUT, _) => !is_one_of(operand, value),
        (NUMERIC, Value::Number(number)) => {
            number.as_f64().is_some_and(|number| operand.as_array().is_some_and(|terms| compares(terms, number)))
        }
        (CIDR, Value::String(address)) => operand.as_str().is_some_and(|block| is_within(block, address)),
        (_, Value::String(text)) => reads(name, operand, text),
        _ => false,
    }
}

/// What `anything-but` excludes: a value, one of several, or what an operator takes.
fn is_one_of(excluded: &Value, value: &Value) -> bool {
    match excluded {
        Value::Array(values) => values.contains(value),
        Value::Object(operator) => {
            let Value::String(text) = value else { return false };
            operator.iter().any(|(name, operand)| match operand {
                Value::Array(operands) => operands.iter().any(|operand| reads(name, operand, text)),
                operand => reads(name, operand, text),
            })
        }
        scalar => scalar == value,
    }
}

/// The operators of text.
fn reads(name: &str, operand: &Value, text: &str) -> bool {
    let folded = operand.get(EQUALS_IGNORE_CASE).and_then(Value::as_str).map(str::to_lowercase);
    match (name, operand.as_str(), folded) {
        (PREFIX, Some(start), _) => text.starts_with(start),
        (PREFIX, None, Some(start)) => text.to_lowercase().starts_with(&start),
        (SUFFIX, Some(end), _) => text.ends_with(end),
        (SUFFIX, None, Some(end)) => text.to_lowercase().ends_with(&end),
        (EQUALS_IGNORE_CASE, Some(same), _) => text.to_lowercase() == same.to_lowercase(),
        (WILDCARD, Some(glob), _) => text::is_like(glob, text),
        _ => false,
    }
}

fn compares(terms: &[Value], number: f64) -> bool {
    terms.chunks(2).all(|term| {
        let [operator, bound] = term else { return false };
        let (Some(operator), Some(bound)) = (operator.as_str(), bound.as_f64()) else { return false };
        match operator {
            // EventBridge compares the numbers that were written, which is what these are.
            "=" => number.total_cmp(&bound).is_eq(),
            "<" => number < bound,
            "<=" => number <= bound,
            ">" => number > bound,
            ">=" => number >= bound,
            _ => false,
        }
    })
}

fn is_within(block: &str, address: &str) -> bool {
    let Some((base, bits)) = block.split_once('/') else { return false };
    let (Ok(base), Ok(bits), Ok(address)) = (base.parse(), bits.parse::<u32>(), address.parse()) else { return false };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::EventPattern;
    use serde_json::{Value, json};

    fn matches(pattern: &Value, event: &Value) -> bool {
        EventPattern::parse(pattern.clone()).unwrap().matches(event.as_object().unwrap())
    }

    fn tide() -> Value {
        json!({
            "source": "qsl.tide", "detail-type": "Tide.Turned.v1", "resources": ["urn:qsl:pier:tide:7", "urn:b"],
            "detail": {
                "height": 2.5, "name": "Spring", "from": "10.1.2.3", "six": "2001:db8::7", "flag": true, "gone": null,
                "ships": [{"name": "ferry", "size": 3}, {"name": "tug", "size": 9}], "marks": [1, 5, "a*b"],
                "none": [], "below": {"leaf": "x"},
            },
        })
    }

    #[test]
    fn every_operator_takes_what_it_says_and_no_more() {
        let detail = |member: &str, value: Value| json!({"detail": {member: [value]}});
        for (member, value, expected) in [
            ("name", json!("Spring"), true),
            ("name", json!("spring"), false),
            ("name", json!({"equals-ignore-case": "sPRING"}), true),
            ("name", json!({"equals-ignore-case": "sprin"}), false),
            ("name", json!({"prefix": "Spr"}), true),
            ("name", json!({"prefix": "spr"}), false),
            ("name", json!({"prefix": {"equals-ignore-case": "spr"}}), true),
            ("name", json!({"suffix": "ing"}), true),
            ("name", json!({"suffix": {"equals-ignore-case": "ING"}}), true),
            ("name", json!({"suffix": "Spr"}), false),
            ("name", json!({"wildcard": "S*g"}), true),
            ("name", json!({"wildcard": "*r*n*"}), true),
            ("name", json!({"wildcard": "Spring*"}), true),
            ("name", json!({"wildcard": "S*x"}), false),
            ("name", json!({"wildcard": "Sprin"}), false),
            ("marks", json!({"wildcard": "a\\*b"}), true),
            ("name", json!({"wildcard": "Spr\\*g"}), false),
            ("name", json!({"anything-but": "Neap"}), true),
            ("name", json!({"anything-but": "Spring"}), false),
            ("name", json!({"anything-but": ["Neap", "Spring"]}), false),
            ("height", json!({"anything-but": [2.5]}), false),
            ("height", json!({"anything-but": 2}), true),
            ("name", json!({"anything-but": {"prefix": "Spr"}}), false),
            ("name", json!({"anything-but": {"prefix": ["Nea", "Sp"]}}), false),
            ("name", json!({"anything-but": {"suffix": "eap"}}), true),
            ("name", json!({"anything-but": {"wildcard": "*r*"}}), false),
            ("name", json!({"anything-but": {"equals-ignore-case": ["spring"]}}), false),
            ("missing", json!({"anything-but": "x"}), false),
            ("height", json!({"numeric": [">", 2, "<=", 2.5]}), true),
            ("height", json!({"numeric": [">=", 2.5]}), true),
            ("height", json!({"numeric": ["<", 2.5]}), false),
            ("height", json!({"numeric": ["=", 2.5]}), true),
            ("name", json!({"numeric": [">", 0]}), false),
            ("from", json!({"cidr": "10.0.0.0/8"}), true),
            ("from", json!({"cidr": "10.1.2.0/31"}), false),
            ("from", json!({"cidr": "0.0.0.0/0"}), true),
            ("six", json!({"cidr": "2001:db8::/32"}), true),
            ("six", json!({"cidr": "10.0.0.0/8"}), false),
            ("flag", json!(true), true),
            ("flag", json!("true"), false),
            ("gone", json!(null), true),
            ("missing", json!(null), false),
            ("marks", json!(5), true),
            ("marks", json!({"numeric": [">", 5]}), false),
            ("below", json!("x"), false),
        ] {
            assert_eq!(matches(&detail(member, value.clone()), &tide()), expected, "{member} {value}");
        }
    }

    #[test]
    fn exists_speaks_of_values_and_not_of_what_holds_them() {
        for (pattern, expected) in [
            (json!({"detail": {"name": [{"exists": true}]}}), true),
            (json!({"detail": {"name": [{"exists": false}]}}), false),
            (json!({"detail": {"missing": [{"exists": false}]}}), true),
            (json!({"detail": {"missing": {"too": [{"exists": false}]}}}), true),
            (json!({"detail": {"gone": [{"exists": true}]}}), true),
            (json!({"detail": {"below": [{"exists": true}]}}), false),
            (json!({"detail": {"below": {"leaf": [{"exists": true}]}}}), true),
            (json!({"detail": {"none": [{"exists": true}]}}), false),
            (json!({"detail": {"ships": {"name": [{"exists": true}]}}}), true),
            (json!({"detail": {"ships": {"name": [{"exists": false}]}}}), false),
            (json!({"detail": {"name": [{"exists": false}, "Spring"]}}), true),
        ] {
            assert_eq!(matches(&pattern, &tide()), expected, "{pattern}");
        }
    }

    #[test]
    fn members_must_all_match_one_of_an_or_must_and_one_item_of_an_array_as_a_whole() {
        for (pattern, expected) in [
            (json!({"source": ["qsl.tide", "qsl.wind"]}), true),
            (json!({"source": ["qsl.tide"], "detail-type": ["Tide.Ebbed.v1"]}), false),
            (json!({"resources": [{"prefix": "urn:qsl:pier:"}]}), true),
            (json!({"resources": ["urn:c"]}), false),
            (json!({"$or": [{"source": ["qsl.wind"]}, {"detail": {"height": [2.5]}}]}), true),
            (json!({"$or": [{"source": ["qsl.wind"]}, {"detail": {"height": [3]}}]}), false),
            (json!({"source": ["qsl.wind"], "$or": [{"region": ["a"]}, {"detail": {"height": [2.5]}}]}), false),
            (json!({"detail": {"$or": [{"name": ["Neap"]}, {"height": [2.5]}]}}), true),
            (json!({"detail": {"ships": {"name": ["ferry"], "size": [3]}}}), true),
            (json!({"detail": {"ships": {"name": ["ferry"], "size": [9]}}}), false),
            (json!({"detail": {"missing": {"name": ["ferry"]}}}), false),
        ] {
            assert_eq!(matches(&pattern, &tide()), expected, "{pattern}");
        }
    }
}
