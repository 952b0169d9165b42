//! Moves one dead letter: judge, ask for the grant, send, delete. In this order nothing is lost: a letter that was sent and
//! not deleted is sent again by the next run, and consumers know it by its event key.

use eventing::time::Millis;
use eventing_http::GrantRequest;
use serde::Serialize;

use super::judge::{Judge, Sending, Verdict};
use super::letter::Letter;
use super::ports::Queues;
use crate::resend::ports::Grants;
use crate::resend::{Courier, Leaving, Outgoing, Stop};

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
        let courier = Courier { queue_arn: &self.judge.policy.queue_arn, queue: self.queues, grants };
        let Sending { purpose, sent_at, group, redrives, .. } = &sending;
        let body = &letter.message.body;
        let request = GrantRequest { inbox: self.inbox, purpose: *purpose, sent_at: *sent_at, body };
        let granted = match courier.grant(request).await? {
            Ok(granted) => granted,
            Err(leaving) => return Ok(Outcome::Left(leaving)),
        };
        let message = Outgoing::new(body, &granted, group.as_deref()).with_redrives(*redrives);
        if let Err(leaving) = courier.send(&message).await? {
            return Ok(Outcome::Left(leaving));
        }
        Ok(match self.queues.delete(letter.place, &letter.message.receipt).await {
            Ok(()) => Outcome::Sent(sent),
            Err(error) => Outcome::SentNotDeleted(sent, error.to_string()),
        })
    }
}
