//! What becomes of a dead letter: a pure decision over its text and the keys there are.
//!
//! An event goes back only where it verifies as if it had just entered the queue at its own time. The signature service
//! judges the same once more before it gives the grant; here it is judged so that nobody has to be asked to see it.

use std::collections::BTreeMap;
use std::time::Duration;

use eventing::attributes::{self, Attributes};
use eventing::compact::{Compact, Typ};
use eventing::grant::Purpose;
use eventing::keyset::KeyRing;
use eventing::time::Millis;
use eventing::verify::{Code, Policy, RawMessage, Rejection, Verified, verify};
use serde_json::Value;

use super::letter::{Letter, Place, Writer};
use crate::resend::Leaving;

/// How old an event may be for a grant to bring it back; the signature service's own bound.
const WITHIN: Duration = Duration::from_hours(28 * 24);

/// By what it is judged.
#[derive(Debug)]
pub struct Judge {
    /// The keys of the inbox's buses.
    pub ring: KeyRing,
    /// How the inbox judges, and its queue.
    pub policy: Policy,
    /// Whether the inbox is FIFO: what is sent to it has a group.
    pub fifo: bool,
    /// The message groups of the rules that feed the inbox, by the rules' ARNs.
    pub groups: BTreeMap<String, String>,
    /// The group for what has none of its own.
    pub group: Option<String>,
    /// Whether an event that came too late is taken at the time it was signed.
    pub accept_late: bool,
}

/// What becomes of a letter.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It is sent again.
    Send(Sending),
    /// It stays.
    Leave(Leaving),
}

/// How it is sent again.
#[derive(Debug, Clone)]
pub struct Sending {
    /// When the event entered a queue, to be vouched for.
    pub sent_at: Millis,
    /// Why it is sent.
    pub purpose: Purpose,
    /// The group, for a FIFO inbox.
    pub group: Option<String>,
    /// How often it was sent again then.
    pub redrives: u32,
    /// Whether `sent_at` is the event's own time, since it came too late.
    pub is_late: bool,
}

impl Judge {
    /// Judges one letter at `now`.
    pub fn judge(&self, letter: &Letter, now: Millis) -> Verdict {
        match self.sending(letter, now) {
            Ok(sending) => Verdict::Send(sending),
            Err(leaving) => Verdict::Leave(leaving),
        }
    }

    fn sending(&self, letter: &Letter, now: Millis) -> Result<Sending, Leaving> {
        let (noted, purpose) = self.first_time(letter);
        let (sent_at, is_late) = self.time(letter, noted)?;
        if sent_at > now {
            return Err(Leaving::new(
                "SENT_AT_OUT_OF_BOUNDS",
                "its time lies in the future: is this machine's clock right?",
            ));
        }
        if purpose == Purpose::Redrive && sent_at.plus(WITHIN) < now {
            return Err(Leaving::new("SENT_AT_OUT_OF_BOUNDS", "it is older than 28 days, for which no grant is given"));
        }
        let group = self.fifo.then(|| self.group_of(letter)).transpose()?;
        let redrives = letter.redrives.saturating_add(1);
        Ok(Sending { sent_at, purpose, group, redrives, is_late })
    }

    /// When the event entered a queue first, and why it would be sent again: what our consumer wrote down; of what SQS
    /// moved, what its grant says, if it had a good one; else the dead letter's own time.
    fn first_time(&self, letter: &Letter) -> (Millis, Purpose) {
        let own = (letter.message.sent_at, Purpose::Redrive);
        match letter.writer {
            Writer::EventBridge => own,
            Writer::Consumer => {
                let is_replay = letter.attribute(attributes::PURPOSE) == Some(Purpose::Replay.as_str());
                let purpose = if is_replay { Purpose::Replay } else { Purpose::Redrive };
                (letter.noted_time().unwrap_or(own.0), purpose)
            }
            Writer::Sqs => self.granted_before(letter).unwrap_or(own),
        }
    }

    /// What the grant says that a message still carries. It held when the message was sent, so that is when it is held
    /// against the skew: a FIFO queue has reset the message's own time since.
    fn granted_before(&self, letter: &Letter) -> Option<(Millis, Purpose)> {
        let grant = letter.attribute(attributes::GRANT)?;
        let sent_at = Compact::split(grant).ok()?.header(Typ::Grant).ok()?.ts.millis();
        let attributes = &letter.message.attributes;
        let message = RawMessage { body: letter.message.body.as_bytes(), attributes, sent_at };
        match verify(&message, &self.ring, &self.policy, sent_at) {
            Ok(event) => Some((event.sent_at, event.purpose?)),
            Err(rejection) => Some((rejection.sent_at, rejection.purpose?)),
        }
    }

    /// When the event verifies: at its time, or where that is asked for at the time it was signed.
    fn time(&self, letter: &Letter, sent_at: Millis) -> Result<(Millis, bool), Leaving> {
        match self.verify_at(letter, sent_at) {
            Ok(_) => Ok((sent_at, false)),
            Err(rejection) if rejection.code == Code::TimestampSkew && self.accept_late => {
                let ts = signed_at(&letter.message.body).ok_or_else(|| left(&rejection))?;
                self.verify_at(letter, ts).map_err(|rejection| left(&rejection))?;
                Ok((ts, true))
            }
            Err(rejection) => Err(left(&rejection)),
        }
    }

    fn verify_at(&self, letter: &Letter, sent_at: Millis) -> Result<Verified, Rejection> {
        let attributes = Attributes::new();
        let message = RawMessage { body: letter.message.body.as_bytes(), attributes: &attributes, sent_at };
        verify(&message, &self.ring, &self.policy, sent_at)
    }

    fn group_of(&self, letter: &Letter) -> Result<String, Leaving> {
        let own = match letter.place {
            Place::Rejected => letter.message.group.as_deref().map(str::to_owned),
            Place::Undelivered => letter.rule_arn().and_then(|rule| self.groups.get(rule)).cloned(),
        };
        own.or_else(|| self.group.clone()).ok_or_else(|| {
            let rule = letter.rule_arn().unwrap_or("that failed");
            Leaving::new(
                "NO_GROUP",
                format!("no EventRule that targets this inbox is {rule}: name its message group with --group"),
            )
        })
    }
}

/// When the body says it was signed. It is verified at that time afterwards.
fn signed_at(body: &str) -> Option<Millis> {
    let body: Value = serde_json::from_str(body).ok()?;
    let compact = body.pointer("/detail/sig_compact")?.as_str()?;
    Some(Compact::split(compact).ok()?.header(Typ::Event).ok()?.ts.millis())
}

fn left(rejection: &Rejection) -> Leaving {
    let hint = match rejection.code {
        Code::TimestampSkew => "; --accept-late takes it at the time it was signed",
        _ => "",
    };
    Leaving::new(rejection.code.as_str(), format!("{}{hint}", rejection.message))
}

#[cfg(test)]
mod tests;
