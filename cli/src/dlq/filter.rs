//! Which dead letters are meant. Pure: what is not named is free.

use eventing::time::Millis;

use super::letter::Letter;
use crate::when::when;

/// Which dead letters are meant: those that fit all that is given.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct Filter {
    /// Of this code, such as TIMESTAMP_SKEW; may be given more than once.
    #[arg(long, value_name = "CODE")]
    pub code: Vec<String>,
    /// Dead since then: a time (RFC 3339), or how long ago (90m, 2days).
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub since: Option<Millis>,
    /// Dead before then: a time (RFC 3339), or how long ago.
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub until: Option<Millis>,
    /// Whose body names this correlationId.
    #[arg(long, value_name = "ID")]
    pub correlation: Option<String>,
    /// The message of this id (column ID of list); may be given more than once.
    #[arg(long, value_name = "ID")]
    pub id: Vec<String>,
}

impl Filter {
    /// Whether this one is meant.
    pub fn takes(&self, letter: &Letter) -> bool {
        let Self { code, since, until, correlation, id } = self;
        let is_one_of = |names: &[String], name: &str| names.is_empty() || names.iter().any(|one| one == name);
        is_one_of(code, &letter.code)
            && is_one_of(id, &letter.message.message_id)
            && since.is_none_or(|since| letter.at >= since)
            && until.is_none_or(|until| letter.at < until)
            && correlation.as_ref().is_none_or(|wanted| letter.claimed.correlation_id.as_ref() == Some(wanted))
    }

    /// Whether it takes every one.
    pub fn is_open(&self) -> bool {
        let Self { code, since, until, correlation, id } = self;
        code.is_empty() && id.is_empty() && since.is_none() && until.is_none() && correlation.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dlq::letter::Place;
    use crate::dlq::samples::{NOW, letter as of};

    fn letter() -> Letter {
        let failed_at = NOW.0.to_string();
        let attributes = [("qsl.code", "NO_ROUTE"), ("qsl.failedAt", failed_at.as_str())];
        of(Place::Rejected, "{\"detail\":{\"trace\":{\"correlationId\":\"c-7\"}}}", NOW, &attributes)
    }

    #[test]
    fn a_letter_is_meant_where_it_fits_all_that_is_given() {
        let text = |text: &str| text.to_owned();
        let open = Filter::default();
        assert!(open.takes(&letter()) && open.is_open());
        let table: [(&str, Filter, bool); 9] = [
            ("its code", Filter { code: vec![text("X"), text("NO_ROUTE")], ..open.clone() }, true),
            ("another code", Filter { code: vec![text("NO_ROUT")], ..open.clone() }, false),
            ("since then", Filter { since: Some(NOW), ..open.clone() }, true),
            ("since later", Filter { since: Some(NOW.plus_millis(1)), ..open.clone() }, false),
            ("until later", Filter { until: Some(NOW.plus_millis(1)), ..open.clone() }, true),
            ("until then", Filter { until: Some(NOW), ..open.clone() }, false),
            ("its story", Filter { correlation: Some(text("c-7")), ..open.clone() }, true),
            ("another story", Filter { correlation: Some(text("c-8")), ..open.clone() }, false),
            (
                "its code and another story",
                Filter { code: vec![text("NO_ROUTE")], correlation: Some(text("c-8")), ..open.clone() },
                false,
            ),
        ];
        for (what, filter, expected) in table {
            assert_eq!(filter.takes(&letter()), expected, "{what}");
            assert!(!filter.is_open(), "{what}");
        }
        let id = letter().message.message_id.to_string();
        assert!(Filter { id: vec![text("other"), id], ..open.clone() }.takes(&letter()));
        assert!(!Filter { id: vec![text("other")], ..open }.takes(&letter()));
    }
}
