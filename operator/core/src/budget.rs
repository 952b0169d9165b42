//! How many calls a service of AWS gets from us, and what a throttled answer does to that. Pure: time is an argument.
//!
//! An even rate with a small burst (the generic cell rate algorithm), which throttled answers slow down and others
//! restore. The quota is shared with everybody else in the account, so neither a single refusal nor a single answer
//! says much: the rate goes down a step for each refusal and up two steps for each answer, and so settles where a
//! third of the calls is answered at least. A service that refuses everything is soon asked every twenty seconds; one
//! that refuses every second call keeps being asked at nearly the full rate, for slower calls would be refused alike.

use std::time::Duration;

/// What a throttled answer does to the time between two calls; an answer undoes two of them.
const SLOWER: f64 = 1.25;
/// The longest time between two calls.
const LONGEST: Duration = Duration::from_secs(20);

/// The calls that one service gets. All times are counted from one start, of the caller's choosing.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Between two calls at the full rate.
    even: Duration,
    /// Between two calls now.
    interval: Duration,
    /// What may go out at once after a silence.
    burst: Duration,
    next: Duration,
    last_throttled: Option<Duration>,
}

impl Budget {
    /// `per_second` calls a second, at least one; at most a quarter of a second's calls at once.
    pub fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        let even = Duration::from_secs(1) / per_second;
        Self { even, interval: even, burst: even * (per_second / 4), next: Duration::ZERO, last_throttled: None }
    }

    /// When the next call may go out, as things are; it may be past. Ask [`Budget::take`] then.
    pub fn next(&self) -> Duration {
        self.next
    }

    /// Takes the next call's place if its time has come: what was answered meanwhile may have moved it.
    pub fn take(&mut self, now: Duration) -> bool {
        if now < self.next {
            return false;
        }
        let burst = if self.interval > self.even { Duration::ZERO } else { self.burst };
        self.next = self.next.max(now.saturating_sub(burst)) + self.interval;
        true
    }

    /// Charges calls that were made without a place: the further pages of a listing.
    pub fn charge(&mut self, calls: u32) {
        self.next += self.interval * calls;
    }

    /// A call that was sent at `sent` was throttled.
    pub fn throttled(&mut self, sent: Duration, now: Duration) {
        if self.is_news(sent) {
            self.last_throttled = Some(now);
            self.interval = self.interval.mul_f64(SLOWER).min(LONGEST);
            self.next = self.next.max(now + self.interval);
        }
    }

    /// A call that was sent at `sent` was answered otherwise.
    pub fn answered(&mut self, sent: Duration) {
        if self.is_news(sent) {
            self.interval = self.interval.div_f64(SLOWER * SLOWER).max(self.even);
        }
    }

    /// What was sent before the last throttled answer came says nothing that it did not.
    fn is_news(&self, sent: Duration) -> bool {
        self.last_throttled.is_none_or(|last| sent >= last)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unchecked_time_subtraction, clippy::indexing_slicing)]

    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Waits for the next place, and says when it came.
    fn turn(budget: &mut Budget, now: Duration) -> Duration {
        let place = budget.next().max(now);
        assert!(budget.take(place));
        place
    }

    /// Calls one after another, each answered (`true`) or throttled at once; when they were sent.
    fn course(budget: &mut Budget, mut now: Duration, answers: impl IntoIterator<Item = bool>) -> Vec<Duration> {
        let call = |answered: bool| {
            now = turn(budget, now);
            if answered {
                budget.answered(now);
            } else {
                budget.throttled(now, now);
            }
            now
        };
        answers.into_iter().map(call).collect()
    }

    #[test]
    fn after_a_small_burst_calls_come_at_an_even_rate() {
        let mut budget = Budget::new(20);
        let now = ms(10_000);
        let waits: Vec<u128> = (0..10).map(|_| (turn(&mut budget, now) - now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 50, 100, 150, 200]);
    }

    #[test]
    fn no_second_ever_holds_more_than_the_rate_and_its_burst() {
        let mut budget = Budget::new(20);
        let mut times: Vec<Duration> = (0..200).map(|_| turn(&mut budget, ms(10_000))).collect();
        times.extend((0..200).map(|_| turn(&mut budget, ms(30_000))));
        for start in &times {
            let within = times.iter().filter(|time| *time >= start && **time < *start + ms(1000)).count();
            assert!(within <= 20 + 6, "{within} calls in a second");
        }
    }

    #[test]
    fn calls_that_took_no_place_are_paid_by_those_that_follow() {
        let mut budget = Budget::new(10);
        let now = ms(10_000);
        assert_eq!((turn(&mut budget, now), turn(&mut budget, now)), (now, now));
        budget.charge(3);
        assert_eq!(turn(&mut budget, now) - now, ms(300));
    }

    #[test]
    fn a_service_that_refuses_everything_is_asked_every_twenty_seconds_and_soon_at_full_rate_when_it_no_longer_does() {
        let mut budget = Budget::new(20);
        let refused = course(&mut budget, ms(10_000), (0..60).map(|_| false));
        let within = |from: u64, to: u64| refused.iter().filter(|at| (ms(from)..ms(to)).contains(at)).count();
        assert!(within(10_000, 110_000) <= 30, "{}", within(10_000, 110_000));
        assert!(within(210_000, 310_000) <= 5, "{}", within(210_000, 310_000));
        let begin = *refused.last().unwrap_or(&Duration::ZERO);
        let answered = course(&mut budget, begin, (0..100).map(|_| true));
        assert!(answered[15] - begin < ms(80_000), "{:?}", answered[15] - begin);
        assert_eq!(answered[99] - answered[98], ms(50));
    }

    #[test]
    fn one_that_refuses_every_second_call_is_asked_at_nearly_the_full_rate() {
        let mut budget = Budget::new(20);
        let sent = course(&mut budget, ms(10_000), (0..1000).map(|n| n % 2 == 0));
        let average = (sent[999] - sent[0]) / 999;
        assert!(average < ms(50).mul_f64(1.5), "{average:?}");
    }

    #[test]
    fn while_it_is_slowed_down_nothing_goes_out_in_a_burst() {
        let mut budget = Budget::new(20);
        course(&mut budget, ms(10_000), [false]);
        let now = ms(60_000);
        assert!(budget.take(now));
        assert!(!budget.take(now + ms(62)));
    }

    #[test]
    fn answers_that_were_on_their_way_together_count_once() {
        let mut budget = Budget::new(20);
        let sent = ms(10_000);
        (0..32).for_each(|late| budget.throttled(sent, sent + ms(10 + late)));
        (0..32).for_each(|_| budget.answered(sent));
        assert_eq!(budget.next(), sent + ms(10) + ms(50).mul_f64(SLOWER));
    }

    #[test]
    fn who_waits_while_another_is_refused_waits_longer() {
        let mut budget = Budget::new(1);
        let now = ms(10_000);
        assert!(budget.take(now));
        let place = budget.next();
        budget.throttled(now, now + ms(500));
        assert!(!budget.take(place));
        assert!(budget.take(budget.next()));
    }
}
