//! One put, and what of it may be put again: entries the bus did not take for reasons that pass, within the life of their
//! signature. What may have arrived is not put again.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::ports::{Bus, Entry, EntryFault, PutError};
use super::publisher::Outcome;

/// How long one put may take.
const PUT: Duration = Duration::from_secs(15);
/// How often an entry is put.
const TRIES: u32 = 5;

/// Puts one batch until each entry has its outcome.
pub(super) async fn put<B: Bus>(bus: &B, all: &[Entry], batch: Vec<usize>, until: Instant) -> Vec<(usize, Outcome)> {
    let mut pending = batch;
    let mut done = Vec::with_capacity(pending.len());
    for attempt in 1..=TRIES {
        let entries: Vec<Entry> = pending.iter().filter_map(|index| all.get(*index)).cloned().collect();
        let answer = timeout(PUT, bus.put(&entries)).await;
        let answer = answer.unwrap_or_else(|_| Err(PutError::Uncertain("no answer in time".to_owned())));
        let mut why = String::new();
        match answer {
            Ok(answers) => {
                let missing = || Err(EntryFault { code: String::new(), message: String::new() });
                let mut left = Vec::new();
                let answers = answers.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
                for (index, answer) in pending.into_iter().zip(answers) {
                    match answer.unwrap_or_else(missing) {
                        Ok(event_id) => done.push((index, Outcome::Published { event_id })),
                        Err(fault) if fault.code.is_empty() => {
                            done.push((index, Outcome::Uncertain("no answer for this entry".to_owned())));
                        }
                        Err(fault) if fault.is_passing() => {
                            why = format!("{}: {}", fault.code, fault.message);
                            left.push(index);
                        }
                        Err(fault) => done.push((index, Outcome::Refused(fault))),
                    }
                }
                pending = left;
            }
            Err(PutError::NotSent(reason)) => why = reason,
            Err(PutError::Uncertain(reason)) => {
                done.extend(pending.into_iter().map(|index| (index, Outcome::Uncertain(reason.clone()))));
                return done;
            }
            Err(PutError::Refused(fault)) => {
                done.extend(pending.into_iter().map(|index| (index, Outcome::Refused(fault.clone()))));
                return done;
            }
        }
        let pause = delay(attempt, rand::random());
        if pending.is_empty() {
            return done;
        }
        if attempt == TRIES || Instant::now() + pause + PUT > until {
            done.extend(pending.into_iter().map(|index| (index, Outcome::NotSent(why.clone()))));
            return done;
        }
        sleep(pause).await;
    }
    done
}

/// 0.1 s, doubling, half of it drawn.
pub(super) fn delay(attempt: u32, jitter: f64) -> Duration {
    Duration::from_millis(50 << attempt.min(6)).mul_f64(1.0 + jitter.clamp(0.0, 1.0))
}
