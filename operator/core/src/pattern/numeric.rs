//! `numeric`: one comparison, or a range of two.

use super::{PatternError, Position};
use serde_json::{Number, Value};

/// The largest number, and the least with the other sign, that EventBridge compares.
const LARGEST: f64 = 5e9;

/// Checks the terms of `numeric`.
pub(super) fn check(at: Position<'_>, terms: &[Value]) -> Result<(), PatternError> {
    let wrong = |problem: &str| Err(at.error(problem));
    match terms {
        [] | [_] | [_, _, _] => wrong("takes an operator and a number, or two of each: [\">\", 0, \"<=\", 5]"),
        [operator, bound] => {
            comparison(at.item(0), operator)?;
            number(at.item(1), bound).map(drop)
        }
        [lower, bottom, upper, top] => {
            let lower_at = at.item(0);
            if !matches!(comparison(lower_at, lower)?, ">" | ">=") {
                return Err(lower_at.error("a range begins with its lower bound, \">\" or \">=\""));
            }
            let bottom = number(at.item(1), bottom)?;
            let upper_at = at.item(2);
            if !matches!(comparison(upper_at, upper)?, "<" | "<=") {
                return Err(upper_at.error("a range ends with its upper bound, \"<\" or \"<=\""));
            }
            let top_at = at.item(3);
            let top = number(top_at, top)?;
            if bottom >= top {
                let problem = format!("the upper bound {top} is not greater than the lower, {bottom}");
                return Err(top_at.error(problem));
            }
            Ok(())
        }
        _ => wrong("has more than two comparisons: a range has a lower and an upper bound"),
    }
}

fn comparison<'v>(at: Position<'_>, term: &'v Value) -> Result<&'v str, PatternError> {
    match term.as_str() {
        Some(operator @ ("=" | "<" | "<=" | ">" | ">=")) => Ok(operator),
        _ => Err(at.error(format!("{term} is no comparison; there are \"=\", \"<\", \"<=\", \">\" and \">=\""))),
    }
}

fn number(at: Position<'_>, term: &Value) -> Result<f64, PatternError> {
    match term {
        Value::Number(number) => within_bounds(at, number),
        _ => Err(at.error(format!("{term} is not a number"))),
    }
}

/// The number, if EventBridge compares such large ones.
pub(super) fn within_bounds(at: Position<'_>, number: &Number) -> Result<f64, PatternError> {
    match number.as_f64() {
        Some(value) if value.abs() <= LARGEST => Ok(value),
        _ => Err(at.error(format!("{number} is out of bounds: numbers from -5.0e9 to 5.0e9 are compared"))),
    }
}
