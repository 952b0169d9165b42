//! What becomes of a message: pure decisions over the handler's answer.

use std::time::Duration;

use crate::verify::Code;

/// What the handler made of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandlerAnswer {
    /// Handled, durably.
    Done,
    /// An HTTP handler's status other than those a [`HandlerAnswer::Done`] is made of.
    Status {
        /// The status.
        status: u16,
        /// Its `Retry-After`, if it had one.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    Timeout,
    /// The handler was never reached: no delivery, so no attempt.
    Unreachable,
    /// The handler went away while it had the event. Whether the event is to blame cannot be told, so it is no attempt:
    /// the event comes back ever later, and the queue's own count of receives is its end.
    Gone,
    /// To be delivered again, for a reason that is worth a line in the log.
    Retry(String),
    /// Never to be delivered again.
    Reject(String),
    /// No route takes the event, and the inbox rejects such.
    NoRoute,
    /// No route takes the event, and the inbox lets such pass.
    Unrouted,
}

impl HandlerAnswer {
    /// The answer of an HTTP handler.
    pub fn from_status(status: u16, retry_after: Option<Duration>) -> Self {
        if (200..300).contains(&status) { Self::Done } else { Self::Status { status, retry_after } }
    }

    /// Whether the event reached the handler.
    pub const fn is_attempt(&self) -> bool {
        !matches!(self, Self::Unreachable | Self::Gone | Self::NoRoute | Self::Unrouted)
    }

    /// Whether the event is never to be delivered again. 401, 403 and 404 are the mistakes of a service that is being set
    /// up, so they are retried.
    pub fn is_reject(&self) -> bool {
        match self {
            Self::Reject(_) => true,
            Self::Status { status, .. } => {
                (400..500).contains(status) && !matches!(status, 401 | 403 | 404 | 408 | 425 | 429)
            }
            _ => false,
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Where a message stands when it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Deliveries to the handler, this one included.
    pub attempt: u32,
    /// Deliveries the inbox allows.
    pub max_attempts: u32,
    /// Receives by SQS's count, this one included.
    pub receive_count: u32,
    /// Receives the inbox allows; the next would be SQS's own move to the dead-letter queue.
    pub max_receive_count: u32,
    /// Whether the consumer is being drained.
    pub draining: bool,
    /// How long the inbox has an event wait.
    pub backoff: Backoff,
}

impl Standing {
    /// Whether SQS would not give this message again.
    pub const fn is_last_receive(&self) -> bool {
        self.receive_count >= self.max_receive_count
    }
}

/// At which step a message became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Verification.
    Verify,
    /// Routing.
    Route,
    /// The handler.
    Handle,
}

impl Stage {
    /// As written into `qsl.stage`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Route => "route",
            Self::Handle => "handle",
        }
    }
}

/// A verdict against a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The code.
    pub code: Code,
    /// The step.
    pub stage: Stage,
    /// One sentence without payload data.
    pub message: String,
    /// The handler's last status.
    pub status: Option<u16>,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Delete it.
    Acknowledge,
    /// Hide it for a while.
    Retry(Duration),
    /// To the dead-letter queue, then delete it.
    DeadLetter(Verdict),
}

/// How long something waits before it is tried again: doubling, with jitter, up to a longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first attempt.
    pub initial: Duration,
    /// The longest.
    pub max: Duration,
}

impl Backoff {
    /// That of our own calls, and of an inbox that names none: 1 second to 15 minutes.
    pub const DEFAULT: Self = Self { initial: Duration::from_secs(1), max: Duration::from_mins(15) };

    /// Half of the step is fixed, half is drawn. `jitter` is in `[0, 1)`.
    pub fn after(self, attempt: u32, jitter: f64) -> Duration {
        // From one second, sixteen doublings are more than the twelve hours that SQS hides a message.
        let doublings = attempt.saturating_sub(1).min(16);
        let step = self.initial.saturating_mul(1 << doublings).min(self.max);
        step.div_f64(2.0) + step.div_f64(2.0).mul_f64(jitter.clamp(0.0, 1.0))
    }

    /// The longest a handler's own `Retry-After` puts an event off: it goes before the inbox's word, within reason.
    fn longest_asked(self) -> Duration {
        self.max.max(Self::DEFAULT.max)
    }
}

/// How long our own calls wait before the next attempt.
pub fn backoff(attempt: u32, jitter: f64) -> Duration {
    Backoff::DEFAULT.after(attempt, jitter)
}

/// Judges the handler's answer.
pub fn disposition(answer: &HandlerAnswer, standing: Standing, jitter: f64) -> Disposition {
    let why = match answer {
        HandlerAnswer::Done | HandlerAnswer::Unrouted => return Disposition::Acknowledge,
        HandlerAnswer::NoRoute => {
            return verdict(Code::NoRoute, Stage::Route, "no route of the inbox takes this event", answer);
        }
        HandlerAnswer::Reject(why) => return verdict(Code::HandlerRejected, Stage::Handle, why, answer),
        HandlerAnswer::Status { status, .. } if answer.is_reject() => {
            let why = format!("the handler answered {status}");
            return verdict(Code::HandlerRejected, Stage::Handle, &why, answer);
        }
        HandlerAnswer::Unreachable => return put_back(standing, Duration::from_secs(2), answer),
        HandlerAnswer::Gone => {
            return put_back(standing, standing.backoff.after(standing.receive_count, jitter), answer);
        }
        HandlerAnswer::Status { status, .. } => format!("the handler last answered {status}"),
        HandlerAnswer::Timeout => "the handler last gave no answer in time".to_owned(),
        HandlerAnswer::Retry(why) => why.clone(),
    };
    if standing.attempt >= standing.max_attempts {
        return verdict(Code::HandlerExhausted, Stage::Handle, &why, answer);
    }
    let asked = match answer {
        HandlerAnswer::Status { retry_after, .. } => *retry_after,
        _ => None,
    };
    let after = match asked {
        None => standing.backoff.after(standing.attempt, jitter),
        Some(after) => after.min(standing.backoff.longest_asked()),
    };
    put_back(standing, after, answer)
}

/// Gives a message back to the queue without a verdict, unless the queue would not give it again.
pub fn put_back(standing: Standing, after: Duration, answer: &HandlerAnswer) -> Disposition {
    if standing.is_last_receive() {
        let why = "the queue has given this message as often as it may";
        return verdict(Code::ReceivesExhausted, Stage::Handle, why, answer);
    }
    Disposition::Retry(if standing.draining && !answer.is_attempt() { Duration::ZERO } else { after })
}

fn verdict(code: Code, stage: Stage, message: &str, answer: &HandlerAnswer) -> Disposition {
    Disposition::DeadLetter(Verdict { code, stage, message: message.to_owned(), status: answer.status() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        Standing {
            attempt: 1,
            max_attempts: 5,
            receive_count: 1,
            max_receive_count: 15,
            draining: false,
            backoff: Backoff::DEFAULT,
        }
    }

    fn status(status: u16) -> HandlerAnswer {
        HandlerAnswer::from_status(status, None)
    }

    fn code(disposition: Disposition) -> Option<Code> {
        match disposition {
            Disposition::DeadLetter(verdict) => Some(verdict.code),
            _ => None,
        }
    }

    #[test]
    fn success_of_any_kind_is_acknowledged() {
        for answer in [HandlerAnswer::Done, status(200), status(204), status(299), HandlerAnswer::Unrouted] {
            assert_eq!(disposition(&answer, standing(), 0.0), Disposition::Acknowledge);
        }
    }

    #[test]
    fn a_client_error_is_a_reject_but_for_those_that_pass() {
        for rejected in [400, 409, 410, 413, 415, 422, 451] {
            assert_eq!(code(disposition(&status(rejected), standing(), 0.0)), Some(Code::HandlerRejected));
        }
        for retried in [301, 401, 403, 404, 408, 425, 429, 500, 503] {
            let got = disposition(&status(retried), standing(), 0.0);
            assert_eq!(got, Disposition::Retry(Duration::from_millis(500)), "{retried}");
        }
    }

    #[test]
    fn retry_after_is_honoured_up_to_the_cap() {
        let after = |secs| HandlerAnswer::from_status(503, Some(Duration::from_secs(secs)));
        assert_eq!(disposition(&after(7), standing(), 0.9), Disposition::Retry(Duration::from_secs(7)));
        assert_eq!(disposition(&after(86_400), standing(), 0.9), Disposition::Retry(Duration::from_mins(15)));
        let patient = Backoff { initial: Duration::from_secs(5), max: Duration::from_hours(2) };
        let patient = Standing { backoff: patient, ..standing() };
        assert_eq!(disposition(&after(86_400), patient, 0.9), Disposition::Retry(Duration::from_hours(2)));
    }

    #[test]
    fn an_event_waits_as_long_as_the_inbox_says() {
        let seconds = |initial, max| Backoff { initial: Duration::from_secs(initial), max: Duration::from_secs(max) };
        let waits = |backoff, attempt| {
            let standing = Standing { backoff, attempt, max_attempts: 50, ..standing() };
            disposition(&status(503), standing, 1.0)
        };
        let inbox = seconds(10, 60);
        for (attempt, wait) in [(1, 10), (2, 20), (3, 40), (4, 60), (40, 60)] {
            assert_eq!(waits(inbox, attempt), Disposition::Retry(Duration::from_secs(wait)), "{attempt}");
        }
        let longest = seconds(39_600, 39_600);
        assert_eq!(waits(longest, 1), Disposition::Retry(Duration::from_hours(11)));
        assert_eq!(waits(seconds(1, 39_600), 20), Disposition::Retry(Duration::from_hours(11)));
        let half = Standing { backoff: inbox, ..standing() };
        assert_eq!(disposition(&status(503), half, 0.0), Disposition::Retry(Duration::from_secs(5)));
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let last = Standing { attempt: 5, ..standing() };
        assert_eq!(code(disposition(&status(500), last, 0.0)), Some(Code::HandlerExhausted));
        assert_eq!(code(disposition(&HandlerAnswer::Timeout, last, 0.0)), Some(Code::HandlerExhausted));
    }

    #[test]
    fn the_last_receive_is_dead_lettered_with_a_code() {
        let last = Standing { receive_count: 15, ..standing() };
        assert_eq!(code(disposition(&status(500), last, 0.0)), Some(Code::ReceivesExhausted));
        assert_eq!(code(disposition(&HandlerAnswer::Unreachable, last, 0.0)), Some(Code::ReceivesExhausted));
        let both = Standing { attempt: 5, ..last };
        assert_eq!(code(disposition(&status(500), both, 0.0)), Some(Code::HandlerExhausted));
    }

    #[test]
    fn an_unreachable_handler_while_draining_is_given_back_at_once() {
        let draining = Standing { draining: true, ..standing() };
        assert_eq!(disposition(&HandlerAnswer::Unreachable, draining, 0.5), Disposition::Retry(Duration::ZERO));
    }

    #[test]
    fn a_handler_that_goes_away_uses_up_no_attempts_and_is_left_alone_ever_longer() {
        let fifth = Standing { attempt: 5, receive_count: 4, ..standing() };
        assert_eq!(disposition(&HandlerAnswer::Gone, fifth, 0.0), Disposition::Retry(Duration::from_secs(4)));
        assert!(!HandlerAnswer::Gone.is_attempt());
        let last = Standing { receive_count: 15, ..fifth };
        assert_eq!(code(disposition(&HandlerAnswer::Gone, last, 0.0)), Some(Code::ReceivesExhausted));
    }

    #[test]
    fn backoff_doubles_with_jitter_and_is_capped() {
        assert_eq!(backoff(1, 0.0), Duration::from_millis(500));
        assert_eq!(backoff(3, 1.0), Duration::from_secs(4));
        assert_eq!(backoff(200, 1.0), Duration::from_mins(15));
    }
}
