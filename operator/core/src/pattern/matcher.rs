//! One value of a leaf: a scalar, or an operator.

use super::{Facts, PatternError, Position, numeric, text};
use serde_json::{Map, Value};

pub(super) const NUMERIC: &str = "numeric";
pub(super) const ANYTHING_BUT: &str = "anything-but";
pub(super) const CIDR: &str = "cidr";
pub(super) const EQUALS_IGNORE_CASE: &str = "equals-ignore-case";
pub(super) const EXISTS: &str = "exists";
pub(super) const PREFIX: &str = "prefix";
pub(super) const SUFFIX: &str = "suffix";
pub(super) const WILDCARD: &str = "wildcard";

/// All operators of a bus's rules.
pub(super) const OPERATORS: [&str; 8] =
    [ANYTHING_BUT, CIDR, EQUALS_IGNORE_CASE, EXISTS, NUMERIC, PREFIX, SUFFIX, WILDCARD];

/// Those that `anything-but` may hold.
const REVERSIBLE: [&str; 4] = [EQUALS_IGNORE_CASE, PREFIX, SUFFIX, WILDCARD];

/// Checks one value of a leaf.
pub(super) fn check(at: Position<'_>, value: &Value, facts: &mut Facts) -> Result<(), PatternError> {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Ok(()),
        Value::Array(_) => Err(at.error(
            "a value is a string, a number, true, false, null or an operator, and not an array: an array in an \
             event matches when one of its items does",
        )),
        Value::Object(members) => {
            let (name, operand) = only_member(at, members)?;
            operator(at.member(name), name, operand, facts)
        }
    }
}

fn operator(at: Position<'_>, name: &str, operand: &Value, facts: &mut Facts) -> Result<(), PatternError> {
    match (name, operand) {
        (PREFIX | SUFFIX | EQUALS_IGNORE_CASE, Value::String(_)) | (EXISTS, Value::Bool(_)) => Ok(()),
        (PREFIX | SUFFIX, Value::Object(members)) => match only_member(at, members)? {
            (EQUALS_IGNORE_CASE, Value::String(_)) => Ok(()),
            (EQUALS_IGNORE_CASE, _) => Err(at.member(EQUALS_IGNORE_CASE).error("takes a string")),
            (other, _) => {
                let problem = format!("'{name}' takes a string or {{\"{EQUALS_IGNORE_CASE}\": \"…\"}}, not '{other}'");
                Err(at.member(other).error(problem))
            }
        },
        (PREFIX | SUFFIX, _) => {
            Err(at.error(format!("'{name}' takes a string, or {{\"{EQUALS_IGNORE_CASE}\": \"…\"}}")))
        }
        (EQUALS_IGNORE_CASE, _) => Err(at.error("takes a string; a number or true is matched as it stands")),
        (EXISTS, _) => Err(at.error("takes true (the field is there) or false (it is not)")),
        (WILDCARD, Value::String(glob)) => wildcard(at, glob, facts),
        (WILDCARD, _) => Err(at.error("takes a string, in which '*' stands for any characters")),
        (CIDR, Value::String(block)) => text::cidr(at, block),
        (CIDR, _) => Err(at.error("takes a block of addresses as a string, such as \"10.0.0.0/8\"")),
        (NUMERIC, Value::Array(terms)) => numeric::check(at, terms),
        (NUMERIC, _) => Err(at.error("takes an array of comparisons, such as [\">\", 0, \"<=\", 5]")),
        (ANYTHING_BUT, _) => anything_but(at, operand, facts),
        ("exactly", Value::String(_)) => {
            Err(at.error("'exactly' is no operator of a bus's rules: write the string itself"))
        }
        (other, _) => Err(at.error(format!("'{other}' is no operator; there are {}", OPERATORS.join(", ")))),
    }
}

fn anything_but(at: Position<'_>, operand: &Value, facts: &mut Facts) -> Result<(), PatternError> {
    match operand {
        Value::String(_) => Ok(()),
        Value::Number(number) => numeric::within_bounds(at, number).map(drop),
        Value::Array(values) => all_of_one_type(at, values),
        Value::Object(members) => {
            let (name, operand) = only_member(at, members)?;
            let here = at.member(name);
            if !REVERSIBLE.contains(&name) {
                let problem = format!("'{name}' cannot be reversed; these can: {}", REVERSIBLE.join(", "));
                return Err(here.error(problem));
            }
            match operand {
                Value::String(text) => reversed(here, name, text, facts),
                Value::Array(texts) if texts.is_empty() => Err(here.error("is empty: give a string")),
                Value::Array(texts) => {
                    for (number, text) in texts.iter().enumerate() {
                        let here = here.item(number);
                        match text {
                            Value::String(text) => reversed(here, name, text, facts)?,
                            _ => return Err(here.error("takes a string")),
                        }
                    }
                    Ok(())
                }
                _ => Err(here.error("takes a string, or an array of strings")),
            }
        }
        Value::Bool(_) | Value::Null => {
            Err(at.error("takes a string, a number, an array of either, or an operator; not true, false or null"))
        }
    }
}

fn all_of_one_type(at: Position<'_>, values: &[Value]) -> Result<(), PatternError> {
    let Some(first) = values.first() else {
        return Err(at.error("is empty: give a string or a number"));
    };
    for (number, value) in values.iter().enumerate() {
        let here = at.item(number);
        match value {
            Value::String(_) if first.is_string() => {}
            Value::Number(number) if first.is_number() => drop(numeric::within_bounds(here, number)?),
            Value::String(_) | Value::Number(_) => {
                return Err(here.error("strings and numbers cannot be mixed: use two rules, or $or"));
            }
            _ => return Err(here.error("takes a string or a number")),
        }
    }
    Ok(())
}

/// One operand of an operator inside `anything-but`.
fn reversed(at: Position<'_>, name: &str, text: &str, facts: &mut Facts) -> Result<(), PatternError> {
    match name {
        WILDCARD => wildcard(at, text, facts),
        PREFIX | SUFFIX if text.is_empty() => {
            Err(at.error(format!("every text has the empty {name}, so this would match nothing: give a character")))
        }
        _ => Ok(()),
    }
}

fn wildcard(at: Position<'_>, glob: &str, facts: &mut Facts) -> Result<(), PatternError> {
    facts.uses_wildcard = true;
    text::wildcard(at, glob)
}

/// The one member of an operator.
fn only_member<'m>(at: Position<'_>, members: &'m Map<String, Value>) -> Result<(&'m str, &'m Value), PatternError> {
    let mut all = members.iter();
    match (all.next(), all.next()) {
        (Some((name, operand)), None) => Ok((name, operand)),
        (None, _) => Err(at.error(format!("is empty: name an operator, one of {}", OPERATORS.join(", ")))),
        (Some((one, _)), Some((two, _))) => {
            let problem = format!(
                "has '{one}' and '{two}', and an operator stands alone: [{{\"{one}\": …}}, {{\"{two}\": …}}] matches either"
            );
            Err(at.error(problem))
        }
    }
}
