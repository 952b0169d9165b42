//! Logs: one JSON object a line on standard output.

use tracing_subscriber::EnvFilter;

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

/// Sends logs to standard output as JSON, filtered by `filter` (`info`, `gateway=debug,info`, …).
///
/// # Errors
/// When the filter does not parse, or when logs were set up before.
pub fn init(filter: &str) -> Result<(), LoggingError> {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let directives =
        EnvFilter::try_new(filter).map_err(|source| LoggingError::Filter { filter: filter.to_owned(), source })?;
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    tracing_subscriber::registry().with(directives).with(lines).try_init()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn a_filter_that_is_none_is_refused_with_what_was_given() {
        let error = super::init("gateway=loudly").unwrap_err();
        assert!(error.to_string().contains("gateway=loudly"));
    }
}
