//! What is not logged, whatever filter is asked for: what other people's code says of the bytes that pass through it.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::Layer;

/// Parts of libraries that say more than they should below a level.
const CAPS: [(&str, Level); 2] = [
    // The whole body of an answer that it cannot read, at `warn`: of a list of Secrets, all keys; of a TokenReview, the
    // caller's token.
    ("kube_client::client", Level::ERROR),
    // The parser's error, at `debug`, which quotes the value that it did not expect.
    ("kube_runtime::watcher", Level::WARN),
];

/// Lets nothing through that may carry a secret: see above, and of everything the level `trace`, at which HTTP
/// libraries and the AWS SDK print requests with their tokens. Put it beside the filter that somebody chose: what either
/// of the two refuses is not logged, and no directive brings it back.
pub fn discreet<S: Subscriber>() -> impl Layer<S> {
    filter_fn(is_discreet).with_max_level_hint(LevelFilter::DEBUG)
}

fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let cap = CAPS.iter().find(|(target, _)| *target == metadata.target()).map_or(Level::DEBUG, |(_, level)| *level);
    // A level is greater, the more it says.
    *metadata.level() <= cap
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::testing::Lines;

    /// What is logged under a filter by the libraries that print what they carry, by others, and by us.
    fn said(filter: &str) -> String {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry()
            .with(discreet())
            .with(EnvFilter::new(filter))
            .with(tracing_subscriber::fmt::layer().without_time().with_writer(lines.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("reconcile");
            let _inside = span.enter();
            tracing::warn!(target: "kube_client::client", "body-at-warn");
            tracing::error!(target: "kube_client::client", "kube-at-error");
            tracing::debug!(target: "kube_client::client::builder", "kube-requesting");
            tracing::debug!(target: "kube_runtime::watcher", "watcher-at-debug");
            tracing::warn!(target: "kube_runtime::watcher", "watcher-at-warn");
            tracing::trace!(target: "aws_smithy_runtime::client::orchestrator", "request-at-trace");
            tracing::debug!(target: "operator", "ours-at-debug");
        });
        lines.text()
    }

    #[test]
    fn no_directive_brings_back_what_carries_secrets() {
        let loudest = "trace,kube_client::client=trace,kube_runtime::watcher=trace,[reconcile]=trace";
        for filter in ["trace", loudest] {
            let said = said(filter);
            for carried in ["body-at-warn", "watcher-at-debug", "request-at-trace"] {
                assert!(!said.contains(carried), "{filter}: {said}");
            }
            for told in ["kube-at-error", "kube-requesting", "watcher-at-warn", "ours-at-debug"] {
                assert!(said.contains(told), "{filter}: {said}");
            }
        }
    }

    #[test]
    fn the_filter_that_somebody_chose_counts_besides() {
        let said = said("error");
        assert!(said.contains("kube-at-error") && !said.contains("watcher-at-warn"), "{said}");
    }
}
