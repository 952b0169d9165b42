//! Logs: one JSON object a line on standard output. A line that was written inside a span carries the span's fields
//! (`spans`, the outermost first): that is how a reconcile id reaches every line of its pass.

use eventing_process::logs::discreet;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The filter given is not one.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The directives do not parse.
    #[error("the log filter {filter:?} is not valid: {source}")]
    Filter {
        /// What was given.
        filter: String,
        /// Why it was refused.
        source: tracing_subscriber::filter::ParseError,
    },
    /// A logger was installed before.
    #[error("logs are already set up: {0}")]
    Installed(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends logs to standard output as JSON, filtered by `filter` (`info`, `gateway=debug,info`, …), and never more than is
/// [`discreet`].
///
/// # Errors
/// When the filter does not parse, or when logs were set up before.
pub fn init(filter: &str) -> Result<(), LoggingError> {
    tracing_subscriber::registry().with(discreet()).with(self::filter(filter)?).with(lines()).try_init()?;
    Ok(())
}

/// The filter, or why it is none.
pub(crate) fn filter(filter: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::try_new(filter).map_err(|source| LoggingError::Filter { filter: filter.to_owned(), source })
}

/// The layer that writes the lines.
pub(crate) fn lines<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    lines_to(std::io::stdout)
}

fn lines_to<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + 'static,
{
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
    layer.with_current_span(false).with_span_list(true).with_writer(writer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use eventing_process::testing::Lines;

    use super::*;

    #[test]
    fn a_filter_that_is_none_is_refused_with_what_was_given() {
        let error = super::init("gateway=loudly").unwrap_err();
        assert!(error.to_string().contains("gateway=loudly"));
    }

    #[test]
    fn a_line_carries_the_fields_of_the_spans_that_it_was_written_in() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(lines_to(lines.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let pass = tracing::info_span!("reconcile", reconcile_id = "7f", ending = tracing::field::Empty);
            pass.in_scope(|| tracing::warn!(error = "throttled", "failed, trying again"));
        });
        let line: serde_json::Value = serde_json::from_str(&lines.text()).unwrap();
        assert_eq!((&line["message"], &line["error"]), (&"failed, trying again".into(), &"throttled".into()));
        assert_eq!(line["spans"][0]["reconcile_id"], "7f");
    }
}
