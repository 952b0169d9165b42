//! How many messages an inbox holds, as its status shows it: written when it changes, at most once a minute. Pure.

use std::time::Duration;

use crds::InboxQueueStatus;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use operator_core::inbox::{Observed, Part};

/// The shortest time between two writes of counts.
const AT_MOST_EVERY: Duration = Duration::from_mins(1);

/// What was counted, by SQS's approximate counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Messages that wait in the queue.
    pub depth: i64,
    /// Messages of the queue that were received and not acknowledged.
    pub in_flight: i64,
    /// Messages that the dead-letter queues hold.
    pub dead_letters: i64,
    /// Age of the oldest message in the queue, in seconds, where CloudWatch was asked and knows one.
    pub oldest_seconds: Option<i64>,
}

/// Counts what the queues hold. A queue that was just made holds nothing.
pub(super) fn count(observed: &Observed, oldest_seconds: Option<i64>) -> Counted {
    let mut counted = Counted { oldest_seconds, ..Counted::default() };
    for (part, queue) in &observed.queues {
        let counts = queue.facts.counts;
        match part {
            Part::Inbox => {
                counted.depth = number(counts.visible + counts.delayed);
                counted.in_flight = number(counts.in_flight);
            }
            Part::DeadLetter | Part::Undelivered => counted.dead_letters += number(counts.total()),
        }
    }
    counted
}

/// Puts into `status` what is to be shown, and says when to look again where that is less than what was counted.
pub(super) fn show(
    status: &mut InboxQueueStatus,
    before: Option<&InboxQueueStatus>,
    counted: Counted,
    now: Timestamp,
) -> Option<Duration> {
    let (shown, since) = before.and_then(shown).map_or((None, None), |(shown, since)| (Some(shown), since));
    let passed = |since: &Time| Duration::try_from(now.duration_since(since.0)).unwrap_or_default();
    let wait =
        since.as_ref().map(passed).and_then(|passed| AT_MOST_EVERY.checked_sub(passed)).filter(|wait| !wait.is_zero());
    let (counted, at, again) = match (shown, wait) {
        (Some(shown), _) if shown == counted => (shown, since, None),
        (Some(shown), Some(wait)) => (shown, since, Some(wait)),
        _ => (counted, Some(Time(Timestamp::from_second(now.as_second()).unwrap_or(now))), None),
    };
    let Counted { depth, in_flight, dead_letters, oldest_seconds } = counted;
    status.depth = Some(depth);
    status.in_flight = Some(in_flight);
    status.dead_letters = Some(dead_letters);
    status.oldest_message_age_seconds = oldest_seconds;
    status.counted_at = at;
    again
}

/// What the status shows, and since when.
fn shown(status: &InboxQueueStatus) -> Option<(Counted, Option<Time>)> {
    let counted = Counted {
        depth: status.depth?,
        in_flight: status.in_flight?,
        dead_letters: status.dead_letters?,
        oldest_seconds: status.oldest_message_age_seconds,
    };
    Some((counted, status.counted_at.clone()))
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::controllers::tests::at;

    fn after(before: Option<&InboxQueueStatus>, depth: i64, second: i64) -> (InboxQueueStatus, Option<u64>) {
        let mut status = InboxQueueStatus::default();
        let again = show(&mut status, before, Counted { depth, ..Counted::default() }, at(second).0);
        (status, again.map(|again| again.as_secs()))
    }

    #[test]
    fn a_change_is_shown_at_most_once_a_minute_and_then_for_sure() {
        let (first, again) = after(None, 3, 100);
        assert_eq!((first.depth, first.counted_at.clone(), again), (Some(3), Some(at(100)), None));
        let (soon, again) = after(Some(&first), 4, 115);
        assert_eq!((&soon, again), (&first, Some(45)));
        let (later, again) = after(Some(&soon), 5, 160);
        assert_eq!((later.depth, later.counted_at, again), (Some(5), Some(at(160)), None));
    }

    #[test]
    fn what_does_not_change_is_not_written_however_late() {
        let (first, _) = after(None, 0, 100);
        assert_eq!(after(Some(&first), 0, 10_000), (first.clone(), None));
        assert_eq!(after(Some(&first), 0, 110), (first, None));
    }

    #[test]
    fn a_clock_that_went_back_holds_nothing_up_for_ever() {
        let (first, _) = after(None, 0, 1000);
        assert_eq!(after(Some(&first), 1, 100).1, Some(60));
    }
}
