//! Moves one dead letter: judge, ask for the grant, send, delete. In this order nothing is lost: a letter that was sent and
//! not deleted is sent again by the next run, and consumers know it by its event key.

use std::time::Duration;

use eventing::consumer::QueueError;
use eventing::time::Millis;
use eventing_http::{ClientError, GrantRequest, Granted, Problem};
use serde::Serialize;

use super::judge::{Judge, Leaving, Outgoing, Sending, Verdict, outgoing};
use super::letter::Letter;
use super::ports::{Grants, Queues};

/// How often a call is made that others did not answer, and the longest pause between two.
const TRIES: u32 = 5;
const LONGEST: Duration = Duration::from_secs(30);

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the inbox, and no dead letter any more.
    Sent(Sent),
    /// It would be.
    WouldBeSent(Sent),
    /// It is in the inbox, and still a dead letter: for this reason.
    SentNotDeleted(Sent, String),
    /// It stays.
    Left(Leaving),
}

/// How it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the attribute's name")]
pub struct Sent {
    /// The time that was vouched for.
    pub sent_at: Millis,
    /// Whether that is the event's own, since it came too late.
    pub is_late: bool,
    /// How often it was sent again now.
    pub redrives: u32,
}

/// Why the run ends here. What was done stands; the next run goes on with what is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Whoever asks may not: the next letter would be refused too.
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

/// One inbox's mover.
#[derive(Debug)]
pub struct Mover<'a, Q, G> {
    /// Judges.
    pub judge: &'a Judge,
    /// `NAMESPACE/NAME` of the InboxQueue.
    pub inbox: &'a str,
    /// Its queues.
    pub queues: &'a Q,
    /// Who grants; nobody is asked where nothing is to be done.
    pub grants: Option<&'a G>,
}

impl<Q: Queues, G: Grants> Mover<'_, Q, G> {
    /// Moves a letter, or says what would become of it.
    ///
    /// # Errors
    /// Why it makes no sense to go on; then the letter is where it was, unless sending it has no answer.
    pub async fn move_letter(&self, letter: &Letter) -> Result<Outcome, Stop> {
        let sending = match self.judge.judge(letter, Millis::now()) {
            Verdict::Send(sending) => sending,
            Verdict::Leave(leaving) => return Ok(Outcome::Left(leaving)),
        };
        let sent = Sent { sent_at: sending.sent_at, is_late: sending.is_late, redrives: sending.redrives };
        let Some(grants) = self.grants else { return Ok(Outcome::WouldBeSent(sent)) };
        let granted = match self.grant(grants, letter, &sending).await? {
            Ok(granted) => granted,
            Err(leaving) => return Ok(Outcome::Left(leaving)),
        };
        if granted.queue_arn != self.judge.policy.queue_arn {
            let why = format!("the grant is for {}, the inbox is {}", granted.queue_arn, self.judge.policy.queue_arn);
            return Ok(Outcome::Left(Leaving::new("GRANT_INVALID", why)));
        }
        if let Err(why) = self.send(&outgoing(letter, &sending, &granted)).await? {
            return Ok(Outcome::Left(Leaving::new("SEND_REFUSED", why)));
        }
        Ok(match self.queues.delete(letter.place, &letter.message.receipt).await {
            Ok(()) => Outcome::Sent(sent),
            Err(error) => Outcome::SentNotDeleted(sent, error.to_string()),
        })
    }

    async fn grant(&self, grants: &G, letter: &Letter, sending: &Sending) -> Result<Result<Granted, Leaving>, Stop> {
        let Sending { purpose, sent_at, .. } = *sending;
        let request = GrantRequest { inbox: self.inbox, purpose, sent_at, body: &letter.message.body };
        let mut attempt = 1;
        loop {
            let error = match grants.grant(request).await {
                Ok(granted) => return Ok(Ok(granted)),
                Err(error) => error,
            };
            let pause = match judged(error) {
                Refusal::OfThisOne(leaving) => return Ok(Err(leaving)),
                Refusal::OfAll(stop) => return Err(stop),
                Refusal::Passing(why, _) if attempt == TRIES => {
                    return Err(Stop::Away(format!("the signature service gives no grant: {why}")));
                }
                Refusal::Passing(_, pause) => pause.unwrap_or_else(|| backoff(attempt)).min(LONGEST),
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn send(&self, message: &Outgoing) -> Result<Result<(), String>, Stop> {
        let mut attempt = 1;
        loop {
            match self.queues.send(message).await {
                Ok(()) => return Ok(Ok(())),
                Err(QueueError::Refused(why)) => return Ok(Err(why)),
                Err(error) if attempt == TRIES => {
                    return Err(Stop::Away(format!("the inbox cannot be sent to: {error}")));
                }
                Err(_) => tokio::time::sleep(backoff(attempt)).await,
            }
            attempt += 1;
        }
    }
}

enum Refusal {
    OfThisOne(Leaving),
    OfAll(Stop),
    Passing(String, Option<Duration>),
}

fn judged(error: ClientError) -> Refusal {
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
            Refusal::OfAll(Stop::NotAllowed(format!(
                "the signature service refuses ({status} {}): {said}",
                problem.code
            )))
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

/// Half a second, doubling.
fn backoff(attempt: u32) -> Duration {
    Duration::from_millis(250 << attempt.min(6))
}
