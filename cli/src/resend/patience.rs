//! Which failures are of one event alone, which are of all, and which pass: those are waited out.

use std::time::Duration;

use eventing::consumer::QueueError;
use eventing_http::{ClientError, Problem};

use super::message::Leaving;
use crate::failure::Failure;

/// How often a call is made that others did not answer, and the longest pause between two.
pub const TRIES: u32 = 5;
const LONGEST: Duration = Duration::from_secs(30);

/// Why a run ends here. What was done stands; the next run goes on with what is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Whoever asks may not: the next one would be refused too.
    #[error("{0}")]
    NotAllowed(String),
    /// Something is away.
    #[error("{0}")]
    Away(String),
}

impl From<QueueError> for Stop {
    fn from(error: QueueError) -> Self {
        Self::Away(error.to_string())
    }
}

/// Of a stop, what a person is told; `doing` comes after "cannot".
pub fn stopped(doing: &str) -> impl Fn(Stop) -> Failure {
    let doing = doing.to_owned();
    move |stop| Failure::Remote { doing: doing.clone(), why: stop.to_string() }
}

/// Asks a service of ours until it answers: at most five times where it is away or busy. `Err(Leaving)` within is its
/// refusal of what this one request is about.
///
/// # Errors
/// Why the next request would fare no better.
pub async fn patiently<T>(
    service: &str,
    ask: impl AsyncFn() -> Result<T, ClientError>,
) -> Result<Result<T, Leaving>, Stop> {
    let mut attempt = 1;
    loop {
        let error = match ask().await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(error) => error,
        };
        let pause = match judged(service, error) {
            Refusal::OfThisOne(leaving) => return Ok(Err(leaving)),
            Refusal::OfAll(stop) => return Err(stop),
            Refusal::Passing(why, _) if attempt == TRIES => {
                return Err(Stop::Away(format!("the {service} does not answer: {why}")));
            }
            Refusal::Passing(_, pause) => pause.unwrap_or_else(|| backoff(attempt)).min(LONGEST),
        };
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// Half a second, doubling.
pub fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(250 << attempt.min(6))
}

enum Refusal {
    OfThisOne(Leaving),
    OfAll(Stop),
    Passing(String, Option<Duration>),
}

fn judged(service: &str, error: ClientError) -> Refusal {
    match error {
        ClientError::Answered { status: 429 | 500.., problem, retry_after } => {
            Refusal::Passing(said(&problem), retry_after)
        }
        ClientError::Answered { status: 400 | 413 | 422, problem, .. } => {
            let why = said(&problem);
            Refusal::OfThisOne(Leaving::new(problem.code, why))
        }
        ClientError::Answered { status, problem, .. } => {
            let said = said(&problem);
            Refusal::OfAll(Stop::NotAllowed(format!("the {service} refuses ({status} {}): {said}", problem.code)))
        }
        ClientError::Setup(why) | ClientError::Unreadable(why) => Refusal::OfAll(Stop::Away(why)),
        ClientError::Unreachable(why) => Refusal::Passing(why, None),
    }
}

/// The sentence of a problem, with the fields it names.
fn said(problem: &Problem) -> String {
    let sentence = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
    let fields = problem.errors.iter().map(|error| format!("{} {}", error.field, error.reason));
    std::iter::once(sentence.clone()).chain(fields).collect::<Vec<_>>().join(" ")
}
