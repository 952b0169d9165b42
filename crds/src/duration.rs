//! Durations as users write them: `720h`, `24h`, `1h30m`, `90s`.

use std::{fmt, str::FromStr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// A duration in hours, minutes and seconds, in that order, each at most once: `720h`, `1h30m`, `90s`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Span(#[schemars(length(min = 2, max = 24), regex(pattern = schema::SPAN))] String);

/// Text that is not a [`Span`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a duration such as 720h, 1h30m or 90s")]
pub struct SpanError(String);

impl Span {
    /// A span of whole seconds.
    pub fn from_secs(seconds: u64) -> Self {
        if seconds > 0 && seconds.is_multiple_of(3600) {
            return Self(format!("{}h", seconds / 3600));
        }
        Self(format!("{seconds}s"))
    }

    /// The length, or why the text has none (the API server's schema lets none of those in).
    pub fn length(&self) -> Result<Duration, SpanError> {
        let error = || SpanError(self.0.clone());
        let mut rest = self.0.as_str();
        let mut seconds = 0_u64;
        for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
            let Some((number, tail)) = rest.split_once(unit) else { continue };
            let number: u64 = number.parse().map_err(|_| error())?;
            seconds = number.checked_mul(factor).and_then(|n| seconds.checked_add(n)).ok_or_else(error)?;
            rest = tail;
        }
        if rest.is_empty() && !self.0.is_empty() { Ok(Duration::from_secs(seconds)) } else { Err(error()) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let span = Self(text.to_owned());
        span.length().map(|_| span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        text.parse::<Span>().ok().and_then(|span| span.length().ok()).map(|length| length.as_secs())
    }

    #[test]
    fn hours_minutes_and_seconds_add_up() {
        assert_eq!(seconds("720h"), Some(2_592_000));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("90s"), Some(90));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "720", "h", "1d", "30m1h", "1h1h", "-1h", "1.5h"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
