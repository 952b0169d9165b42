//! Instants as the wire format has them: RFC 3339 in UTC outside, whole milliseconds or microseconds inside.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::types::ParseError;

const DAY: i64 = 86_400;

/// Milliseconds since 1970. In JSON a number; as text RFC 3339 with three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The wall clock. For adapters and `main`; decisions take their time as an argument.
    pub fn now() -> Self {
        Self(Micros::now().0.div_euclid(1_000))
    }

    /// The instant of whole seconds since 1970, as key sets write theirs.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// Seconds since 1970, cut.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This instant and so many milliseconds more, or less.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This instant and a duration more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.plus_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }

    /// How far apart two instants are, whichever is first.
    pub fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// Reads RFC 3339 as [`Micros::parse_rfc3339`] does, cut to milliseconds.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse_rfc3339(text: &str) -> Result<Self, ParseError> {
        Micros::parse_rfc3339(text).map(Micros::millis)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_date_time(f, self.0.div_euclid(1_000))?;
        write!(f, ".{:03}Z", self.0.rem_euclid(1_000))
    }
}

/// Microseconds since 1970: the `ts` that we write. As text RFC 3339 with six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// The wall clock. For adapters and `main`; decisions take their time as an argument.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// Reads RFC 3339 as a verifier does: upper-case `T` and `Z` only, 0 to 9 digits of fraction, no second 60, a day
    /// that exists; cut to microseconds.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse_rfc3339(text: &str) -> Result<Self, ParseError> {
        parse_rfc3339(text)
            .map(Self)
            .ok_or(ParseError::new("ts", "must be RFC 3339 in UTC, such as 2026-11-23T08:00:00.000000Z"))
    }

    /// Cut to milliseconds, as a verifier judges.
    pub fn millis(self) -> Millis {
        Millis(self.0.div_euclid(1_000))
    }
}

impl From<Millis> for Micros {
    fn from(millis: Millis) -> Self {
        Self(millis.0.saturating_mul(1_000))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_date_time(f, self.0.div_euclid(1_000_000))?;
        write!(f, ".{:06}Z", self.0.rem_euclid(1_000_000))
    }
}

/// Hands out the `ts` of one signer: never one twice, never one below the last.
#[derive(Debug)]
pub struct MonotonicStamp(AtomicI64);

impl MonotonicStamp {
    /// A signer that has signed nothing yet.
    pub const fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// `now`, or a microsecond more than the last where that is later.
    pub fn next(&self, now: Micros) -> Micros {
        let last = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(now.0.max(last.saturating_add(1))))
            .unwrap_or_else(|last| last);
        Micros(now.0.max(last.saturating_add(1)))
    }
}

impl Default for MonotonicStamp {
    fn default() -> Self {
        Self::new()
    }
}

fn parse_rfc3339(text: &str) -> Option<i64> {
    let (date_time, rest) = text.as_bytes().split_at_checked(19)?;
    let fraction = match rest {
        [b'Z'] => 0,
        [b'.', digits @ .., b'Z'] if (1..=9).contains(&digits.len()) => {
            if !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            digits.iter().copied().chain(*b"00000").take(6).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
        }
        _ => return None,
    };
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = date_time.get(from..to)?;
        digits.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| date_time.get(*at) != Some(mark)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let exists = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour <= 23
        && minute <= 59
        && second <= 59;
    exists
        .then(|| (days_from_civil(year, month, day) * DAY + hour * 3_600 + minute * 60 + second) * 1_000_000 + fraction)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; years are counted from March, so that the leap day is
/// the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days.saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn write_date_time(f: &mut fmt::Formatter<'_>, seconds: i64) -> fmt::Result {
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_and_number_agree() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-23T08:00:00.000000Z", 1_795_420_800_000),
            ("2024-02-29T23:59:59.9999Z", 1_709_251_199_999),
            ("1969-12-31T23:59:59.5Z", -500),
            ("0000-03-01T00:00:00Z", -62_162_035_200_000),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999),
        ] {
            assert_eq!(Millis::parse_rfc3339(text).unwrap().0, millis, "{text}");
        }
        assert_eq!(Micros(1_795_420_800_000_001).to_string(), "2026-11-23T08:00:00.000001Z");
        assert_eq!(Millis(-500).to_string(), "1969-12-31T23:59:59.500Z");
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T08:00:00",
            "2026-11-23T08:00:00.Z",
            "2026-11-23T08:00:00.1234567890Z",
            "2026-11-23t08:00:00Z",
            "2026-11-23T08:00:00z",
            "2026-11-23T08:00:00+00:00",
            "2026-02-29T08:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T08:00:60Z",
            "2026-13-01T08:00:00Z",
            "2026-11-00T08:00:00Z",
            "+026-11-23T08:00:00Z",
            "2026-11-23 08:00:00Z",
            "2026-11-23T08:00:00.1éZ",
            "２026-11-23T08:00:00Z",
        ] {
            assert!(Millis::parse_rfc3339(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stamps_of_one_signer_rise_though_the_clock_does_not() {
        let stamp = MonotonicStamp::new();
        let given = [5, 5, 3, 9].map(|now| stamp.next(Micros(now)).0);
        assert_eq!(given, [5, 6, 7, 9]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in -62_167_219_200_000_000i64..253_402_300_800_000_000) {
            let text = Micros(micros).to_string();
            proptest::prop_assert_eq!(Millis::parse_rfc3339(&text).unwrap(), Micros(micros).millis());
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Millis::parse_rfc3339(&text);
        }
    }
}
