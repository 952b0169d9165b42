//! Whether watches have been failing for long. A watch that recovers says nothing, so silence after its longest
//! backoff counts as recovery.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than the longest pause between two attempts of a watch.
const QUIET: Duration = Duration::from_secs(75);
/// Failures for so long make the service not ready.
const LONG: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(super) struct Pulse {
    failing: Option<(Instant, Instant)>,
}

impl Pulse {
    /// A watch failed.
    pub(super) fn failed(&mut self, now: Instant) {
        let since = self.current(now).map_or(now, |(since, _)| since);
        self.failing = Some((since, now));
    }

    /// Whether watches have been failing for over a minute.
    pub(super) fn is_failing(&self, now: Instant) -> bool {
        self.current(now).is_some_and(|(since, _)| now - since >= LONG)
    }

    fn current(&self, now: Instant) -> Option<(Instant, Instant)> {
        self.failing.filter(|(_, last)| now - *last < QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_when_they_go_on_and_are_forgotten_when_they_stop() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::default();
        pulse.failed(at(0));
        assert!(!pulse.is_failing(at(59)));
        pulse.failed(at(30));
        assert!(pulse.is_failing(at(60)));
        assert!(!pulse.is_failing(at(105)), "quiet for longer than any backoff");
        pulse.failed(at(200));
        assert!(!pulse.is_failing(at(201)), "a new count");
    }
}
