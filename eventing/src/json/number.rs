//! Numbers: a literal stands for one double, or is refused.

use super::{Fault, TWO_POW_53};

/// The double that a literal of JSON stands for, where it stands for exactly one.
pub(super) fn exact(literal: &str) -> Result<f64, Fault> {
    if let Some(number) = short_integer(literal) {
        return Ok(number);
    }
    let number: f64 = literal.parse().map_err(|_| Fault::Malformed)?;
    if !number.is_finite() {
        return Err(Fault::NumberNotExact);
    }
    let size = number.abs();
    let is_integer_literal = !literal.contains(['.', 'e', 'E']);
    let is_inexact = if is_integer_literal {
        size >= TWO_POW_53
    } else if number == 0.0 {
        let mut mantissa = literal.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
        mantissa.any(|byte| matches!(byte, b'1'..=b'9'))
    } else {
        // Every double from 2^53 is an integer; from 10^21 on ECMAScript writes it with an exponent.
        (TWO_POW_53..1e21).contains(&size)
    };
    // The sum turns -0 into 0.
    if is_inexact { Err(Fault::NumberNotExact) } else { Ok(number + 0.0) }
}

/// Integers of a few digits, as most are: nothing about them can be inexact.
fn short_integer(literal: &str) -> Option<f64> {
    let digits = literal.as_bytes();
    if digits.len() > 9 {
        return None;
    }
    let number = digits
        .iter()
        .try_fold(0_u32, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(*digit - b'0')));
    number.map(f64::from)
}
