//! A time, as people give it.

use eventing::time::Millis;

/// A time (RFC 3339), or how long ago (`90m`, `2days`).
///
/// # Errors
/// With what would be right.
pub fn when(text: &str) -> Result<Millis, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        let millis = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        return Ok(Millis::now().plus_millis(millis.saturating_neg()));
    }
    Millis::parse_rfc3339(text)
        .map_err(|_| "must be a time such as 2026-11-27T12:00:00Z, or how long ago, such as 90m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_or_a_span_back_from_now() {
        assert_eq!(when("2026-11-27T12:00:00Z"), Ok(Millis(1_795_780_800_000)));
        let hour_ago = when("1h").map(|then| Millis::now().distance(then));
        assert!(hour_ago.is_ok_and(|distance| (3_600_000..3_660_000).contains(&distance)));
        assert!(when("yesterday").is_err_and(|why| why.contains("90m")));
    }
}
