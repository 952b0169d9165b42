//! Numbers: a literal stands for one double, or is refused.

use super::{Fault, TWO_POW_53};

/// Decimals of 15 digits and the doubles nearest to them are one to one; the point is no digit.
const SHORT: usize = f64::DIGITS as usize + 1;

/// The double that a literal of JSON stands for, where it stands for exactly one.
pub(super) fn exact(literal: &str) -> Result<f64, Fault> {
    read(literal).map(|(number, _)| number)
}

/// The same, and whether the literal is surely what RFC 8785 writes for it: an integer, or a decimal of so few digits that
/// no other as short stands for the same double.
pub(super) fn read(literal: &str) -> Result<(f64, bool), Fault> {
    if let Some(number) = short_integer(literal) {
        return Ok((number, true));
    }
    let number: f64 = literal.parse().map_err(|_| Fault::Malformed)?;
    if !number.is_finite() {
        return Err(Fault::NumberNotExact);
    }
    let size = number.abs();
    let mantissa = literal.as_bytes().split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    let has_exponent = mantissa.len() < literal.len();
    let is_integer_literal = !has_exponent && !mantissa.contains(&b'.');
    let is_inexact = if is_integer_literal {
        size >= TWO_POW_53
    } else if number == 0.0 {
        mantissa.iter().any(|digit| matches!(digit, b'1'..=b'9'))
    } else {
        // Every double from 2^53 is an integer; from 10^21 on ECMAScript writes it with an exponent.
        (TWO_POW_53..1e21).contains(&size)
    };
    if is_inexact {
        return Err(Fault::NumberNotExact);
    }
    // Below 10^-6 ECMAScript takes to an exponent.
    let is_short = literal.len() <= SHORT && !literal.ends_with('0') && size >= 1e-6;
    let is_canonical = number != 0.0 && !has_exponent && (is_integer_literal || is_short);
    // The sum turns -0 into 0.
    Ok((number + 0.0, is_canonical))
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
