//! Members, leaves and `$or`.

use super::matcher::{self, OPERATORS};
use super::{Facts, PatternError, Position};
use serde_json::{Map, Value};

/// The member that holds patterns, one of which must match.
pub(super) const OR: &str = "$or";

/// The members of an event but `detail`: text, or a list of it.
const MEMBERS: [&str; 8] = ["account", "detail-type", "id", "region", "resources", "source", "time", "version"];

/// The member of an event that is an object.
const DETAIL: &str = "detail";

/// What cannot be a field's name inside `$or`, besides operators: EventBridge keeps it for operators to come.
const RESERVED: [&str; 15] = [
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Which object's members a pattern speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The event's own: they are known.
    Event,
    /// Those of its detail: they may have any name.
    Detail,
}

/// Checks a whole pattern.
pub(super) fn event(at: Position<'_>, members: &Map<String, Value>, facts: &mut Facts) -> Result<(), PatternError> {
    object(at, members, Of::Event, false, facts)
}

fn object(
    at: Position<'_>,
    members: &Map<String, Value>,
    of: Of,
    in_or: bool,
    facts: &mut Facts,
) -> Result<(), PatternError> {
    if members.is_empty() {
        return Err(at.error("is empty and would match nothing: name a member, as in {\"source\": [\"qsl.payment\"]}"));
    }
    for (name, value) in members {
        let here = at.member(name);
        if name == OR {
            or(here, value, of, facts)?;
            continue;
        }
        if in_or && (OPERATORS.contains(&name.as_str()) || RESERVED.contains(&name.as_str())) {
            let problem = format!(
                "'{name}' cannot be a field inside $or, whose members are patterns; an operator stands in the array \
                 of the field that it is about, as in [{{\"{name}\": …}}]"
            );
            return Err(here.error(problem));
        }
        match (of, value) {
            (Of::Event, Value::Object(below)) if name == DETAIL => object(here, below, Of::Detail, in_or, facts)?,
            (Of::Event, _) if name == DETAIL => {
                return Err(here.error("the detail of an event is an object: name its members, as in {\"a\": [1]}"));
            }
            (Of::Event, _) if !MEMBERS.contains(&name.as_str()) => return Err(unknown(here, name)),
            (Of::Event, Value::Object(_)) => {
                let problem = format!("'{name}' of an event has no members: give an array of values for it");
                return Err(here.error(problem));
            }
            (Of::Detail, Value::Object(below)) => object(here, below, Of::Detail, in_or, facts)?,
            (_, Value::Array(values)) => leaf(here, values, facts)?,
            (_, scalar) => return Err(not_a_leaf(here, name, scalar)),
        }
    }
    Ok(())
}

fn leaf(at: Position<'_>, values: &[Value], facts: &mut Facts) -> Result<(), PatternError> {
    if values.is_empty() {
        return Err(at.error("is empty and would match nothing: give a value, or [{\"exists\": true}] for any"));
    }
    for (number, value) in values.iter().enumerate() {
        matcher::check(at.item(number), value, facts)?;
    }
    Ok(())
}

fn or(at: Position<'_>, value: &Value, of: Of, facts: &mut Facts) -> Result<(), PatternError> {
    let Value::Array(patterns) = value else {
        return Err(at.error("$or holds an array of patterns, as in [{\"a\": [1]}, {\"b\": [2]}]"));
    };
    if patterns.len() < 2 {
        let problem = format!("$or holds {} pattern(s), and it takes two or more to choose from", patterns.len());
        return Err(at.error(problem));
    }
    for (number, pattern) in patterns.iter().enumerate() {
        let here = at.item(number);
        match pattern {
            Value::Object(members) => object(here, members, of, true, facts)?,
            _ => return Err(here.error("is not a pattern: each of $or is an object, as in {\"source\": [\"a\"]}")),
        }
    }
    Ok(())
}

/// A member that no event has, and the one that was meant, where that can be seen.
fn unknown(at: Position<'_>, name: &str) -> PatternError {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let meant = MEMBERS.into_iter().chain([DETAIL]).find(|known| plain(known) == plain(name));
    let problem = match meant {
        Some(meant) => format!("'{name}' is no member of an event: write '{meant}'"),
        None => format!("'{name}' is no member of an event; there are {}, {DETAIL} and {OR}", MEMBERS.join(", ")),
    };
    at.error(problem)
}

fn not_a_leaf(at: Position<'_>, name: &str, scalar: &Value) -> PatternError {
    let right = if OPERATORS.contains(&name) {
        format!("an operator stands in the array of the field that it is about: [{{\"{name}\": {scalar}}}]")
    } else {
        format!("values stand in an array: [{scalar}]")
    };
    at.error(right)
}
