//! EventBridge's one rate for the whole control plane of an account and Region.

use super::record::Call;
use crate::error::{AwsError, ErrorClass};
use jiff::Timestamp;

/// How many calls a second EventBridge takes from an account in a Region; fixed, whosoever makes them.
pub const CONTROL_PLANE_CALLS_A_SECOND: u32 = 50;

/// A bucket that holds a second's calls and is filled by the clock.
#[derive(Debug, Default)]
pub(super) struct Rates {
    bucket: Option<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    calls: f64,
    filled_at: Option<Timestamp>,
}

impl Rates {
    pub(super) fn keep(&mut self) {
        self.bucket = Some(Bucket { calls: f64::from(CONTROL_PLANE_CALLS_A_SECOND), filled_at: None });
    }

    /// Refuses a call to EventBridge for which the bucket has nothing left.
    pub(super) fn admit(&mut self, call: &Call, now: Timestamp) -> Result<(), AwsError> {
        let Some(bucket) = self.bucket.as_mut().filter(|_| call.service == "EventBridge") else {
            return Ok(());
        };
        let full = f64::from(CONTROL_PLANE_CALLS_A_SECOND);
        let passed = bucket.filled_at.map_or(0.0, |at| now.duration_since(at).as_secs_f64());
        bucket.calls = (bucket.calls + passed * full).min(full);
        bucket.filled_at = Some(now);
        if bucket.calls < 1.0 {
            let message = "ThrottlingException: Rate exceeded";
            return Err(AwsError::new(ErrorClass::Throttled, call.service, call.operation, message));
        }
        bucket.calls -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn call(service: &'static str) -> Call {
        Call { service, operation: "ListRules", write: false }
    }

    #[test]
    fn the_fifty_first_call_of_a_second_is_refused_and_the_clock_lets_more_in() {
        let mut rates = Rates::default();
        rates.keep();
        let start = Timestamp::from_second(100).unwrap();
        for _ in 0..50 {
            rates.admit(&call("EventBridge"), start).unwrap();
        }
        assert_eq!(rates.admit(&call("EventBridge"), start).unwrap_err().class, ErrorClass::Throttled);
        rates.admit(&call("SQS"), start).unwrap();
        let later = Timestamp::from_millisecond(100_100).unwrap();
        let let_in = (0..50).filter(|_| rates.admit(&call("EventBridge"), later).is_ok()).count();
        assert_eq!(let_in, 5);
    }
}
