//! How many calls a service of AWS gets from us, and what a throttled answer does to that. Pure: time is an argument.
//!
//! Two things in one: an even rate with a small burst (the generic cell rate algorithm, so that whoever waits knows
//! how long), and a pause of the whole service once throttled answers come in a row. A single throttled call says
//! little, since the quota is shared with everybody else in the account; a row of them says that more calls would
//! only be refused.

use std::time::Duration;

/// How many throttled answers in a row are borne before the whole service pauses.
const BORNE: u32 = 2;
/// The first pause; each following one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, before jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// The calls that one service gets. All times are counted from one start, of the caller's choosing.
#[derive(Debug, Clone)]
pub struct Budget {
    interval: Duration,
    tolerance: Duration,
    next: Duration,
    throttled_in_a_row: u32,
    paused_until: Duration,
    last_throttled: Option<Duration>,
}

impl Budget {
    /// `per_second` calls a second, at least one; at most a quarter of a second's calls at once.
    pub fn new(per_second: u32) -> Self {
        let per_second = per_second.max(1);
        let interval = Duration::from_secs(1) / per_second;
        Self {
            interval,
            tolerance: interval * (per_second / 4),
            next: Duration::ZERO,
            throttled_in_a_row: 0,
            paused_until: Duration::ZERO,
            last_throttled: None,
        }
    }

    /// Takes the next call's place in the line and says when its time comes, which may be at once (`now`). Whoever
    /// waited asks [`Budget::is_paused`] then: the service may have been paused meanwhile.
    pub fn reserve(&mut self, now: Duration) -> Duration {
        let earliest = now.saturating_sub(self.tolerance).max(self.paused_until);
        let place = self.next.max(earliest);
        self.next = place + self.interval;
        place.max(now)
    }

    /// Whether the service is paused at `now`.
    pub fn is_paused(&self, now: Duration) -> bool {
        now < self.paused_until
    }

    /// Charges calls that were made without a place: the further pages of a listing.
    pub fn charge(&mut self, calls: u32) {
        self.next += self.interval * calls;
    }

    /// A call that was sent at `sent` was throttled; `dice` in `0.0..1.0` jitters the pause by a half either way.
    pub fn throttled(&mut self, sent: Duration, now: Duration, dice: f64) {
        // What was sent before the last throttled answer came says nothing new.
        if self.last_throttled.is_some_and(|last| sent < last) {
            return;
        }
        self.last_throttled = Some(now);
        self.throttled_in_a_row = self.throttled_in_a_row.saturating_add(1);
        if self.throttled_in_a_row > BORNE {
            let doublings = (self.throttled_in_a_row - BORNE - 1).min(16);
            let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_PAUSE);
            self.paused_until = now + pause.mul_f64(0.5 + dice.clamp(0.0, 1.0));
            // What had a place before the pause lines up again behind it.
            self.next = self.paused_until;
        }
    }

    /// A call that was sent at `sent` was answered otherwise.
    pub fn answered(&mut self, sent: Duration) {
        if self.last_throttled.is_none_or(|last| sent >= last) {
            self.throttled_in_a_row = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unchecked_time_subtraction, clippy::indexing_slicing)]

    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn after_a_small_burst_calls_come_at_an_even_rate() {
        let mut budget = Budget::new(20);
        let now = ms(10_000);
        let waits: Vec<u128> = (0..10).map(|_| (budget.reserve(now) - now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 50, 100, 150, 200]);
    }

    #[test]
    fn no_second_ever_holds_more_than_the_rate_and_its_burst() {
        let mut budget = Budget::new(20);
        let mut times: Vec<Duration> = (0..200).map(|_| budget.reserve(ms(10_000))).collect();
        times.extend((0..200).map(|_| budget.reserve(ms(30_000))));
        for start in &times {
            let within = times.iter().filter(|time| *time >= start && **time < *start + ms(1000)).count();
            assert!(within <= 20 + 6, "{within} calls in a second");
        }
    }

    #[test]
    fn calls_that_took_no_place_are_paid_by_those_that_follow() {
        let mut budget = Budget::new(10);
        let now = ms(10_000);
        assert_eq!((budget.reserve(now), budget.reserve(now)), (now, now));
        budget.charge(3);
        assert_eq!(budget.reserve(now) - now, ms(300));
    }

    #[test]
    fn single_throttled_answers_pause_nothing_and_a_row_of_them_pauses_longer_and_longer() {
        let mut budget = Budget::new(20);
        let mut now = ms(10_000);
        budget.throttled(now, now, 0.5);
        budget.answered(now);
        let mut pauses = Vec::new();
        for _ in 0..10 {
            now += ms(1);
            budget.throttled(now, now, 0.5);
            let free = budget.reserve(now);
            pauses.push((free - now).as_millis());
            now = free;
        }
        assert_eq!(&pauses[..2], [0, 0]);
        assert_eq!(&pauses[2..], [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
        budget.answered(now);
        now += ms(1000);
        budget.throttled(now, now, 0.5);
        assert!(!budget.is_paused(now), "an answer ends the row");
    }

    #[test]
    fn answers_that_were_on_their_way_together_count_once() {
        let mut budget = Budget::new(20);
        let sent = ms(10_000);
        (0..32).for_each(|late| budget.throttled(sent, sent + ms(10 + late), 0.5));
        assert!(!budget.is_paused(sent + ms(50)));
    }

    #[test]
    fn who_waited_into_a_pause_sees_it() {
        let mut budget = Budget::new(1);
        let now = ms(10_000);
        budget.reserve(now);
        let place = budget.reserve(now);
        (1..=4).for_each(|n| budget.throttled(now + ms(n), now + ms(n), 1.0));
        assert!(budget.is_paused(place), "{place:?}");
        assert!(budget.reserve(place) > place);
    }
}
